"""What ``/.well-known/security.txt`` may hold: :func:`config.security_txt.refuse_unusable`."""

import pytest

from config.security_txt import refuse_unusable
from config.settings import SettingsError, load_settings

MAIL = "mailto:security@example.com"
CONTACTS = [
    MAIL, "MAILTO:%73ec@example.com?subject=Daypass", "https://example.com/report?a=b%2Cc#d", "https://[2001:db8::1]:8443/",
    "tel:+1-201-555-0123",
]  # fmt: skip
NO_CONTACTS = [
    "security@example.com", "mailto:", "mailto:security", "mailto:a@b@c", "mailto:a b@example.com", "http://example.com",
    "https://", "https:example.com", "https://user:secret@example.com", "https://example.com:0", "https://example.com:x",
    "https://[::1", "https://exämple.com", "tel:911", "tel:+", "javascript:alert(1)", "mailto:a@example.com>",
    "https://example.com/\nContact: mailto:b@example.com", "https://example.com\r", "https://example.com/\x00",
]  # fmt: skip


@pytest.mark.parametrize("contact", CONTACTS)
def test_a_contact_is_an_address_for_mail_a_page_or_a_phone(contact: str) -> None:
    refuse_unusable((MAIL, contact), "https://example.com/policy", ("en", "de-CH", "zh-Hant-TW"))


@pytest.mark.parametrize("contact", NO_CONTACTS)
def test_another_contact_is_refused_without_being_repeated(contact: str) -> None:
    """◆ Fails when the characters are not looked at: a line break would add a line of somebody's choice."""
    with pytest.raises(ValueError, match=r"^DAYPASS_SECURITY_CONTACT must be addresses such as ") as refused:
        refuse_unusable((MAIL, contact), "", ())
    assert "\n" not in str(refused.value) and "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("contacts", "policy", "languages", "refusal"),
    [
        ((MAIL,), "http://example.com/policy", (), "POLICY must be an address that begins with https://"),
        ((MAIL,), MAIL, (), "POLICY must be an address that begins with https://"),
        ((), "https://example.com", (), "POLICY needs a contact beside it: set DAYPASS_SECURITY_CONTACT"),
        ((MAIL,), "", ("en", "german language"), "LANGUAGES must be tags such as en or de-CH, joined by commas"),
        ((MAIL,), "", ("de_CH",), "LANGUAGES must be tags such as en or de-CH, joined by commas"),
    ],
)
def test_so_are_another_policy_and_other_languages(
    contacts: tuple[str, ...], policy: str, languages: tuple[str, ...], refusal: str
) -> None:
    with pytest.raises(ValueError) as refused:
        refuse_unusable(contacts, policy, languages)
    assert str(refused.value) == f"DAYPASS_SECURITY_{refusal}"


def test_the_start_refuses_it_under_the_name_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYPASS_SECURITY_CONTACT", f" {MAIL}, https://example.com/report ")
    monkeypatch.setenv("DAYPASS_SECURITY_LANGUAGES", "de,en")
    assert load_settings().security_txt == ((MAIL, "https://example.com/report"), "", ("de", "en"))
    monkeypatch.setenv("DAYPASS_SECURITY_CONTACT", "security@example.com")
    with pytest.raises(SettingsError, match=r"^DAYPASS_SECURITY_CONTACT must be addresses such as "):
        load_settings()

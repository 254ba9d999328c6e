"""The header that signs people in: start-up refuses what would sign in anybody, or nobody."""

import pytest

from config.remote_user import refuse_unusable_header
from config.settings import SettingsError, load_settings

GOOD = ("Remote-User", "X-Forwarded-User", "REMOTE-USER", "X-Auth-Request-Preferred-Username")
NOT_NAMES = ("Remote_User", "Remote User", "-", "X-", "Cookie", "authorization", "TOKEN", "Host", "a:b")
NO_PAGES = ("javascript:alert(1)", "//evil.example", "proxy/sign_out", "https://", "/a b", "/\\x")


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("sign_out", ["", "https://proxy.example.com/oauth2/sign_out?rd=/", "/oauth2/sign_out"])
def test_a_header_of_trusted_proxies_is_accepted(name: str, sign_out: str) -> None:
    refuse_unusable_header(name, "unix", sign_out)


def test_without_it_nothing_is_needed() -> None:
    refuse_unusable_header("", "", "")


@pytest.mark.parametrize("name", NOT_NAMES)
def test_a_header_that_clients_send_or_that_is_none_is_refused(name: str) -> None:
    """Many servers take Remote_User for Remote-User. Fails when any word is accepted."""
    with pytest.raises(ValueError, match="HEADER must be the name of a header"):
        refuse_unusable_header(name, "127.0.0.1", "")


@pytest.mark.parametrize("sign_out", NO_PAGES)
def test_an_address_that_is_no_page_is_refused(sign_out: str) -> None:
    with pytest.raises(ValueError, match="SIGN_OUT must be an address"):
        refuse_unusable_header("Remote-User", "127.0.0.1", sign_out)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("REMOTE_USER_HEADER", "Remote-User", "DAYPASS_REMOTE_USER_HEADER needs DAYPASS_TRUSTED_PROXIES"),
        ("REMOTE_USER_SIGN_OUT", "/out", "DAYPASS_REMOTE_USER_SIGN_OUT needs DAYPASS_REMOTE_USER_HEADER"),
    ],
)
def test_start_up_refuses_it_without_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    """◆ Without trusted proxies anybody could sign in as anybody. Fails when it is not looked at."""
    monkeypatch.setenv(f"DAYPASS_{name}", value)
    with pytest.raises(SettingsError, match=says):
        load_settings()

"""What a provider publishes about itself: what is used of it, and what is refused by the member's name."""

from typing import Any

import pytest

from app.domain.providers import ProviderRefused, Why
from app.providers.discovery import KEPT_SECONDS, Discovery, parse
from tests.unit.providers.answering import DOCUMENT, ISSUER, Canned


def test_what_a_document_does_not_say_is_as_the_specifications_have_it() -> None:
    found = parse(DOCUMENT, ISSUER)
    assert (found.userinfo_endpoint, found.end_session_endpoint, found.sends_issuer) == (None, None, False)
    assert (found.algorithms, found.token_auth_methods) == (("RS256",), ("client_secret_basic",))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("issuer", f"{ISSUER}/"), ("issuer", None), ("authorization_endpoint", None),
        *(("token_endpoint", url) for url in (
            7, "", "http://id.example.com/token", "http://127.0.0.1/token", "https://u:p@id.example.com/token",
            "https:///token", "https://id.example.com/token#x", "javascript:alert(1)", "https://id.example.com:99999/",
            f"https://id.example.com/{'x' * 2000}", "https://id.example.com/a b",
        )),
        ("jwks_uri", "ftp://id.example.com/keys"), ("userinfo_endpoint", "http://id.example.com/"),
        ("end_session_endpoint", ["https://id.example.com/"]),
        ("id_token_signing_alg_values_supported", "RS256"), ("token_endpoint_auth_methods_supported", [1]),
    ],
)  # fmt: skip
def test_a_member_that_will_not_do_is_refused_by_its_name(member: str, value: Any) -> None:
    with pytest.raises(ProviderRefused) as refused:
        parse(DOCUMENT | {member: value}, ISSUER)
    assert (refused.value.why, refused.value.detail) == (Why.DISCOVERY, member)


def test_without_tls_only_on_this_machine_and_only_for_a_provider_that_is_there() -> None:
    local = {name: value.replace(ISSUER, "http://127.0.0.1:8081") for name, value in DOCUMENT.items()}
    assert parse(local, "http://127.0.0.1:8081").token_endpoint == "http://127.0.0.1:8081/token"
    with pytest.raises(ProviderRefused):
        parse(local | {"token_endpoint": "http://10.0.0.1/token"}, "http://127.0.0.1:8081")


def test_it_is_read_again_after_an_hour() -> None:
    now, canned = [0.0], Canned(openid_configuration=DOCUMENT)
    discovery = Discovery(f"{ISSUER}", lambda: now[0])
    for now[0] in (0, KEPT_SECONDS, KEPT_SECONDS + 1):
        discovery.metadata(canned)  # type: ignore[arg-type]
    assert canned.asked == [f"{ISSUER}/.well-known/openid-configuration"] * 2

"""What claims say of a person: what is believed, what is left out, and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.identity import Role
from app.domain.providers import Provider, ProviderRefused, Why
from app.domain.sign_ins import ProvidedPerson
from app.providers.people import GOOGLE, missing_claims, person_of

PLAIN = Provider("corp", "Corp", "https://id.example.com", "daypass")
MAPPED = replace(PLAIN, role_claim="realm_access.roles", roles=(("root", Role.SERVER_ADMIN), ("all", Role.VIEWER)))
RANDOM = "I0aUlJ9k2GjE7pVcQ3nWtXyZbR5sH8dFmK1oLu-T4vAe"
FULL = {"sub": "1", "preferred_username": "anna", "email": "Anna@Example.com", "email_verified": True,
        "given_name": "Anna", "family_name": "Ω"}  # fmt: skip


def person(provider: Provider = PLAIN, **claims: Any) -> ProvidedPerson:
    return person_of(provider, FULL | claims, "the id token")


def why(provider: Provider = PLAIN, **claims: Any) -> Why:
    with pytest.raises(ProviderRefused) as refused:
        person(provider, **claims)
    return refused.value.why


def test_an_identifier_may_look_random() -> None:
    """As subjects of Entra ID do. Fails when it is taken for a secret, and its person can't sign in."""
    claims = {"username": RANDOM, "id": RANDOM}
    found = person(replace(PLAIN, username_claim="username", scim_match=("externalId", "id")), **claims)
    assert (found.username, found.provisioned) == (RANDOM, ("externalId", RANDOM))
    assert why(given_name=RANDOM) is Why.CLAIM


def test_names_and_an_e_mail_are_taken_over() -> None:
    found = person(auth_time=1_800_000_000, sid="s")
    assert found == ProvidedPerson(
        "corp", "https://id.example.com", "1", username="anna", email="Anna@Example.com", first_name="Anna",
        last_name="Ω", signed_in_at=datetime(2027, 1, 15, 8, 0, tzinfo=UTC), session="s", id_token="the id token",
    )  # fmt: skip


@pytest.mark.parametrize("verified", [None, False, "false", "True", "yes", 1, [True], {}])
def test_an_e_mail_counts_only_if_the_provider_says_that_it_is_verified(verified: object) -> None:
    """◆ Fails when the claim is only looked at for being there."""
    assert person(email_verified=verified).email == ""
    assert person(email_verified="true").email == "Anna@Example.com"  # as some providers write it


def test_the_first_role_of_the_map_that_a_person_has_counts() -> None:
    cases: tuple[tuple[Any, Role | None], ...] = (
        ({"roles": ["all", "root"]}, Role.SERVER_ADMIN), ({"roles": "all"}, Role.VIEWER), ({"roles": ["x"]}, None),
        ({}, None), (None, None),
    )  # fmt: skip
    assert [person(MAPPED, realm_access=claim).role for claim, _ in cases] == [role for _, role in cases]
    assert person(MAPPED, **{"realm_access.roles": ["root"]}).role is Role.SERVER_ADMIN
    assert (person(MAPPED).maps_roles, person().maps_roles) == (True, False)


@pytest.mark.parametrize("junk", [7, True, {"root": True}, [["root"]], ["root", 7], [{"name": "root"}], ["x"] * 1001])
def test_roles_as_junk_are_refused(junk: object) -> None:
    assert why(MAPPED, realm_access={"roles": junk}) is Why.ROLE_CLAIM


@pytest.mark.parametrize(
    "claims",
    [{"preferred_username": 7}, {"given_name": ["x"]}, {"family_name": "a\nb"}, {"given_name": "x" * 256},
     {"family_name": "\u202eanna"}, {"email": "anna"}, {"email": {}}, {"auth_time": "now"}, {"auth_time": True},
     {"auth_time": 1e300}, {"auth_time": -1}, {"sid": 7}, {"sid": ""}, {"sid": "x" * 256}],
)  # fmt: skip
def test_a_claim_of_another_form_is_refused(claims: dict[str, Any]) -> None:
    assert why(**claims) is Why.CLAIM


def test_only_people_of_allowed_domains_sign_in() -> None:
    provider = replace(PLAIN, domains=("example.com",))
    assert person(provider).subject == "1"
    for claims in ({"email": "anna@other.example"}, {"email": "anna@sub.example.com"}, {"email_verified": False},
                   {"email": "anna@example.com.evil.example"}, {"email": None}):  # fmt: skip
        assert why(provider, **claims) is Why.DOMAIN


def test_of_google_the_hosted_domain_counts_too() -> None:
    google = replace(PLAIN, issuer=GOOGLE, domains=("example.com",))
    assert why(google) is why(google, hd="other.example") is Why.DOMAIN
    assert person(google, hd="example.com").subject == "1"


def test_the_e_mail_and_whether_it_is_verified_come_from_one_place() -> None:
    assert missing_claims(PLAIN, FULL) == set()
    without = {name: value for name, value in FULL.items() if name != "email_verified"}
    assert missing_claims(PLAIN, without) == {"email", "email_verified"}
    assert missing_claims(MAPPED, FULL) == {"realm_access.roles", "realm_access"}

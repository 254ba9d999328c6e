"""Checking many tokens at once in Daypass's own API: the bytes, who may, and what is never in an answer."""

from collections.abc import Callable
from typing import Any

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import BASIC, basic, challenges
from tests.contract.asking_native import Native, Person, fields_of, person, problem
from tests.factories import PASSWORD, issue, make_user, mint, revoke
from tests.secrecy import PASSWORD_MARK, secrets_in

PATH = "verify-batch"


def test_the_answers_are_in_order_and_say_who_or_why(services: Services, native: Native, admin: Person) -> None:
    anna = person(services, native, name="näxt, please")
    ended = mint(services, issue(services, anna.user))
    revoke(services, ended)
    answer = admin.native.post(PATH, {"tokens": [ended.secret, anna.access.secret, f"{anna.access.secret}\n", "x"]})
    assert answer.status_code == 200
    assert not secrets_in(answer.text + str(answer.headers))
    refused, accepted, hinted, nonsense = answer.get_json()["results"]
    assert refused == {"accepted": False, "reason": "token_revoked", "public_id": ended.token.public_id}
    assert nonsense == {"accepted": False, "reason": "token_malformed"}
    assert hinted["reason"] == "token_malformed" and "white space" in hinted.pop("hint")
    assert accepted == {
        "accepted": True, "public_id": anna.access.token.public_id, "kind": "access", "name": "näxt, please",
        "created_at": accepted["created_at"], "expires_at": accepted["expires_at"],
        "user_id": anna.user.id, "username": anna.user.username, "email": "", "role": "VIEWER",
    }  # fmt: skip
    listed = anna.native.get("me/token").get_json()
    assert [accepted[each] for each in ("created_at", "expires_at")] == [listed["created_at"], listed["expires_at"]]


@pytest.mark.parametrize(
    ("tokens", "wrong"),
    [([], "tokens"), (["x"] * 1001, "tokens"), ("x", "tokens"), (None, "tokens"), (["x", 7], "tokens.1"),
     ([None], "tokens.0"), ([["x"]], "tokens.0"), ({"0": "x"}, "tokens")],
    ids=["none", "too many", "a text", "null", "a number", "null in it", "a list in it", "an object"],
)  # fmt: skip
def test_what_is_no_list_of_up_to_a_thousand_texts_is_refused(admin: Person, tokens: Any, wrong: str) -> None:
    assert fields_of(admin.native.post(PATH, {"tokens": tokens})) == [wrong]


def test_a_thousand_tokens_are_one_request_and_a_larger_body_none(admin: Person) -> None:
    """Fails when the limit of all other bodies, 16 KiB, holds here too."""
    texts = [admin.access.secret] * 1000
    answer = admin.native.post(PATH, {"tokens": texts})
    assert [each["accepted"] for each in answer.get_json()["results"]] == [True] * 1000
    answer = admin.native.post(PATH, {"tokens": ["x" * 1000] * 150})
    assert problem(answer) == (413, "request_entity_too_large")
    assert answer.get_json()["detail"] == "The request's body is larger than 128 KiB."
    answer = admin.native.post("tokens/identify", {"secret": "x" * 20_000})
    assert answer.get_json()["detail"] == "The request's body is larger than 16 KiB."


def test_administrators_and_introspectors_may_with_every_credential_of_introspection(
    services: Services, native: Native
) -> None:
    """Fails when a client of a user without the permission learns of tokens that are not its own."""
    body = {"tokens": ["x"]}
    for role, status in ((Role.SERVER_ADMIN, 200), (Role.INTROSPECTOR, 200), (Role.VIEWER, 403)):
        user = make_user(services, role=role, password=PASSWORD)
        refresh = issue(services, user)
        access = mint(services, refresh)
        token = access.secret
        sent: list[dict[str, str]] = [
            {"TOKEN": token}, {"Authorization": f"Bearer {token}"}, basic(user.username, PASSWORD),
            basic(refresh.token.public_id, refresh.secret), basic(access.token.public_id, token),
        ]  # fmt: skip
        assert [native.post(PATH, body, headers=each).status_code for each in sent] == [status] * 5, role


REFUSED: dict[str, tuple[Callable[[Person], dict[str, str]], str]] = {
    "nobody": (lambda it: {}, "token_missing"),
    "a wrong password": (lambda it: basic(it.user.username, f"{PASSWORD_MARK}-wrong"), "bad_credentials"),
    "a wrong client id": (lambda it: basic(it.access.token.public_id, it.refresh.secret), "bad_credentials"),
    "no token": (lambda it: {"TOKEN": "x"}, "token_malformed"),
}


@pytest.mark.parametrize("who", REFUSED)
def test_who_has_no_credential_learns_how_to_authenticate_and_nothing_of_the_tokens(
    native: Native, admin: Person, who: str
) -> None:
    headers, reason = REFUSED[who]
    answer = native.post(PATH, {"tokens": [admin.access.secret]}, headers=headers(admin))
    assert problem(answer) == (401, reason)
    assert BASIC in challenges(answer) and any(each.startswith("Bearer ") for each in challenges(answer))
    assert not secrets_in(answer.text)

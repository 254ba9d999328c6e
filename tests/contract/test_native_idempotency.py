"""Creating calls under an ``Idempotency-Key``: done once, however often they are sent.

Not here: what a repeat answers for (``tests/unit/services/test_repeats``).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.services import Services
from app.storage.database import Database
from app.storage.operating_tables import IdempotencyKeyRow
from tests import rows
from tests.contract.asking_native import Native, Person, fields_of, person, problem
from tests.contract.conftest import MovableClock, Setting
from tests.crowds import all_at_once
from tests.factories import PASSWORD, issue, purge

TOKENS, USERS = "me/refresh-tokens", "users"


@pytest.fixture(autouse=True)
def by_token(setting: Setting) -> Iterator[None]:
    with setting(api_can_create_refresh_tokens="on", api_can_manage_users="on"):
        yield


def sent(by: Person, path: str, key: str, **members: Any) -> TestResponse:
    return by.native.post(path, members or None, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("path", [TOKENS, "access-tokens", f"{TOKENS}/:id/access-token", f"{TOKENS}/:id/regenerate"])
def test_a_repeat_is_answered_with_the_public_id_and_without_the_secret(
    services: Services, admin: Person, path: str
) -> None:
    """Fails when the key is not handed on (tried: 201 again, and the secret that was shown first is refused)."""
    refresh = issue(services, admin.user)
    path = path.replace(":id", refresh.token.public_id)
    members = {TOKENS: {"name": "x"}, "access-tokens": {"refresh_token": refresh.secret}}.get(path, {})
    created, again = (sent(admin, each, "one", **members) for each in (path, f"{path}/"))
    assert (created.status_code, again.status_code) == (201, 200)
    assert again.get_json() == {"public_id": created.get_json()["public_id"], "secret_already_shown": True}
    works = {"checksum_ok": True, "is_known": True, "works": True}
    identified = admin.native.post("tokens/identify", {"secret": created.get_json()["secret"]}).get_json()
    assert identified.items() >= works.items()
    assert problem(sent(admin, TOKENS, "one", name="another")) == (409, "conflict")
    assert sent(admin, path, "another", **members).status_code == 201


def test_a_repeated_user_is_answered_and_not_created_again(admin: Person) -> None:
    created, again = (sent(admin, USERS, "one", username="Olga", password=PASSWORD) for _ in range(2))
    assert (created.status_code, again.status_code) == (201, 200)
    assert again.get_json() == created.get_json() | {"secret_already_shown": True}
    assert problem(sent(admin, USERS, "one", username="another")) == (409, "conflict")


def test_keys_differ_by_letter_case_and_by_caller_and_are_1_to_255_characters(
    services: Services, admin: Person, native: Native
) -> None:
    calls = ((admin, "one"), (admin, "One"), (person(services, native), "one"), (admin, "~ !" * 85))
    created = [sent(by, TOKENS, key, name="x") for by, key in calls]
    assert [each.status_code for each in created] == [201] * 4
    assert len({each.get_json()["public_id"] for each in created}) == 4
    for key in ("", "x" * 256, "ü", "a\tb"):
        assert fields_of(sent(admin, TOKENS, key, name="x")) == ["Idempotency-Key"], key


def test_a_call_that_was_refused_can_be_repeated_when_it_is_no_longer(admin: Person, setting: Setting) -> None:
    with setting(max_refresh_tokens_per_user="1"):
        assert sent(admin, TOKENS, "one", name="x").status_code == 403
    assert sent(admin, TOKENS, "one", name="x").status_code == 201


def test_a_key_is_kept_for_a_day_as_a_digest_like_the_request_and_then_purged(
    services: Services, admin: Person, clock: MovableClock, database: Database
) -> None:
    """Fails when the purge is left out."""
    sent(admin, USERS, "a-key-of-mine", username="quinn", password=PASSWORD)
    for hours, is_kept in ((23, True), (25, False)):
        with clock.later(hours=hours):
            purge(services)
        kept = str(rows.everything(database)["idempotency_keys"])
        assert ("quinn" in kept) is is_kept
        assert "a-key-of-mine" not in kept and PASSWORD not in kept
    assert rows.count(database, IdempotencyKeyRow) == 0


def test_of_many_who_create_a_user_at_once_one_does_and_the_others_are_answered(admin: Person) -> None:
    """Fails when the key is kept after the creation, in a transaction of its own."""
    answers = all_at_once([partial(sent, admin, USERS, "at once", username="paula")] * 8)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.get_json()["id"] for answer in answers}) == 1

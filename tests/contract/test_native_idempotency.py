"""Creating calls under an ``Idempotency-Key``: made once, however often they are sent.

Not here: what is created otherwise (``test_native_own``, ``test_native_users``).
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.services import Services
from app.storage.database import Database
from app.storage.tables import IdempotencyKeyRow
from tests import rows
from tests.contract.asking_native import Native, Person, fields_of, person, said
from tests.contract.conftest import MovableClock, Setting
from tests.crowds import all_at_once
from tests.factories import OPERATOR, PASSWORD, issue, mint

TOKENS, USERS = "me/refresh-tokens", "users"


@pytest.fixture(autouse=True)
def by_token(setting: Setting) -> Iterator[None]:
    with setting(api_can_create_refresh_tokens="on"):
        yield


def sent(by: Person, path: str, key: str, **members: Any) -> TestResponse:
    return by.native.post(path, members, headers={"Idempotency-Key": key})


def names(services: Services, of: Person) -> list[str]:
    return [each["name"] for each in of.native.get("me/tokens?kind=refresh").get_json()["items"]]


def test_a_repeat_is_told_what_was_made_and_not_the_secret(services: Services, admin: Person) -> None:
    """Fails when the key is not asked for."""
    made = sent(admin, TOKENS, "one", name="dashboard")
    again = sent(admin, f"{TOKENS}/", "one", name="dashboard")
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.get_json() == {"public_id": made.get_json()["public_id"], "secret_already_shown": True}
    assert names(services, admin) == ["dashboard", "nightly-etl"]


def test_a_repeated_user_is_told_and_not_made_again(admin: Person) -> None:
    made = sent(admin, USERS, "one", username="Olga", password=PASSWORD)
    again = sent(admin, USERS, "one", username="Olga", password=PASSWORD)
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.get_json() == made.get_json() | {"secret_already_shown": True}


def test_a_repeated_mint_is_told_which_token_it_was_and_replaces_nothing(
    services: Services, admin: Person, native: Native
) -> None:
    """By public id and by the refresh token alone. Fails when the key is not handed on (tried: 201 again)."""
    refresh = issue(services, admin.user)
    by_id = f"{TOKENS}/{refresh.token.public_id}/access-token"
    for path, members in ((by_id, None), ("access-tokens", {"refresh_token": refresh.secret})):
        headers = {"Idempotency-Key": f"once {path}"}
        made, again = (admin.native.post(path, members, headers=headers) for _ in range(2))
        assert (made.status_code, again.status_code) == (201, 200)
        assert again.get_json() == {"public_id": made.get_json()["public_id"], "secret_already_shown": True}
        assert native.holding(made.get_json()["secret"]).get("me").status_code == 200
        assert admin.native.post(path, members).status_code == 201
    assert said(admin.native.post("access-tokens", {"refresh_token": admin.refresh.secret}, headers=headers)) == (
        409, "conflict"
    )  # fmt: skip


def test_a_repeated_regeneration_is_told_and_the_new_secret_stays(services: Services, admin: Person) -> None:
    """Fails when the key is not handed on (tried: 201 again, and the secret that was told first is dead)."""
    refresh = issue(services, admin.user)
    path, headers = f"{TOKENS}/{refresh.token.public_id}/regenerate", {"Idempotency-Key": "one"}
    made, again = (admin.native.post(path, headers=headers) for _ in range(2))
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.get_json() == {"public_id": refresh.token.public_id, "secret_already_shown": True}
    assert admin.native.post("access-tokens", {"refresh_token": made.get_json()["secret"]}).status_code == 201


def test_another_request_under_the_same_key_is_a_conflict(services: Services, admin: Person) -> None:
    sent(admin, TOKENS, "one", name="dashboard")
    assert said(sent(admin, TOKENS, "one", name="another")) == (409, "conflict")
    assert said(sent(admin, USERS, "one", username="another")) == (409, "conflict")
    assert names(services, admin) == ["dashboard", "nightly-etl"]


def test_other_keys_and_other_callers_are_others(services: Services, admin: Person, native: Native) -> None:
    other = person(services, native)
    made = [
        sent(admin, TOKENS, "one", name="x"),
        sent(admin, TOKENS, "One", name="x"),
        sent(other, TOKENS, "one", name="x"),
    ]
    assert [each.status_code for each in made] == [201, 201, 201]
    assert len({each.get_json()["public_id"] for each in made}) == 3


def test_a_call_that_was_refused_can_be_repeated_when_it_is_no_longer(
    admin: Person, setting: Setting, services: Services
) -> None:
    with setting(max_refresh_tokens_per_user="1"):
        assert sent(admin, TOKENS, "one", name="x").status_code == 403
    assert sent(admin, TOKENS, "one", name="x").status_code == 201
    assert said(sent(admin, USERS, "two", username=admin.user.username)) == (409, "conflict")
    assert sent(admin, USERS, "two", username="free-name").status_code == 201


def test_a_key_is_remembered_for_a_day_and_then_purged(
    services: Services, admin: Person, clock: MovableClock, database: Database
) -> None:
    """Fails when `forget` or the purge is left out."""
    made = sent(admin, TOKENS, "one", name="x").get_json()["public_id"]
    for hours, status in ((23.9, 200), (24.1, 201)):
        with clock.later(hours=hours):
            holder = Person(
                admin.user, admin.refresh, admin.access, admin.native.holding(mint(services, admin.refresh).secret)
            )
            answer = sent(holder, TOKENS, "one", name="x")
            assert answer.status_code == status
            assert (answer.get_json()["public_id"] == made) is (status == 200)
    with clock.later(hours=100):
        services.expiring.purge(OPERATOR)
    assert rows.count(database, IdempotencyKeyRow) == 0


def test_of_many_at_once_one_makes_it_and_the_others_are_told(services: Services, admin: Person) -> None:
    """Fails when the key is kept after the creation, in a transaction of its own."""
    for path, members in ((TOKENS, {"name": "dashboard"}), (USERS, {"username": "paula"})):
        answers = all_at_once([partial(sent, admin, path, f"at once {path}", **members)] * 8)
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert len({answer.get_json().get("public_id") or answer.get_json()["id"] for answer in answers}) == 1
    assert names(services, admin) == ["dashboard", "nightly-etl"]


def test_neither_the_key_nor_the_request_is_kept_in_clear(admin: Person, database: Database) -> None:
    sent(admin, USERS, "a-key-of-mine", username="quinn", password=PASSWORD)
    kept = str(rows.everything(database)["idempotency_keys"])
    assert "quinn" in kept
    assert "a-key-of-mine" not in kept
    assert PASSWORD not in kept


def test_a_key_that_is_none_is_refused(admin: Person) -> None:
    for key in ("", "x" * 256, "ü", "a\tb"):
        assert fields_of(sent(admin, TOKENS, key, name="x")) == ["Idempotency-Key"], key
    assert sent(admin, TOKENS, "~ !" * 85, name="x").status_code == 201

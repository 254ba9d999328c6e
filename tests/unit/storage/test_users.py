"""Queries on users, and on the values of instance settings."""

import pytest
from sqlalchemy.orm import Session

from app.domain.identity import ApiTokens, Role, User
from app.storage import settings, users
from tests.unit.storage.planting import HOUR, NOW, plant_user

pytestmark = pytest.mark.both_databases


def test_a_new_user_is_active_and_has_what_was_given(session: Session) -> None:
    row = users.insert(session, "anna", Role.STEWARD, None, NOW, email="anna@example.com", title="Dr")
    session.expire_all()
    assert users.as_user(row) == User(
        id=row.id, username="anna", email="anna@example.com", first_name="", last_name="", title="Dr",
        role=Role.STEWARD, is_active=True, api_tokens=ApiTokens.INHERIT, created_at=NOW, last_login_at=None,
    )  # fmt: skip


def test_a_user_is_found_and_locked_by_exactly_the_canonical_name(session: Session) -> None:
    anna, _ = plant_user(session, username="anna"), plant_user(session, username="anna.b")
    for find in (users.find, users.hold):
        found = find(session, "anna")
        assert found is not None and found.id == anna.id
        for name in ("Anna", "ann", "anna%", "_nna", "", "anna "):
            assert find(session, name) is None
    assert users.get(session, anna.id).username == "anna"
    assert users.get(session, 10**9) is None


def test_users_are_listed_by_name_and_only_an_active_one_is_locked(session: Session) -> None:
    carla, anna = plant_user(session, username="carla", is_active=False), plant_user(session, username="anna")
    assert [row.username for row in users.every(session)] == ["anna", "carla"]
    assert users.count(session) == 2
    assert users.get_and_lock(session, anna.id) is anna
    assert users.get_and_lock(session, carla.id) is users.get_and_lock(session, 10**9) is None


def test_what_decides_a_sign_in_is_one_row_for_everybody(session: Session) -> None:
    """Also for a name that nobody has: the time of the query must not tell."""
    anna = plant_user(session, username="anna", password_hash="digest")
    bert = plant_user(session, username="bert", is_active=False)
    assert users.find_sign_in(session, "anna", None) == (users.as_user(anna), "digest")
    assert users.find_sign_in(session, "bert", None) == (users.as_user(bert), None)
    assert users.find_sign_in(session, "carla", None) == users.find_sign_in(session, None, None) == (None, None)


def test_a_digest_is_renewed_unless_the_password_was_changed_meanwhile(session: Session) -> None:
    anna, bert = plant_user(session, password_hash="old"), plant_user(session, password_hash="changed")
    assert [users.replace_digest(session, row.id, "old", "new") for row in (anna, bert)] == [True, False]
    session.expire_all()
    assert (anna.password_hash, bert.password_hash) == ("new", "changed")


def test_administrators_are_those_who_are_active(session: Session) -> None:
    first = plant_user(session, role=Role.SERVER_ADMIN)
    plant_user(session, role=Role.SERVER_ADMIN, is_active=False)
    plant_user(session, role=Role.CATALOG_ADMIN)
    last = plant_user(session, role=Role.SERVER_ADMIN)
    assert users.lock_administrators(session, NOW) == [first.id, last.id]


def test_a_setting_has_the_value_that_was_put_last_and_who_put_it(session: Session) -> None:
    assert settings.stored(session) == {}
    for value, at, by in (("24", NOW, "anna"), ("2", NOW + HOUR, "bert")):
        settings.put(session, "access_token_lifespan", value, at, by)
    settings.put(session, "retention_days", "7", NOW, "anna")
    assert settings.stored(session) == {"access_token_lifespan": "2", "retention_days": "7"}
    row = session.get_one(settings.InstanceSettingRow, "access_token_lifespan")
    assert (row.changed_at, row.changed_by) == (NOW + HOUR, "bert")

"""User names and roles."""

from datetime import UTC, datetime

import pytest

from app.domain.identity import Role, User, canonical_username

ANNA_B = "anna.b@example.com"

NO_USER_NAMES = (
    "", " anna", "anna ", "anna\n", "an na", "anna\0", "a" * 151, "anna/b", "anna'--", "änna",
    "\uff41nna",  # full-width a
    "\u212aarl",  # the Kelvin sign, which str.lower() turns into k
    "\u0130zmir",  # I with a dot, which str.lower() turns into two characters
    "anna\u200b",  # a space of no width
)  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *((spelling, "anna") for spelling in ("anna", "Anna")),
        *((spelling, ANNA_B) for spelling in (ANNA_B, "ANNA.B@Example.COM")),
        *((spelling, spelling) for spelling in ("a-b_c+d.e@f", "0123456789", "a" * 150)),
        *((spelling, None) for spelling in NO_USER_NAMES),
    ],
)
def test_a_user_name_has_one_spelling_and_what_is_none_has_no_spelling(typed: str, name: str | None) -> None:
    assert canonical_username(typed) == name


def test_roles_differ_in_who_administers_who_introspects_and_who_has_routes_at_all() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    users = [User(1, "anna", "", "", "", "", role, True, "inherit", now) for role in Role]
    assert [user.role for user in users if user.is_administrator] == [Role.SERVER_ADMIN]
    assert {role for role in Role if role.may_introspect} == {Role.SERVER_ADMIN, Role.INTROSPECTOR}
    assert {role for role in Role if not role.may_use_apis} == {Role.INTROSPECTOR}

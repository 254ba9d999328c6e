"""User names, roles and callers."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.identity import Caller, Role, User, canonical_username
from tests.unit.domain.instants import NOW

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
        *((spelling, spelling) for spelling in ("a-b_c+d.e@f", "7", "a" * 150)),
        *((spelling, None) for spelling in NO_USER_NAMES),
    ],
)
def test_a_user_name_has_one_spelling_and_what_is_none_has_no_spelling(typed: str, name: str | None) -> None:
    assert canonical_username(typed) == name


@settings(max_examples=50)
@given(st.text(max_size=20) | st.text("aZ09._@+- \n"))
def test_every_spelling_of_a_user_name_is_ascii_and_its_own(typed: str) -> None:
    name = canonical_username(typed)
    if name is not None:
        assert re.fullmatch(r"[a-z0-9._@+-]{1,150}", name)
        assert name == typed.lower()
        assert canonical_username(name) == name


def test_roles_differ_in_who_administers_who_introspects_and_who_has_routes_at_all() -> None:
    def user(role: Role) -> User:
        return User(1, "anna", "", "", "", "", role, True, "inherit", NOW)

    assert {role for role in Role if user(role).is_administrator} == {Role.SERVER_ADMIN}
    assert {role for role in Role if role.may_introspect} == {Role.SERVER_ADMIN, Role.INTROSPECTOR}
    assert {role for role in Role if not role.may_enter} == {Role.INTROSPECTOR}


def test_a_caller_keeps_where_the_call_came_from_when_it_is_known_whose_it_is() -> None:
    caller = Caller("", address="192.0.2.7", request_id="r-1")
    assert caller.as_user(3, "anna") == Caller("anna", 3, "192.0.2.7", "r-1")

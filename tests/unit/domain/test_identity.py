"""User names, roles and callers.

Here belongs ``app.domain.identity``. Not here: passwords and accounts (``tests/unit/services``).
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.identity import Caller, Role, User, canonical_username
from tests.unit.domain.instants import NOW


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("anna", "anna"),
        ("Anna", "anna"),
        ("ANNA.B@Example.COM", "anna.b@example.com"),
        ("a-b_c+d.e@f", "a-b_c+d.e@f"),
        ("7", "7"),
        ("a" * 150, "a" * 150),
    ],
)
def test_a_user_name_has_one_spelling(typed: str, name: str) -> None:
    assert canonical_username(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " anna",
        "anna ",
        "anna\n",
        "an na",
        "anna\0",
        "a" * 151,
        "anna/b",
        "anna'--",
        "änna",
        "\uff41nna",  # full-width a
        "\u212aarl",  # the Kelvin sign, which str.lower() turns into k
        "\u0130zmir",  # I with a dot, which str.lower() turns into two characters
        "anna\u200b",  # a space of no width
    ],
)
def test_what_is_no_user_name_has_no_spelling(typed: str) -> None:
    assert canonical_username(typed) is None


@given(st.text() | st.text("aZ09._@+- \n"))
def test_every_spelling_of_a_user_name_is_ascii_and_its_own(typed: str) -> None:
    name = canonical_username(typed)
    if name is not None:
        assert re.fullmatch(r"[a-z0-9._@+-]{1,150}", name)
        assert name == typed.lower()
        assert canonical_username(name) == name


@pytest.mark.parametrize("role", Role)
def test_only_a_server_administrator_is_an_administrator(role: Role) -> None:
    user = User(1, "anna", "", "", "", "", role, True, "inherit", NOW)
    assert user.is_administrator is (role == "SERVER_ADMIN")


def test_an_introspector_may_ask_about_tokens_and_nothing_else() -> None:
    assert {role for role in Role if role.may_introspect} == {Role.SERVER_ADMIN, Role.INTROSPECTOR}
    assert {role for role in Role if not role.may_use_apis} == {Role.INTROSPECTOR}


def test_a_caller_keeps_where_the_call_came_from_when_it_is_known_whose_it_is() -> None:
    caller = Caller("", address="192.0.2.7", request_id="r-1")
    assert caller.as_user(3, "anna") == Caller("anna", 3, "192.0.2.7", "r-1")

"""Conditions: what a query demands of a token, and that nothing misspelt lets anybody in.

Here belongs ``app.gate.conditions``. Not here: how a token that meets none is answered (``tests/contract``).
"""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import NotPermitted
from app.domain.identity import Role
from app.domain.tokens import TokenKind
from app.gate.conditions import MOST_QUERIES, conditions_of
from tests.unit.gate.test_answers import principal


def is_met(query: str, role: Role = Role.VIEWER) -> bool:
    try:
        conditions_of(query).refuse_unless_met(principal(role=role))
    except NotPermitted:
        return False
    return True


@pytest.mark.parametrize("role", Role)
def test_a_role_is_met_by_that_role_alone(role: Role) -> None:
    assert [other for other in Role if is_met(f"role={role}", other)] == [role]


def test_of_several_roles_any_is_enough() -> None:
    query = "role=SERVER_ADMIN&role=STEWARD&role=STEWARD"
    assert [role for role in Role if is_met(query, role)] == [Role.SERVER_ADMIN, Role.STEWARD]


def test_of_several_kinds_any_is_enough() -> None:
    assert is_met("kind=access") and is_met("kind=refresh&kind=access")
    assert [kind for kind in TokenKind if is_met(f"kind={kind}")] == [TokenKind.ACCESS]


def test_a_role_and_a_kind_are_both_needed() -> None:
    assert is_met("role=VIEWER&kind=access")
    assert not is_met("role=STEWARD&kind=access")
    assert not is_met("role=VIEWER&kind=refresh")


@pytest.mark.parametrize("query", ["", "&", "&&"])
def test_an_empty_query_demands_nothing(query: str) -> None:
    assert is_met(query)


@pytest.mark.parametrize(
    "query",
    [
        "role=", "role", "kind=", "role=&role=VIEWER", "role=viewer", "role=VIEWER%20", "role=VIEWER,STEWARD",
        "role=VIEWER;kind=access", "roles=VIEWER", "Role=VIEWER", "role%20=VIEWER", "role[]=VIEWER", "=VIEWER", "=",
        "role=VIEWER&x", "role=VIEWER&x=1", "x=1&role=VIEWER", "role=NOBODY&role=VIEWER", "kind=ACCESS",
        "role=VIEWER&kind=", "role=%56IEWE", "role=VIEWER%00", "role=VIEWER\xff", "?role=VIEWER",
    ],
)  # fmt: skip
def test_a_condition_that_is_not_understood_is_never_met(query: str) -> None:
    """A misspelt one must not let everybody in. Fails when unknown names are passed over: so it was broken."""
    assert [role for role in Role if is_met(query, role)] == []


def test_a_percent_encoded_role_is_that_role() -> None:
    assert is_met("role=%56IEWER")


@given(st.text(st.characters(max_codepoint=255)), st.sampled_from(Role))
def test_no_query_lets_in_whom_it_does_not_name(query: str, role: Role) -> None:
    if is_met(query, role):
        assert all(pair in (("role", role), ("kind", "access")) or pair[0] == "role" for pair in parse_qsl(query))
        named = [value for name, value in parse_qsl(query) if name == "role"]
        assert not named or role in named


def test_only_so_many_queries_are_remembered() -> None:
    """They may come from clients, if a proxy is set up wrongly: no memory may grow by them."""
    for number in range(2 * MOST_QUERIES):
        assert not is_met(f"role=no-such-role-{number}")
    assert conditions_of.cache_info().currsize <= MOST_QUERIES

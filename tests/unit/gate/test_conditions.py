"""Conditions: what a query demands of a token, and that nothing misspelt is met by anybody."""

import pytest

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


def test_of_several_roles_or_kinds_any_is_enough_and_a_role_and_a_kind_are_both_needed() -> None:
    assert all([other for other in Role if is_met(f"role={role}", other)] == [role] for role in Role)
    query = "role=SERVER_ADMIN&role=STEWARD&role=STEWARD"
    assert [role for role in Role if is_met(query, role)] == [Role.SERVER_ADMIN, Role.STEWARD]
    assert [kind for kind in TokenKind if is_met(f"kind={kind}")] == [TokenKind.ACCESS]
    for met in ("", "&", "&&", "kind=refresh&kind=access", "role=VIEWER&kind=access", "role=%56IEWER"):
        assert is_met(met), met
    assert not is_met("role=STEWARD&kind=access")
    assert not is_met("role=VIEWER&kind=refresh")


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
    """A misspelt one must not be met by everyone. Fails when unknown names are passed over."""
    assert [role for role in Role if is_met(query, role)] == []


def test_only_so_many_queries_are_remembered() -> None:
    """They may come from clients, if a proxy is set up wrongly: memory must not grow with them."""
    for number in range(2 * MOST_QUERIES):
        assert not is_met(f"role=no-such-role-{number}")
    assert conditions_of.cache_info().currsize <= MOST_QUERIES

"""The token filter: when it is empty, and the one spelling that a confirmation is made of.

Not here: which tokens it matches (``tests/unit/storage/test_listing``).
"""

from datetime import UTC, datetime

from app.domain.token_filter import CRITERIA, TokenFilter
from app.domain.tokens import TokenKind


def test_a_filter_without_a_criterion_is_empty() -> None:
    assert TokenFilter().is_empty
    assert not TokenFilter(kind=TokenKind.REFRESH).is_empty
    assert not TokenFilter(ids=[]).is_empty


def test_equal_filters_have_one_spelling_and_others_another() -> None:
    """Fails when a criterion is left out of what is sealed, or the audit log spells a filter otherwise."""
    made = datetime(2026, 3, 1, 12, tzinfo=UTC)
    criteria = TokenFilter("anna", TokenKind.ACCESS, created_after=made, unused_for_days=5, to_renew=True)
    assert criteria.canonical() == (
        '{"created_after": "2026-03-01 12:00:00+00:00", "kind": "access", "owner": "anna", "to_renew": "True", '
        '"unused_for_days": "5"}'
    )
    one_each = {TokenFilter(**{name: "x"}).canonical() for name in CRITERIA}  # type: ignore[arg-type]
    assert len(one_each | {TokenFilter().canonical()}) == len(CRITERIA) + 1


def test_no_criterion_of_a_request_is_the_scope_that_services_set() -> None:
    """Fails when a request could name another user's id, rows, or what is revocable."""
    assert not CRITERIA.keys() & {"user_id", "ids", "revocable"}

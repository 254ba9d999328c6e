"""Criteria: people's own words for tokens, and the one spelling that a confirmation is made of.

Not here: which tokens they match (``tests/contract/test_native_tokens``).
"""

from datetime import UTC, datetime, timedelta

from app.domain.tokens import TokenKind
from app.services import Services
from app.services.criteria import Criteria
from app.storage.database import Database
from app.storage.listing import TokenFilter
from tests.factories import make_user

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_members_of_other_names_and_empty_ones_narrow_nothing() -> None:
    assert Criteria.of({"limit": 5, "cursor": None, "owner": "", "name": ""}).is_empty
    assert not Criteria.of({"kind": "refresh"}).is_empty


def test_the_same_criteria_have_one_spelling_and_others_another() -> None:
    criteria = Criteria.of({"kind": "access", "owner": "anna", "unused_for_days": 5})
    assert criteria.canonical() == '{"kind": "access", "owner": "anna", "unused_for_days": "5"}'
    assert Criteria("anna", TokenKind.ACCESS, unused_for_days=5).canonical() == criteria.canonical()
    assert Criteria(name="anna").canonical() != Criteria(owner="anna").canonical()


def test_an_owner_becomes_an_id_and_days_an_instant(services: Services, database: Database) -> None:
    user = make_user(services, "anna")
    with database.reading() as session:
        assert Criteria(owner="ANNA", unused_for_days=2).narrow(session, NOW) == TokenFilter(
            user_id=user.id, unused_since=NOW - timedelta(days=2)
        )
        for nobody in ("berta", "not a name", "ü"):
            assert Criteria(owner=nobody).narrow(session, NOW) == TokenFilter(user_id=0)

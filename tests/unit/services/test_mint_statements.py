"""What a mint asks of the database: few statements, however much was minted before."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event, text

from app.domain.identity import Caller
from app.services import Services
from app.services.held_tokens import BySecret
from app.storage.access_tokens import ACTIVE_IN_INDEX, CURRENT_IN_INDEX
from app.storage.database import Database
from tests.factories import issue, make_user

MOST = 9
"""With BEGIN, where SQLAlchemy sends it as a statement."""


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(database.engine, "before_cursor_execute", note)


@pytest.mark.both_databases
@pytest.mark.parametrize("policy", ["replace", "overlap", "reuse"])
def test_a_mint_takes_at_most_nine_statements(services: Services, statements: list[str], policy: str) -> None:
    services.instance_settings.change("access_token_reissue", policy, Caller("cli:tests"))
    refresh = issue(services, make_user(services))
    for _ in range(3):
        statements.clear()
        services.minting.mint(BySecret(refresh.secret), Caller("", address="192.0.2.1"))
        assert len(statements) <= MOST


def test_what_a_mint_replaces_is_found_by_its_own_index(database: Database) -> None:
    query = "EXPLAIN QUERY PLAN UPDATE access_tokens SET generation = 0 WHERE refresh_token_id = 1 AND {}"
    with database.engine.connect() as connection:
        for condition, index in (
            (CURRENT_IN_INDEX, "ix_access_tokens_current"),
            (ACTIVE_IN_INDEX, "uq_access_tokens_one_active"),
        ):
            plan = connection.execute(text(query.format(condition))).all()
            assert index in str(plan)

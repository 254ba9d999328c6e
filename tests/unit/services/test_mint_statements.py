"""What a mint asks of the database: few statements, however much was minted before."""

from unittest.mock import Mock

import pytest
from sqlalchemy import event, text

from app.services import Services
from app.storage.access_tokens import ACTIVE_IN_INDEX, CURRENT_IN_INDEX
from app.storage.database import Database
from tests.factories import Refresh, configure, mint, rotate
from tests.rows import statements

MOST = 10
"""With BEGIN, where SQLAlchemy sends it as a statement."""


@pytest.mark.both_databases
@pytest.mark.parametrize("policy", ["replace", "overlap", "reuse"])
def test_a_mint_takes_at_most_ten_statements(
    services: Services, database: Database, refresh: Refresh, policy: str
) -> None:
    configure(services, access_token_reissue=policy)
    statements = Mock()
    event.listen(database.engine, "before_cursor_execute", statements)
    for _ in range(3):
        statements.reset_mock()
        mint(services, refresh, "192.0.2.1")
        assert 1 < statements.call_count <= MOST
    event.remove(database.engine, "before_cursor_execute", statements)


@pytest.mark.both_databases
def test_while_two_secrets_work_a_mint_takes_one_statement_more(
    services: Services, database: Database, refresh: Refresh
) -> None:
    rotated = rotate(services, refresh)
    for each in (refresh, rotated):
        mint(services, each, "192.0.2.1")
        with statements(database) as seen:
            mint(services, each, "192.0.2.1")
        assert 1 < len(seen) <= MOST


def test_what_a_mint_replaces_is_found_by_its_own_index(database: Database) -> None:
    query = "EXPLAIN QUERY PLAN UPDATE access_tokens SET generation = 0 WHERE refresh_token_id = 1 AND {}"
    with database.engine.connect() as connection:
        for condition, index in (
            (CURRENT_IN_INDEX, "ix_access_tokens_current"),
            (ACTIVE_IN_INDEX, "uq_access_tokens_one_active"),
        ):
            plan = connection.execute(text(query.format(condition))).all()
            assert index in str(plan)

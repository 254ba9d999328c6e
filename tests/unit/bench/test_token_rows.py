"""Rows in bulk: what was dropped to write them quickly is there again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.domain.clock import system_clock
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from bench.environment import ROOT, Checkout
from bench.installations import Installation
from bench.token_rows import RING, Amount, fill, indexes


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = Installation(Checkout(ROOT), tmp_path, database_url).engine()
    yield engine
    engine.dispose()


def maintained(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return indexes(connection, AccessTokenRow) | indexes(connection, RefreshTokenRow)


@pytest.mark.both_databases
def test_rows_in_bulk_have_all_indexes_and_the_secrets_of_the_sample(engine: Engine) -> None:
    """Fails when an index is not made again: a check, or a sweep, would be measured on another schema."""
    before = maintained(engine)
    known = fill(engine, Amount(live=30, due=10, users=3, first=1), 5, system_clock())
    assert len(before) > 10 and maintained(engine) == before
    assert len(known) == 5
    with engine.connect() as connection:
        for each in known:
            for table, token in ((AccessTokenRow, each.access), (RefreshTokenRow, each.refresh)):
                columns = select(table.key_id, table.mac, table.user_id).where(table.public_id == token.public_id)
                row = connection.execute(columns).one()
                assert RING.verifies(token, row.key_id, row.mac) and row.user_id == each.user

"""The write that is tried and taken back: it fails where a request's would, and leaves nothing."""

import resource
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from app.domain.findings import Level
from app.storage import write_probe
from app.storage.database import Database
from tests.unit.storage.planting import ON_SQLITE

pytestmark = pytest.mark.both_databases

REFUSING = {
    "sqlite": ["CREATE TRIGGER full BEFORE INSERT ON job_leases BEGIN SELECT RAISE(FAIL, 'no room\nat all'); END"],
    "postgresql": [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON job_leases FOR EACH ROW EXECUTE FUNCTION refuse()",
    ],
}


def test_a_write_is_tried_and_leaves_nothing(database: Database) -> None:
    assert write_probe.write(database).level is Level.OK
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM job_leases")) == 0


def test_a_database_that_refuses_writes_is_a_problem_with_its_own_words_as_the_cause(database: Database) -> None:
    """◆ Fails when the probe only reads."""
    with database.transaction() as session:
        for statement in REFUSING[database.engine.dialect.name]:
            session.execute(text(statement))
    found = write_probe.write(database)
    assert (found.level, found.cause.partition("\n")[0]) == (Level.PROBLEM, "no room")
    assert "\n" not in found.line_with_cause


def test_a_lock_that_others_hold_is_no_problem_of_the_database(database: Database, elsewhere: Database) -> None:
    with elsewhere.transaction() as session:
        session.execute(text("SELECT 1" if database.is_sqlite else "LOCK TABLE job_leases"))
        with pytest.raises(write_probe.Busy):
            write_probe.write(database)
    assert write_probe.write(database).level is Level.OK


@ON_SQLITE
def test_the_pages_reach_the_disk_though_nothing_is_committed(database: Database) -> None:
    """With a limit on the size of files in place of a full disk. Fails with SQLite's usual cache."""
    with database.reading():  # a connection that stays keeps the WAL
        assert write_probe.write(database).level is Level.OK
        wal = Path(f"{make_url(str(database.engine.url)).database}-wal")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        with database.transaction() as session:
            session.execute(text("INSERT INTO instance_settings VALUES ('k', zeroblob(200000), '2026-01-01', 'x')"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, limits[1]))
        try:
            found = write_probe.write(database)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert found.level is Level.PROBLEM and "disk" in found.cause

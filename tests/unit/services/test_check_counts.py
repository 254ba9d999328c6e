"""Counting checks: exact with many threads and several processes, and nothing lost while the database is away.

Here belongs ``app.services.check_counts`` on a real database. Not here: what is a check (``test_verifying``), and when
the counts are written (``test_last_use``).
"""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from app.domain.clock import system_clock
from app.domain.errors import TokenRefused, Unavailable
from app.jobs import JOBS
from app.services import Services, last_use
from app.services.check_counts import KEPT_FOR, CheckCounts, HourOfChecks
from app.storage.database import Database
from app.storage.tables import CheckCountRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import OPERATOR, issue, make_user, mint

HOUR_START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)

THREADS, EACH = 8, 1000


@pytest.fixture
def counts(database: Database) -> CheckCounts:
    return counting(database)


def counting(database: Database) -> CheckCounts:
    """As another process has it, without a thread that writes."""
    made = CheckCounts(database, system_clock)
    made.begin = lambda: None
    return made


def written(database: Database) -> list[tuple[datetime, int, int]]:
    found = rows.everything(database)["check_counts"]
    return [(hour, accepted, refused) for hour, accepted, refused in found]


def total(database: Database) -> tuple[int, int]:
    return sum(each[1] for each in written(database)), sum(each[2] for each in written(database))


def test_eight_threads_lose_no_check(database: Database, counts: CheckCounts) -> None:
    """Fails when a counter is an integer that is added to, with the interpreter switching threads often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        all_at_once([lambda: _check_many(counts)] * THREADS)
    finally:
        sys.setswitchinterval(before)
    counts.flush()
    assert total(database) == (THREADS * EACH, 2 * THREADS * EACH)


def test_what_several_threads_write_at_once_is_added_once(database: Database, counts: CheckCounts) -> None:
    """Fails without the lock in `flush`."""
    for _ in range(10):
        _count(counts, accepted=7, refused=3)
        all_at_once([counts.flush] * 4)
    assert total(database) == (70, 30)


def _check_many(counts: CheckCounts) -> None:
    for _ in range(EACH):
        counts.accept()
        counts.refuse()
        counts.refuse()


def test_the_counts_of_several_processes_are_added(database: Database) -> None:
    """In the same hour, at once. Fails when a row is written over in place of added to."""
    processes = [counting(database) for _ in range(4)]
    with freeze_time(HOUR_START):
        for _ in range(3):
            for each in processes:
                each.accept()
                each.refuse()
            all_at_once([each.flush for each in processes])
    assert written(database) == [(HOUR_START, 12, 12)]


def test_two_real_processes_are_added(database_url: str, database: Database, counts: CheckCounts) -> None:
    code = (
        "import sys; from sqlalchemy import create_engine; from app.domain.clock import system_clock;"
        "from app.services.check_counts import CheckCounts; from app.storage.database import Database, engine_options;"
        "url = sys.argv[1].replace('postgresql://', 'postgresql+psycopg://');"
        "counts = CheckCounts(Database(create_engine(url, **engine_options(url, 2))), system_clock);"
        "counts.begin = lambda: None;"
        "[counts.accept() or counts.flush() for _ in range(25)]"
    )
    root = Path(__file__).parents[3]
    others = [subprocess.Popen([sys.executable, "-c", code, database_url], cwd=root) for _ in range(2)]
    for _ in range(25):
        counts.refuse()
        counts.flush()
    assert [other.wait(60) for other in others] == [0, 0]
    assert total(database) == (50, 25)


def test_what_cannot_be_written_is_written_the_next_time(database: Database, counts: CheckCounts) -> None:
    """Fails when `_written` moves before the transaction is through."""
    _count(counts, accepted=3, refused=1)
    with database.engine.connect() as other:
        let_go = _lock(other, database)
        with pytest.raises(Unavailable):
            counts.flush()
        let_go()
    assert written(database) == []
    _count(counts, accepted=1, refused=0)
    counts.flush()
    counts.flush()
    assert total(database) == (4, 1)


def _lock(connection, database: Database) -> Callable[[], None]:  # type: ignore[no-untyped-def]
    """Keep everybody from writing, as a stuck neighbour does; what is given ends it."""
    if database.is_sqlite:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return lambda: connection.exec_driver_sql("ROLLBACK")
    connection.exec_driver_sql("LOCK TABLE check_counts IN ACCESS EXCLUSIVE MODE")
    return connection.rollback


def test_a_fault_of_another_kind_loses_nothing_either(database: Database, counts: CheckCounts) -> None:
    _count(counts, accepted=2, refused=2)
    rows.refuse_writes(database, "check_counts", "INSERT")
    with pytest.raises(Exception, match="planted fault"):
        counts.flush()
    rows.allow_writes(database, "check_counts")
    counts.flush()
    assert total(database) == (2, 2)


def test_without_a_check_nothing_is_written(database: Database, counts: CheckCounts) -> None:
    counts.flush()
    assert written(database) == []
    counts.accept()
    counts.flush()
    before = written(database)
    counts.flush()
    assert written(database) == before


def test_checks_belong_to_the_hour_in_which_they_are_written(database: Database, counts: CheckCounts) -> None:
    for at in (HOUR_START, HOUR_START + HOUR - MICROSECOND, HOUR_START + HOUR):
        with freeze_time(at):
            counts.accept()
            counts.flush()
    assert written(database) == [(HOUR_START, 2, 0), (HOUR_START + HOUR, 1, 0)]


def test_the_latest_hours_are_in_order_and_have_no_gaps(database: Database, counts: CheckCounts) -> None:
    for hours_ago in (49, 48, 47, 5, 0):
        with freeze_time(HOUR_START - hours_ago * HOUR + timedelta(minutes=20)):
            _count(counts, accepted=hours_ago + 1, refused=1)
            counts.flush()
    with freeze_time(HOUR_START + HOUR - MICROSECOND):
        latest = counts.latest(48)
    assert [each.hour for each in latest] == [HOUR_START - ago * HOUR for ago in range(47, -1, -1)]
    counted = {each for each in latest if each.accepted or each.refused}
    assert counted == {HourOfChecks(HOUR_START - ago * HOUR, ago + 1, 1) for ago in (47, 5, 0)}


def test_old_hours_are_purged(services: Services, database: Database, counts: CheckCounts) -> None:
    with freeze_time(HOUR_START):
        counts.accept()
        counts.flush()
    for after, left in ((KEPT_FOR - MICROSECOND, 1), (KEPT_FOR, 0)):
        with freeze_time(HOUR_START + after):
            services.expiring.purge(OPERATOR)
        assert rows.count(database, CheckCountRow) == left
    assert timedelta(hours=48) < KEPT_FOR and JOBS


def test_each_check_is_counted_as_it_ended(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the verifier forgets one of the two."""
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 600)
    access = mint(services, issue(services, make_user(services)))
    for _ in range(3):
        services.verifier.verify(access.secret)
    services.revoking.revoke(access.token.public_id, "x", OPERATOR)
    for secret in (access.secret, "nonsense"):
        with pytest.raises(TokenRefused):
            services.verifier.verify(secret)
    services.check_counts.flush()
    assert total(database) == (3, 2)


def test_closing_writes_what_was_counted(services: Services, database: Database) -> None:
    """A worker that is told to stop loses nothing."""
    access = mint(services, issue(services, make_user(services)))
    services.verifier.verify(access.secret)
    services.close()
    assert total(database) == (1, 0)


def _count(counts: CheckCounts, accepted: int, refused: int) -> None:
    for _ in range(accepted):
        counts.accept()
    for _ in range(refused):
        counts.refuse()

"""Counting checks: exact with many threads and several processes, and nothing lost while the database is away."""

import sys
from datetime import datetime, timedelta

import pytest
from freezegun import freeze_time

from app.domain.clock import system_clock
from app.domain.errors import Unavailable
from app.services import Services, last_use
from app.services.check_counts import KEPT_FOR, CheckCounts, HourOfChecks
from app.storage import database as storage
from app.storage.database import Database
from app.storage.operating_tables import CheckCountRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import Access, purge, revoke
from tests.unit.services.verdicts import HOUR, MICROSECOND, MINUTE, NOW, works

THREADS, EACH = 8, 300


@pytest.fixture
def counts(database: Database) -> CheckCounts:
    return counting(database)


def counting(database: Database) -> CheckCounts:
    """As another process has it, without a thread that writes."""
    made = CheckCounts(database, system_clock)
    made.begin = lambda: None
    return made


def count(counts: CheckCounts, accepted: int, refused: int) -> None:
    for _ in range(accepted):
        counts.accept()
    for _ in range(refused):
        counts.refuse()


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
        all_at_once([lambda: [count(counts, 1, 2) for _ in range(EACH)]] * THREADS)
    finally:
        sys.setswitchinterval(before)
    counts.flush()
    assert total(database) == (THREADS * EACH, 2 * THREADS * EACH)


def test_counts_that_several_threads_write_at_once_are_added_once(database: Database, counts: CheckCounts) -> None:
    """Fails without the lock in `flush`."""
    for _ in range(10):
        count(counts, accepted=7, refused=3)
        all_at_once([counts.flush] * 4)
    assert total(database) == (70, 30)


@pytest.mark.both_databases
def test_the_counts_of_several_processes_are_added(database: Database, elsewhere: Database) -> None:
    """In the same hour, at once. Fails when a row is overwritten instead of added to."""
    processes = [counting(each) for each in (database, elsewhere) * 2]
    with freeze_time(NOW):
        for _ in range(5):
            for each in processes:
                count(each, 1, 1)
            all_at_once([each.flush for each in processes])
    assert written(database) == [(NOW, 20, 20)]


@pytest.mark.both_databases
def test_counts_that_cannot_be_written_are_written_the_next_time(
    database: Database, counts: CheckCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when `_written` moves before the transaction is through."""
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", 0.1)
    count(counts, accepted=3, refused=1)
    with rows.locked(database, "check_counts"), pytest.raises(Unavailable):
        counts.flush()
    assert written(database) == []
    rows.refuse_writes(database, "check_counts", "INSERT")
    with pytest.raises(Exception, match="planted fault"):
        counts.flush()
    rows.allow_writes(database, "check_counts")
    count(counts, accepted=1, refused=0)
    counts.flush()
    counts.flush()
    assert total(database) == (4, 1)


def test_checks_belong_to_the_hour_in_which_they_are_written(database: Database, counts: CheckCounts) -> None:
    counts.flush()
    assert written(database) == [], "nothing is written without a check"
    for at in (NOW, NOW + HOUR - MICROSECOND, NOW + HOUR):
        with freeze_time(at):
            counts.accept()
            counts.flush()
    assert written(database) == [(NOW, 2, 0), (NOW + HOUR, 1, 0)]


def test_the_latest_hours_are_in_order_and_have_no_gaps(counts: CheckCounts) -> None:
    for hours_ago in (49, 48, 47, 5, 0):
        with freeze_time(NOW - hours_ago * HOUR + 20 * MINUTE):
            count(counts, accepted=hours_ago + 1, refused=1)
            counts.flush()
    with freeze_time(NOW + HOUR - MICROSECOND):
        latest = counts.latest(48)
    assert [each.hour for each in latest] == [NOW - ago * HOUR for ago in range(47, -1, -1)]
    counted = {each for each in latest if each.accepted or each.refused}
    assert counted == {HourOfChecks(NOW - ago * HOUR, ago + 1, 1) for ago in (47, 5, 0)}


def test_old_hours_are_purged(services: Services, database: Database, counts: CheckCounts) -> None:
    assert timedelta(hours=48) < KEPT_FOR
    with freeze_time(NOW):
        counts.accept()
        counts.flush()
    for after, left in ((KEPT_FOR - MICROSECOND, 1), (KEPT_FOR, 0)):
        with freeze_time(NOW + after):
            purge(services)
        assert rows.count(database, CheckCountRow) == left


def test_each_check_is_counted_by_its_result_and_closing_writes_the_counts(
    services: Services, database: Database, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is identified is no check. Fails when the verifier forgets one of the two."""
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 600)
    assert [works(services, access) for _ in range(3)] == [True] * 3
    services.identifying.identify(access.secret)
    revoke(services, access)
    assert not works(services, access)
    services.identifying.identify(access.secret)
    services.close()
    assert total(database) == (3, 1)

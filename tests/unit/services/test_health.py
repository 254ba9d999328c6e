"""The list of checks: each on its own, bounded in time, cheap however often it is asked."""

import shutil
import threading
import time

import pytest
from sqlalchemy import text

from app.domain.clock import system_clock
from app.domain.findings import Finding, Level
from app.services import Services, health_checks
from app.services.health import PATIENCE_SECONDS, Health
from app.storage import write_probe
from app.storage.database import Database


@pytest.fixture
def health(services: Services) -> Health:
    services.key_fingerprints.remember()
    return services.health


def wrong(findings: list[Finding]) -> dict[str, str]:
    return {each.name: each.line for each in findings if each.level is not Level.OK}


@pytest.mark.both_databases
def test_nothing_is_wrong_with_a_sound_database(health: Health) -> None:
    assert wrong(health.examine(thoroughly=True)) == wrong(health.examine_in_time()) == {}


def test_a_check_that_hangs_is_a_problem_in_time_and_later_callers_do_not_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers that wait for the check, or again as long as the first did, would wait until it ends."""
    assert PATIENCE_SECONDS < 2
    monkeypatch.setattr("app.services.health.PATIENCE_SECONDS", 0.1)
    ended, waited = threading.Event(), list[float]()
    health = Health(database, system_clock, None, {"slow": lambda _now: f"ended: {ended.wait(300)}"})
    assert "does not answer in time" in wrong(health.examine_in_time())["database"]
    assert health._run is not None
    with monkeypatch.context() as patched:
        patched.setattr(health._run.ended, "wait", waited.append)
        for _ in range(50):
            assert "does not answer in time" in wrong(health.examine_in_time())["database"]
    assert len(waited) == 50 and max(waited) < 0.05
    ended.set()
    deadline = time.monotonic() + 60
    while wrong(health.examine_in_time()) != {"slow": "ended: True"}:
        assert time.monotonic() < deadline


def test_a_process_that_can_start_no_thread_is_not_ready(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        assert "no further thread" in wrong(health.examine_in_time())["threads"]
    assert wrong(health.examine_in_time()) == {}


def test_a_file_that_was_replaced_while_the_process_uses_it_is_a_problem(health: Health) -> None:
    """Fails when only the name counts: some connections read and write the old file, others the new one."""
    assert health.path is not None
    assert wrong(health.examine_in_time()) == {}
    copy = health.path.with_suffix(".copy")
    shutil.copy(health.path, copy)
    copy.replace(health.path)
    assert "another file was put in the place" in wrong(health.examine_in_time())["files"]
    health.path.unlink()
    assert "there is no " in wrong(health.examine_in_time())["files"]


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(database: Database) -> None:
    def failing(_now: object) -> str:
        raise ValueError("no such thing\nas this")

    health = Health(database, system_clock, None, {"broken": failing})
    findings = health.examine(thoroughly=True)
    assert wrong(findings) == {"warnings": "the check itself failed: look at the cause"}
    assert [each.cause for each in findings if each.cause] == ["ValueError: no such thing"]


def test_further_warnings_are_findings(database: Database) -> None:
    health = Health(database, system_clock, None, {"jump": "it jumped in {:%Y}".format, "none": lambda _now: None})
    assert wrong(health.examine()) == {"jump": f"it jumped in {system_clock():%Y}"}


def test_a_write_is_tried_at_a_modest_rate_and_soon_where_the_last_one_failed(
    health: Health, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    write = write_probe.write
    monkeypatch.setattr(write_probe, "write", lambda database: tried.append(1) or write(database))
    for _ in range(5):
        assert wrong(health.examine()) == {}
    assert len(tried) == 1
    monkeypatch.setattr(health_checks, "WRITE_EVERY_SECONDS", 0)
    monkeypatch.setattr(health_checks, "FAILED_EVERY_SECONDS", 60)
    refuse = "CREATE TRIGGER full BEFORE INSERT ON job_leases BEGIN SELECT RAISE(FAIL, 'full'); END"
    with database.transaction() as session:
        session.execute(text(refuse))
    for _ in range(5):
        assert set(wrong(health.examine())) == {"writes"}
    assert len(tried) == 2
    with database.transaction() as session:
        session.execute(text("DROP TRIGGER full"))
    monkeypatch.setattr(health_checks, "FAILED_EVERY_SECONDS", 0)
    assert wrong(health.examine()) == {}


def test_a_lock_is_a_problem_only_when_it_is_held_for_long(
    health: Health, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wrong(health.examine()) == {}
    monkeypatch.setattr(health_checks, "WRITE_EVERY_SECONDS", 0)
    with elsewhere.transaction() as session:
        session.execute(text("SELECT 1"))
        assert wrong(health.examine()) == {}
        monkeypatch.setattr(health_checks, "MOST_BUSY_SECONDS", 0)
        assert "has got the database's lock" in wrong(health.examine())["writes"]
    assert wrong(health.examine()) == {}


def test_changes_are_logged_once(health: Health, database: Database, log_lines: list[str]) -> None:
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    for _ in range(3):
        assert "run `daypass db upgrade`" in wrong(health.examine_in_time())["database"]
    assert len([line for line in log_lines if '"event": "health"' in line]) == 1

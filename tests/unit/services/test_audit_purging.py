"""Retention removes whole sealed ranges of the audit log, and nothing else; what is left can be verified."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import DBAPIError

from app.domain.audit import HIGH_VOLUME, Stream
from app.domain.audit_seals import AuditSeal, Mismatch, SealingKey, Tally
from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import Conflict
from app.domain.identity import Caller
from app.services import Services, audit_sealing
from app.services.audit_purging import removable
from app.storage import audit_seals
from app.storage.audit import record
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from tests.audit_tampering import tamper
from tests.databases import KEYS
from tests.factories import accept_clock, configure, issue, make_user, mint
from tests.unit.services.test_audit_sealing import exported, verify_lines
from tests.unit.services.verdicts import DAY, HOUR, NOW, MovedClock

pytestmark = pytest.mark.usefixtures("no_clock_of_the_database")

JOB = Caller("job:purge_audit", credential=Credential(CredentialKind.JOB, "purge_audit"))


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_sealing, "MOST_IN_RANGE", 3)


def log_of_two_months(services: Services, clock: MovedClock) -> None:
    """Two mints and one ordinary event on each of six days, ten days apart, sealed on the day."""
    refresh = issue(services, make_user(services, "anna"))
    for number in range(6):
        mint(services, refresh)
        make_user(services, f"user-{number}")
        mint(services, refresh)
        services.audit.sealing.seal()
        clock.advance(timedelta(days=10))
    accept_clock(services)
    services.audit.sealing.seal()


def actions(services: Services) -> list[str]:
    return [event.action for event in services.audit_list.events(limit=100).items][::-1]


@pytest.mark.both_databases
def test_mints_go_after_thirty_days_and_the_rest_stays_for_ever(services: Services, moved_clock: MovedClock) -> None:
    log_of_two_months(services, moved_clock)
    before = actions(services)
    mints = before.count("access_token.minted")
    assert services.audit.purging.purge(JOB) == 6
    after = actions(services)
    assert after.count("access_token.minted") == mints - 6
    purged = services.audit_list.events(action="audit.purged").items
    assert {(event.actor, event.object_id, event.credential) for event in purged} == {
        ("job:purge_audit", "high-volume", "job purge_audit")
    }
    assert sum(event.detail["events"] for event in purged) == 6
    assert [each for each in after if each not in HIGH_VOLUME | {"audit.purged"}] == [
        each for each in before if each not in HIGH_VOLUME
    ]
    assert services.audit.purging.purge(JOB) == 0
    services.audit.sealing.seal()
    done = services.audit.trail.verify()
    assert verify_lines(services, exported(services)) == done
    (line,) = done.beginnings
    assert line.startswith("Removed by retention: up to range") and "high-volume" in line


def test_everything_goes_by_the_days_of_the_audit_log(services: Services, moved_clock: MovedClock) -> None:
    log_of_two_months(services, moved_clock)
    configure(services, audit_days=25, audit_high_volume_days=0)
    kept_from = moved_clock() - timedelta(days=25)
    assert services.audit.purging.purge(JOB) > 6
    assert all(event.at >= kept_from for event in services.audit_list.events(limit=100).items)
    services.audit.sealing.seal()
    assert len(services.audit.trail.verify().beginnings) == 2
    moved_clock.advance(timedelta(days=100))
    accept_clock(services)
    services.audit.purging.purge(JOB)
    make_user(services, "later")
    services.audit.sealing.seal()
    moved_clock.advance(timedelta(days=1))
    accept_clock(services)
    services.audit.sealing.seal()
    assert services.audit.trail.verify().unsealed == 0, "the chain goes on from the last seal, whose range is gone"


@pytest.mark.both_databases
def test_the_triggers_let_nothing_else_be_deleted(
    services: Services, database: Database, moved_clock: MovedClock
) -> None:
    """◆ Neither an event of the other stream in the same ids, nor a seal, nor a range that is not marked."""
    log_of_two_months(services, moved_clock)
    services.audit.purging.purge(JOB)
    with database.reading() as session:
        removed = audit_seals.oldest(session, Stream.HIGH_VOLUME)
    assert removed and removed.removed_at
    between = delete(AuditEventRow).where(AuditEventRow.id > removed.first_id, AuditEventRow.id < removed.last_id)
    for statement in (
        between,
        delete(AuditEventRow),
        delete(AuditEventRow).where(AuditEventRow.id <= 5),
        delete(AuditEventRow).where(AuditEventRow.action == "access_token.minted"),
        text("DELETE FROM audit_seals"),
        text("UPDATE audit_seals SET mac = 'x'"),
        text("UPDATE audit_seals SET removed_at = sealed_at, last_id = last_id + 100 WHERE removed_at IS NULL"),
        text("UPDATE audit_seals SET removed_at = NULL"),
    ):
        with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
            session.execute(statement)


@pytest.mark.both_databases
def test_the_triggers_know_every_action_of_high_volume(database: Database) -> None:
    """Fails when an action is added to the list without a migration."""
    with database.transaction() as session:
        for action in sorted(HIGH_VOLUME):
            record(session, NOW, JOB, action, ("user", "anna"))
        key = SealingKey(KEYS.pepper)
        mark = "INSERT INTO audit_seals VALUES ('high-volume', 1, 1, 9, 1, :now, :key, 'm', :now, 'm')"
        now = NOW.replace(tzinfo=None) if database.is_sqlite else NOW
        session.execute(text(mark), {"now": str(now), "key": key.key_id})
        assert session.connection().execute(delete(AuditEventRow)).rowcount == len(HIGH_VOLUME)


def test_a_wrong_clock_removes_nothing(services: Services, moved_clock: MovedClock) -> None:
    """◆"""
    log_of_two_months(services, moved_clock)
    before = exported(services)
    moved_clock.advance(timedelta(days=4000))
    with pytest.raises(Conflict, match="Held"):
        services.audit.purging.purge(JOB)
    assert exported(services) == before


def test_a_range_of_a_clock_that_was_behind_is_not_removed_too_soon(
    services: Services, moved_clock: MovedClock
) -> None:
    """Fails when a range is sealed with the time of such a clock."""
    log_of_two_months(services, moved_clock)
    moved_clock.advance(100 * DAY)
    accept_clock(services)
    assert services.audit.purging.purge(JOB) == 12, "what comes next is the oldest"
    refresh = issue(services, make_user(services, "berta"))
    moved_clock.advance(timedelta(days=-400))
    for _ in range(3):
        mint(services, refresh)
    services.audit.sealing.seal()
    moved_clock.advance(timedelta(days=400))
    assert services.audit.purging.purge(JOB) == 0


def test_what_was_changed_is_not_removed(services: Services, database: Database, moved_clock: MovedClock) -> None:
    """◆ It may show by whom."""
    log_of_two_months(services, moved_clock)
    tamper(database, "UPDATE audit_events SET actor = 'x' WHERE id = 3")
    before = exported(services)
    with pytest.raises(Conflict, match="not as it was sealed"):
        services.audit.purging.purge(JOB)
    assert exported(services) == before


@pytest.mark.both_databases
def test_what_was_changed_is_not_removed_as_if_another_key_had_sealed_it(
    services: Services, database: Database, moved_clock: MovedClock
) -> None:
    """◆ Fails when ranges of another key go unseen: Daypass itself would remove new ones, with a proof."""
    log_of_two_months(services, moved_clock)
    tamper(
        database,
        "UPDATE audit_seals SET sealed_at = '2020-01-01 00:00:00.000000'",
        "UPDATE audit_seals SET key_id = '0123456789abcdef' WHERE position = 1",
    )
    before = exported(services)
    with pytest.raises(Conflict, match="sealed with the key 0123456789abcdef"):
        services.audit.purging.purge(JOB)
    assert exported(services) == before


def test_a_removal_is_proved_by_the_key(services: Services, database: Database, moved_clock: MovedClock) -> None:
    """◆ Fails when a mark in the database is believed."""
    log_of_two_months(services, moved_clock)
    services.audit.purging.purge(JOB)
    services.audit.sealing.seal()
    services.audit.trail.verify()
    tamper(
        database,
        "DELETE FROM audit_events WHERE id <= 6",
        "DELETE FROM audit_seals WHERE stream = 'ordinary' AND position < 2",
        "UPDATE audit_seals SET removed_at = sealed_at, removal_mac = mac WHERE stream = 'ordinary' AND position = 2",
    )
    with pytest.raises(Mismatch, match="not Daypass that removed"):
        services.audit.trail.verify()


def _seal(position: int, days: float, number: int = 1) -> AuditSeal:
    return AuditSeal(Stream.ORDINARY, position, position, position, number, NOW + timedelta(days=days), "k", "m")


def test_ranges_go_from_the_oldest_and_a_time_to_come_says_nothing() -> None:
    cutoff = NOW - 30 * DAY
    chosen = [
        ((), ()),
        ((-40, -35, -29, -40), (-40, -35)),
        ((-29, -40), ()),
        ((-40, 4000, -35, -29), (-40, 4000, -35)),
        ((-40, 4000, -29), (-40,)),
        ((4000, 4000), ()),
    ]
    for given, expected in chosen:
        seals = [_seal(place, days) for place, days in enumerate(given)]
        assert removable(seals, cutoff, NOW) == seals[: len(expected)], given
    large = [_seal(place, -40, 900) for place in range(5)]
    assert len(removable(large, cutoff, NOW + HOUR)) == 2
    assert Tally().ids == (0, 0)

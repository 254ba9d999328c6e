"""The audit log is sealed, and a change without the key is found, in the database and in an export."""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.domain.audit import AuditEvent, Stream
from app.domain.audit_export import as_line, parse_line
from app.domain.audit_seals import LATE, AuditSeal, Chains, Mismatch, SealingKey, StoredEvent, Tally
from app.domain.clock import system_clock
from app.domain.errors import Conflict
from app.domain.identity import Caller
from app.services import Services, audit_sealing
from app.services.audit_trail import Verified
from app.storage import audit_seals
from app.storage.audit import record
from app.storage.database import Database
from config import Keys
from tests.audit_tampering import ATTACKS, copied, tamper, undoing
from tests.crowds import all_at_once
from tests.databases import KEYS
from tests.factories import OPERATOR, issue, make_user, mint
from tests.unit.services.verdicts import NOW, MovedClock

RANGE = 3


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_sealing, "MOST_IN_RANGE", RANGE)


@pytest.fixture
def sealed(services: Services, moved_clock: MovedClock) -> Services:
    """A log of ten ordinary events, in four sealed ranges; it is some time later."""
    for number in range(10):
        make_user(services, f"user-{number}")
    assert services.audit.sealing.seal() == 10
    moved_clock.advance(2 * LATE)
    return services


def exported(services: Services) -> list[str]:
    return [as_line(entry) for entry in services.audit.trail.entries()]


def verify_lines(services: Services, lines: Iterable[str], *seals: str) -> Verified:
    return services.audit.trail.verify_export(map(parse_line, lines), seals)


@pytest.mark.both_databases
def test_a_sealed_log_verifies_here_and_as_an_export(sealed: Services, moved_clock: MovedClock) -> None:
    make_user(sealed, "later")
    done = sealed.audit.trail.verify()
    assert (done.events, done.ranges, done.unsealed, done.late, done.beginnings) == (10, 4, 1, None, [])
    assert verify_lines(sealed, exported(sealed)) == done
    moved_clock.advance(LATE + timedelta(seconds=1))
    with pytest.raises(Mismatch, match="not sealed"):
        sealed.audit.trail.verify()
    assert sealed.audit.sealing.seal() == 1 and sealed.audit.sealing.seal() == 0
    done = sealed.audit.trail.verify()
    assert (done.ranges, done.unsealed) == (5, 0)
    assert done.late and done.late.startswith("range 5 of the ordinary events (11 to 11")


@pytest.mark.both_databases
def test_a_change_of_the_database_is_found(sealed: Services, database: Database) -> None:
    """◆ Each change is named by the first range that does not match."""
    with undoing(database) as undo:
        for attack, statements in ATTACKS.items():
            tamper(database, *statements)
            with pytest.raises(Mismatch) as found:
                sealed.audit.trail.verify()
                pytest.fail(attack)
            first = "range 1" if attack in ("the first deleted", "added") else "range 2"
            assert first in str(found.value).lower() or attack == "all seals deleted", (attack, found.value)
            undo()
            assert sealed.audit.trail.verify().events == 10


def test_a_change_of_an_export_is_found(sealed: Services) -> None:
    lines = exported(sealed)
    second = next(place for place, line in enumerate(lines) if '"position": 2' in line)
    for edited in (
        [line.replace('"user-4"', '"user-x"') for line in lines],
        lines[:second] + lines[second + 1 :],
        lines[: second - 1] + lines[second:],
        [*lines[: second - 2], lines[second - 1], lines[second - 2], *lines[second:]],
        [*lines[:second], lines[0], *lines[second:]],
        [lines[second].replace('"seal"', '"beginning"'), *lines],
    ):
        with pytest.raises(Mismatch, match=r"ange|beginning"):
            verify_lines(sealed, edited)
    done = verify_lines(sealed, [lines[second].replace('"seal"', '"beginning"'), *lines[second + 1 :]])
    assert done.ranges == 2 and "up to range 2" in done.beginnings[0], "a part is one, and says so"


def test_a_range_of_another_history_does_not_fit_the_seal_before_it() -> None:
    """As of a state that was restored over. Fails when a seal is not over the one before."""

    def entries(key: SealingKey, actor: str, before: AuditSeal | None) -> tuple[StoredEvent, AuditSeal]:
        place = before.position + 1 if before else 1
        event = AuditEvent(place, NOW, actor, None, "user.created", "user", "x", None, None, "done", {})
        tally = Tally()
        tally.add(StoredEvent(event, "{}"))
        return StoredEvent(event, "{}"), key.seal(before, tally, Stream.ORDINARY, NOW)

    key = SealingKey(KEYS.pepper)
    first, other = entries(key, "anna", None), entries(key, "berta", None)
    second = entries(key, "carl", first[1])
    assert Chains(key).add_all([*first, *second]).events == 2
    with pytest.raises(Mismatch, match="Range 2"):
        Chains(key).add_all([*other, *second])


def test_streams_have_chains_of_their_own(services: Services) -> None:
    refresh = issue(services, make_user(services, "anna"))
    for _ in range(4):
        mint(services, refresh)
    services.audit.sealing.seal()
    seals = [each for each in services.audit.trail.entries() if isinstance(each, AuditSeal)]
    assert [(each.stream, each.position, each.first_id, each.last_id, each.number) for each in seals] == [
        (Stream.ORDINARY, 1, 1, 2, 2), (Stream.HIGH_VOLUME, 1, 3, 3, 1), (Stream.HIGH_VOLUME, 2, 4, 6, 3),
    ]  # fmt: skip
    assert services.audit.trail.verify().events == 6


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_event_of_a_transaction_that_commits_later_is_sealed_once(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ On PostgreSQL ids become visible out of order; SQLite has one writer at a time.

    Fails when the newest visible id is the end of the range.
    """
    monkeypatch.setattr(audit_seals, "SETTLED_WITHIN_SECONDS", 0.1)
    with database.engine.connect() as slow, database.engine.connect() as rolled_back, slow.begin():
        # As in the middle of an INSERT, which has its id and no row yet.
        slow.exec_driver_sql("LOCK TABLE audit_events IN ROW EXCLUSIVE MODE")
        taken = slow.scalar(text("SELECT nextval('audit_events_id_seq')"))
        rolled_back.exec_driver_sql("SELECT nextval('audit_events_id_seq')")
        make_user(services, "anna")
        assert services.audit.sealing.seal() == 0
        columns = "id, at, actor, action, object_kind, object_id, result, detail"
        values = f"{taken}, now(), 'slow', 'user.created', 'user', 'berta', 'done', '{{}}'"
        slow.exec_driver_sql(f"INSERT INTO audit_events ({columns}) VALUES ({values})")
        assert services.audit.sealing.seal() == 0
        slow.commit()
    assert services.audit.sealing.seal() == 2
    assert services.audit.trail.verify().events == 2


@pytest.mark.both_databases
def test_whatever_is_written_while_it_is_sealed_is_sealed_exactly_once(
    services: Services, services_with: Callable[..., Services], database: Database
) -> None:
    """◆ Two sealers, and writers whose transactions take their time, or are rolled back."""
    until = time.monotonic() + 1
    sealers = [services, services_with()]
    written = [0] * 6

    def write(which: int) -> None:
        while time.monotonic() < until:
            try:
                with database.transaction() as session:
                    record(session, system_clock(), OPERATOR, "user.created", ("user", f"user-{which}"))
                    time.sleep(0.002 * which)
                    if written[which] % 5 == 4:
                        raise ArithmeticError
            except ArithmeticError:
                pass
            else:
                written[which] += 1
                continue
            written[which] += 1000

    def seal(which: int) -> None:
        while time.monotonic() < until:
            sealers[which].audit.sealing.seal()

    all_at_once([*(lambda n=n: write(n) for n in range(6)), *(lambda n=n: seal(n) for n in range(2))])  # type: ignore[misc]
    sealers[0].audit.sealing.seal()
    done = services.audit.trail.verify()
    assert (done.events, done.unsealed) == (sum(number % 1000 for number in written), 0)
    assert done.ranges > 3


def test_seals_that_are_removed_and_made_again_show(
    sealed: Services, services_with: Callable[..., Services], database: Database, moved_clock: MovedClock
) -> None:
    """By the process that made them, by the logged seal, and by their time."""
    *_, newest = (each for each in sealed.audit.trail.entries() if isinstance(each, AuditSeal))
    sealed.audit.trail.verify([newest.mac])
    tamper(database, "DELETE FROM audit_seals WHERE position > 2", "UPDATE audit_events SET actor = 'x' WHERE id = 8")
    with pytest.raises(Conflict, match="missing or changed"):
        sealed.audit.sealing.seal()
    other = services_with(clock=moved_clock)
    assert other.audit.sealing.seal() == 4
    done = other.audit.trail.verify()
    assert done.late and "range 3" in done.late
    with pytest.raises(Mismatch, match=newest.mac):
        other.audit.trail.verify([newest.mac])
    with pytest.raises(Conflict, match="missing or changed"):
        sealed.audit.sealing.seal()


def test_a_log_of_another_key_is_not_taken_for_a_sound_one(
    sealed: Services, services_with: Callable[..., Services]
) -> None:
    """Nor for a changed one: the sentence names the key. Rotated keys of tokens change nothing."""
    rotated = services_with(Keys({"k2": b"2" * 32, **KEYS.token_keys}, KEYS.pepper))
    assert rotated.audit.trail.verify().events == 10
    with pytest.raises(Mismatch, match=r"sealed with the key [0-9a-f]{16}, which this host does not have"):
        services_with(Keys(KEYS.token_keys, b"q" * 32)).audit.trail.verify()


def test_an_export_of_a_part_begins_with_the_ranges_that_hold_it(sealed: Services, moved_clock: MovedClock) -> None:
    since = moved_clock()
    for number in range(5):
        make_user(sealed, f"later-{number}")
    sealed.audit.sealing.seal()
    part = [as_line(entry) for entry in sealed.audit.trail.entries(since)]
    done = verify_lines(sealed, part)
    assert (done.events, done.ranges, done.unsealed) == (5, 2, 0)
    assert "up to range 4 of the ordinary events" in done.beginnings[0]
    assert list(sealed.audit.trail.entries(since + timedelta(days=1))) == []


def test_a_row_that_cannot_be_read_is_said_to_be_one(sealed: Services, database: Database) -> None:
    tamper(database, "UPDATE audit_events SET detail = '{' WHERE id = 5")
    with pytest.raises(Mismatch, match="Range 2"):
        sealed.audit.trail.verify()
    assert any('"unreadable": "{"' in line for line in exported(sealed))
    if database.is_sqlite:
        tamper(database, "UPDATE audit_events SET at = 'yesterday' WHERE id = 5")
        with pytest.raises(Mismatch, match="can't be read"):
            sealed.audit.trail.verify()


def test_nobody_is_warned_before_sealing_was_not_done_for_long(services: Services, moved_clock: MovedClock) -> None:
    make_user(services, "anna")
    assert services.audit.sealing.warning(moved_clock.now + LATE) is None
    warning = services.audit.sealing.warning(moved_clock.now + LATE + timedelta(seconds=1))
    assert warning and "not sealed: start a scheduler" in warning
    services.audit.sealing.seal()
    assert services.audit.sealing.warning(moved_clock.now + timedelta(days=1)) is None


@pytest.mark.both_databases
def test_text_of_any_kind_is_sealed_as_it_is(services: Services, database: Database) -> None:
    with database.transaction() as session:
        caller = Caller("ånna", None, "2001:db8::1", None, None)
        record(
            session, system_clock(), caller, "user.created", ("user", "名前 | 3:x"), note="“quoted”\n\t\u2028", n=None
        )
    services.audit.sealing.seal()
    assert verify_lines(services, exported(services)).events == services.audit.trail.verify().events == 1


def test_a_copy_of_an_event_under_a_free_id_is_found(services: Services, database: Database) -> None:
    """A gap in the ids, as rolled back transactions leave, is no place for an event."""
    for number in range(2):
        make_user(services, f"user-{number}")
    tamper(database, "UPDATE audit_events SET id = 9 WHERE id = 2")
    services.audit.sealing.seal()
    assert services.audit.trail.verify().events == 2
    tamper(database, copied(1, 5))
    with pytest.raises(Mismatch, match="1 event more than the 2"):
        services.audit.trail.verify()


@pytest.mark.both_databases
def test_no_lock_of_the_sealer_stops_a_writer(services: Services, database: Database) -> None:
    """Fails when sealing locks the table, as SHARE mode would."""
    stop = threading.Event()
    sealing = threading.Thread(target=lambda: [services.audit.sealing.seal() for _ in iter(stop.is_set, True)])
    sealing.start()
    try:
        for number in range(20):
            make_user(services, f"user-{number}")
    finally:
        stop.set()
        sealing.join()
    assert services.audit.sealing.seal() >= 0
    assert services.audit.trail.verify().events == 20

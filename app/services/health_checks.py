"""The checks of :class:`app.services.health.Health`, one function each, and their order."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from app.domain.clock import Clock
from app.domain.findings import Finding, Level, ok, problem, warning
from app.services.clock_agreement import ClockAgreement
from app.services.instance_settings import read_policy
from app.services.key_fingerprints import KeyFingerprints
from app.storage import integrity, schema, sqlite_files, write_probe
from app.storage.database import DRIVER, Database, refusing_when_away, sqlite_problem, sqlite_warning

WRITE_EVERY_SECONDS = 5
"""How long a write that succeeded counts: probes, however frequent, do not disturb requests."""

FAILED_EVERY_SECONDS = 1
"""The same for one that failed: soon enough to notice that it is over."""

JOURNAL = "journal"

MOST_BUSY_SECONDS = 10
"""How long no write may get its lock; requests are refused after a shorter time."""


class Writes:
    """Tries a write now and then, and remembers how it went."""

    def __init__(self) -> None:
        self._last: Finding | None = None
        self._last_at = 0.0
        self._busy_since: float | None = None

    def finding(self, database: Database) -> Finding:
        """The last one where it is young, else a new one."""
        now = time.monotonic()
        if self._last and now - self._last_at < self._counts_for(self._last):
            return self._last
        try:
            found = write_probe.write(database)
        except write_probe.Busy:
            return self._busy(now)
        self._busy_since = None
        self._last, self._last_at = found, now
        return found

    @staticmethod
    def _counts_for(found: Finding) -> float:
        return WRITE_EVERY_SECONDS if found.level is Level.OK else FAILED_EVERY_SECONDS

    def _busy(self, now: float) -> Finding:
        """Others write: no sign of a fault, unless it goes on for long."""
        if self._busy_since is None:
            self._busy_since = now
        seconds = now - self._busy_since
        if seconds < MOST_BUSY_SECONDS:
            return self._last or ok(write_probe.NAME, "others are writing")
        detail = f"no write has got the database's lock for {seconds:.0f} seconds"
        return problem(write_probe.NAME, detail, "end the program that holds it")


@dataclass(frozen=True)
class Subject:
    """What is checked. `path`: of SQLite's file. The rest is described at :class:`Health`."""

    database: Database
    clock: Clock
    path: Path | None
    fingerprints: KeyFingerprints | None
    warnings: Mapping[str, Callable[[datetime], str | None]]
    writes: Writes = field(default_factory=Writes)


def _files(subject: Subject) -> list[Finding]:
    return [sqlite_files.access(subject.path)] if subject.path else []


def _privacy(subject: Subject) -> list[Finding]:
    return [sqlite_files.privacy(subject.path)] if subject.path else []


def _disk(subject: Subject) -> list[Finding]:
    return [sqlite_files.space(subject.path)] if subject.path else []


def _database(subject: Subject) -> list[Finding]:
    with refusing_when_away():
        wrong = schema.startup_problem(subject.database.engine)
    return [problem("database", wrong) if wrong else ok("database", "it can be reached, and its schema is current")]


def _clock(subject: Subject) -> list[Finding]:
    if difference := ClockAgreement(subject.database, subject.clock).difference():
        return [problem("clock", difference, "set both from the same time server")]
    return [] if subject.database.is_sqlite else [ok("clock", "it is the database's")]


def _settings(subject: Subject) -> list[Finding]:
    with subject.database.reading() as session:
        try:
            read_policy(session)
        except ValueError as error:
            return [problem("settings", f"the database has a setting out of its range: {error}", "run `daypass conf`")]
    return []


def _keys(subject: Subject) -> list[Finding]:
    return [subject.fingerprints.finding()] if subject.fingerprints else []


def _missing_keys(subject: Subject) -> list[Finding]:
    missing = subject.fingerprints.missing() if subject.fingerprints else []
    if not missing:
        return []
    detail = f"active tokens are signed with keys that this host does not have ({', '.join(missing)}), and do not work"
    return [warning("missing keys", detail, "see `daypass keys status`; put the keys back behind the first")]


def _writes(subject: Subject) -> list[Finding]:
    return [subject.writes.finding(subject.database)]


def _integrity(subject: Subject) -> list[Finding]:
    return [integrity.finding(subject.path)] if subject.path else []


def _journal(subject: Subject) -> list[Finding]:
    if not subject.database.is_sqlite:
        return []
    if line := sqlite_problem():
        return [problem(JOURNAL, line)]
    if line := sqlite_warning():
        return [warning(JOURNAL, line.rstrip("."))]
    return [ok(JOURNAL, f"SQLite {DRIVER.sqlite_version}, with a write-ahead log")]


def _further(subject: Subject) -> list[Finding]:
    now = subject.clock()
    lines = {name: line for name, warn in subject.warnings.items() if (line := warn(now))}
    return [warning(name, line) for name, line in lines.items()]


@dataclass(frozen=True)
class Check:
    """`run`: returns no finding where it does not apply. `is_ground`: without it nothing more can be said of the
    database. `is_thorough`: not for ``/readyz``.
    """

    name: str
    run: Callable[[Subject], list[Finding]]
    needs_database: bool = True
    is_ground: bool = False
    is_thorough: bool = False


CHECKS = (
    Check("files", _files, needs_database=False, is_ground=True),
    Check("privacy", _privacy, is_thorough=True),
    Check("disk", _disk),
    Check("database", _database, is_ground=True),
    Check("integrity", _integrity),
    Check("clock", _clock),
    Check("keys", _keys),
    Check("missing keys", _missing_keys, is_thorough=True),
    Check("settings", _settings),
    Check("writes", _writes),
    Check(JOURNAL, _journal),
    Check("warnings", _further),
)

_GROUNDS = {check.name for check in CHECKS if check.is_ground}


def is_usable(findings: Iterable[Finding]) -> bool:
    """Whether the database can be looked into, whatever else is wrong."""
    return not any(each.name in _GROUNDS and each.level is Level.PROBLEM for each in findings)

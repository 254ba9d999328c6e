"""What keeps Daypass from its work, or will: for ``/readyz``, the start of a server, ``db check`` and ``doctor``.

Not here: the checks themselves (``health_checks``), and those of settings and jobs (``app.cli.doctor``).
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from app.domain.clock import Clock
from app.domain.errors import Conflict, Unavailable
from app.domain.findings import Finding, Level, problem
from app.services.health_checks import CHECKS, Subject, is_usable
from app.services.key_fingerprints import KeyFingerprints
from app.storage import schema
from app.storage.database import DAMAGE, Database, refusing_when_away
from app.storage.sqlite_files import identity, sqlite_file

LOG = structlog.get_logger(__name__)

PATIENCE_SECONDS = 1.8
"""How long ``/readyz`` waits for the checks."""

Warn = Callable[[datetime], str | None]


class Health:
    """Runs the checks. `fingerprints`: None where the keys are not known.

    `warnings`: further ones by name; each takes the present time, and returns a line or None.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        fingerprints: KeyFingerprints | None,
        warnings: Mapping[str, Warn] | None = None,
    ) -> None:
        self.database = database
        self.path = sqlite_file(database.engine.url)
        self._file = identity(self.path) if self.path else None
        self._subject = Subject(database, clock, self.path, fingerprints, warnings or {})
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._noted: set[Finding] = set()

    def examine(self, thoroughly: bool = False) -> list[Finding]:
        """All findings. `thoroughly`: those too that take long on large databases, or matter only at the start.

        A check whose ground another one has found missing is left out: one cause, one problem.
        """
        findings: list[Finding] = []
        for check in CHECKS:
            if (check.needs_database and not is_usable(findings)) or (check.is_thorough and not thoroughly):
                continue
            findings += run_check(check.name, lambda run=check.run: run(self._subject))  # type: ignore[misc]
        return findings

    def require(self) -> None:
        """Before a command writes: refuses with Conflict an old schema, and keys other than the database's."""
        with refusing_when_away():
            revision = schema.current_revision(self.database.engine)
        if schema.is_behind(revision):
            raise Conflict(f"{schema.behind(revision)}.")
        if self._subject.fingerprints:
            self._subject.fingerprints.require()

    def examine_in_time(self) -> list[Finding]:
        """The quick ones, within two seconds even where the database or its disk does not answer.

        Callers that come at the same time get the same findings; while a run hangs, nobody waits for it again.
        """
        with self._lock:
            if self._run is None or self._run.ended.is_set():
                try:
                    self._run = _Run(self._examine_and_note)
                except RuntimeError:
                    return [
                        problem("threads", "no further thread can be started", "raise the limits of memory and tasks")
                    ]
            run = self._run
        run.ended.wait(max(0, run.began + PATIENCE_SECONDS - time.monotonic()))
        if run.findings is None:
            detail = "the database or its disk does not answer in time"
            return [problem("database", detail, "look at the database's server, or at the disk")]
        return run.findings

    def _replaced(self) -> list[Finding]:
        """Whether another file has taken the place of SQLite's: open connections go on with the first."""
        present = identity(self.path) if self.path else None
        self._file = self._file or present
        if present in (None, self._file):
            return []
        detail = "another file was put in the place of the database, and this process uses both"
        return [problem("files", detail, "restart Daypass")]

    def _examine_and_note(self) -> list[Finding]:
        """Log what has changed, not every probe."""
        findings = self.examine()
        if is_usable(findings):
            findings += self._replaced()
        wrong = {each for each in findings if each.level is not Level.OK}
        for each in wrong - self._noted:
            log = LOG.error if each.level is Level.PROBLEM else LOG.warning
            log("health", check=each.name, level=each.level, detail=each.line, cause=each.cause)
        for name in {each.name for each in self._noted} - {each.name for each in wrong}:
            LOG.info("health", check=name, level=Level.OK)
        self._noted = wrong
        return findings


class _Run:
    """One examination, in a thread that may hang."""

    def __init__(self, examine: Callable[[], list[Finding]]) -> None:
        self.began = time.monotonic()
        self.ended = threading.Event()
        self.findings: list[Finding] | None = None
        self._examine = examine
        threading.Thread(target=self._go, name="health", daemon=True).start()

    def _go(self) -> None:
        try:
            self.findings = self._examine()
        finally:
            self.ended.set()


def run_check(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """What the check finds; that it failed, where it did."""
    try:
        return check()
    except Unavailable as error:
        remedy = "" if error.what == DAMAGE else "start it, or correct DAYPASS_DATABASE_URL"
        return [problem(name, error.what, remedy, _first_line(error.__cause__))]
    except Exception as error:  # noqa: BLE001  # a broken check is a finding: the others go on
        cause = f"{type(error).__name__}: {_first_line(error)}"
        return [problem(name, "the check itself failed", "look at the cause", cause)]


def _first_line(error: BaseException | None) -> str:
    return str(getattr(error, "orig", None) or error or "").strip().partition("\n")[0]

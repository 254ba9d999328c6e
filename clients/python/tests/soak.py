"""Many processes and threads on one refresh token, while another process ends the access token again and again.

``make soak`` runs each of :data:`CASES` for three minutes and prints a table; the suite runs all of them for seconds.
Here belongs the set-up. Not here: what the callers do (``callers``), and what must come of it (``test_sharing``).
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from app.domain.identity import Caller
from app.domain.policy import Reissue
from app.factory import create_app
from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from config import Settings
from tests.databases import KEYS, SqliteFiles
from tests.drivers.server import LiveServer
from tests.factories import make_user

CASES = (
    ("client", Reissue.REPLACE),
    ("client", Reissue.OVERLAP),
    ("client", Reissue.REUSE),
    ("naive", Reissue.REPLACE),
    ("naive", Reissue.REUSE),
)
"""Who calls, and under which policy."""


@dataclass(frozen=True)
class Load:
    """How many call for how many seconds, and how many lie between two revocations."""

    processes: int = 5
    threads: int = 20
    seconds: float = 180
    revoke_every: float = 5


@dataclass
class Outcome:
    """What callers saw, and what happened to the refresh token meanwhile: `asks` are given the same token at times."""

    seen: Counter[str] = field(default_factory=Counter)
    revocations: int = 0
    asks: int = 0
    tokens: int = 0

    @property
    def refused(self) -> int:
        return self.seen.total() - self.seen["200"]


class Run:
    """One case under way on a server."""

    def __init__(self, url: str, services: Services, kind: str, policy: Reissue, load: Load) -> None:
        user = make_user(services)
        self._load = load
        self._refresh = services.issuing.issue(user, "shared", Caller(user.username, user.id), policy)
        self._environment = os.environ | {
            "DAYPASS_URL": url,
            "DAYPASS_REFRESH_TOKEN": self._refresh.secret,
            "DAYPASS_USER_ID": str(user.id),
        }
        self._callers = [self._start(kind, load.threads) for _ in range(load.processes)]
        self._revoking = self._start("revoking", load.revoke_every)

    def outcome(self, database: Database) -> Outcome:
        """Wait for its end."""
        outcome = Outcome()
        try:
            for caller in self._callers:
                outcome.seen += self._finish(caller)
            revoked = self._finish(self._revoking)
        finally:
            for process in (*self._callers, self._revoking):
                process.kill()  # whoever is still there, because another one failed
        outcome.revocations = revoked["200"]
        assert set(revoked) <= {"200", "503"}, revoked  # a busy database did nothing; the next one comes soon
        with database.reading() as session:
            row = session.get_one(RefreshTokenRow, self._refresh.token.id)
            outcome.asks = row.generation - outcome.revocations  # each opens a generation
            under = select(func.count()).where(AccessTokenRow.refresh_token_id == row.id)
            outcome.tokens = session.scalar(under) or 0
        return outcome

    def _start(self, kind: str, number: float) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "clients.python.tests.callers", kind, str(self._load.seconds), str(number)]
        return subprocess.Popen(words, env=self._environment, stdout=subprocess.PIPE, text=True)

    def _finish(self, process: subprocess.Popen[str]) -> Counter[str]:
        out, _ = process.communicate(timeout=self._load.seconds + 120)
        assert process.returncode == 0
        return Counter(json.loads(out))


def main(seconds: float) -> None:
    load = Load(seconds=seconds)
    print(
        f"{load.processes} processes x {load.threads} threads, {seconds:.0f} s each, the access token revoked every "
        f"{load.revoke_every:.0f} s; SQLite, two workers\n\n"
        "| client | policy | calls | refused | revocations | asks | access tokens |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        with SqliteFiles(folder).fresh(folder) as url, LiveServer(url, folder) as server:
            app = create_app(Settings(instance=name, database_url=url, log_level="ERROR"), KEYS)
            for kind, policy in CASES:
                run = Run(server.url, parts(app).services, kind, policy, load)
                done = run.outcome(app.extensions["daypass_database"])
                what = " ".join(f"{name}: {times:,}" for name, times in done.seen.items() if name != "200")
                refused = f"{done.refused:,} {what and f'({what})'}".strip()
                numbers = f"{done.revocations} | {done.asks:,} | {done.tokens:,}"
                print(f"| {kind} | `{policy}` | {done.seen.total():,} | {refused} | {numbers} |", flush=True)
            parts(app).services.close()


if __name__ == "__main__":
    main(float(sys.argv[1]))

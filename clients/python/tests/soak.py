"""Many processes and threads with one refresh token, while the access token is revoked repeatedly.

``make soak`` runs each of :data:`CASES` for three minutes and prints a table; the tests run the client for seconds.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from app.domain.reissue import Reissue
from app.factory import create_app
from app.http.context import parts
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from clients.python.tests.callers import TIMEOUT_SECONDS, Naive
from config import Settings
from tests.databases import KEYS, SqliteFiles
from tests.drivers.server import LiveServer
from tests.factories import make_user, signed_in

CASES = (
    ("client", Reissue.REPLACE),
    ("client", Reissue.OVERLAP),
    ("client", Reissue.REUSE),
    ("naive", Reissue.REPLACE),
    ("naive", Reissue.REUSE),
)
"""The kind of caller, and the policy."""


@dataclass(frozen=True)
class Load:
    """The number of processes, threads and revocations; `every`: seconds between revocations."""

    processes: int = 5
    threads: int = 20
    revocations: int = 36
    every: float = 5


@dataclass
class Outcome:
    """Statuses and exceptions, and what happened to the refresh token. `mints`: requests for an access token."""

    seen: Counter[str] = field(default_factory=Counter)
    revocations: int = 0
    mints: int = 0
    tokens: int = 0

    @property
    def refused(self) -> int:
        return self.seen.total() - self.seen["200"]


def run(url: str, services: Services, database: Database, kind: str, policy: Reissue, load: Load) -> Outcome:
    """Run one case. The first revocation waits until every thread has called; the end, for the last revocation."""
    user = make_user(services)
    refresh = services.issuing.issue(user.id, "shared", signed_in(user), reissue=policy)
    naive = Naive(url, refresh.secret, user.id)
    outcome = Outcome()
    with ExitStack() as stack:
        callers = [stack.enter_context(_caller(kind, load.threads, naive)) for _ in range(load.processes)]
        for caller in callers:
            assert caller.stdout is not None and caller.stdout.readline() == "started\n"
        for _ in range(load.revocations):
            outcome.revocations += _revoke(naive)
            time.sleep(load.every)
        for caller in callers:
            out, _ = caller.communicate(timeout=120)  # its input ends
            assert caller.returncode == 0
            outcome.seen += Counter(json.loads(out))
    with database.reading() as session:
        row = session.get_one(RefreshTokenRow, refresh.token.id)
        outcome.mints = row.generation - outcome.revocations  # each opens a generation
        under = select(func.count()).where(AccessTokenRow.refresh_token_id == row.id)
        outcome.tokens = session.scalar(under) or 0
    return outcome


@contextmanager
def _caller(kind: str, threads: int, like: Naive) -> Iterator[subprocess.Popen[str]]:
    environment = {
        "DAYPASS_URL": like.url,
        "DAYPASS_REFRESH_TOKEN": str(like.proof["refresh_token"]),
        "DAYPASS_USER_ID": str(like.proof["user_id"]),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "clients.python.tests.callers", kind, str(threads)],
        env=os.environ | environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()  # it still runs if something failed


def _revoke(naive: Naive) -> bool:
    """Whether the access tokens were revoked; False if the database was busy."""
    url = f"{naive.url}/integration/v1/revokeAPIAccessTokens/"
    status = naive.session.post(url, json=naive.proof, timeout=TIMEOUT_SECONDS).status_code
    assert status in (200, 503)
    return status == 200


def main(seconds: float) -> None:
    load = Load(revocations=round(seconds / Load.every))
    print(
        f"{load.processes} processes x {load.threads} threads, {seconds:.0f} s each, the access token revoked every "
        f"{load.every:.0f} s; SQLite, two workers\n\n"
        "| client | policy | calls | refused | revocations | mints | access tokens |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        with SqliteFiles(folder).fresh(folder) as url, LiveServer(url, folder) as server:
            app = create_app(Settings(instance=name, database_url=url, log_level="ERROR"), KEYS)
            for kind, policy in CASES:
                done = run(server.url, parts(app).services, app.extensions["daypass_database"], kind, policy, load)
                what = " ".join(f"{name}: {times:,}" for name, times in done.seen.items() if name != "200")
                refused = f"{done.refused:,} {what and f'({what})'}".strip()
                numbers = f"{done.revocations} | {done.mints:,} | {done.tokens:,}"
                print(f"| {kind} | `{policy}` | {done.seen.total():,} | {refused} | {numbers} |", flush=True)
            parts(app).services.close()


if __name__ == "__main__":
    main(float(sys.argv[1]))

"""What a check consists of, in CPU microseconds: ``python -m bench.budget``, printed as a table.

Each step alone, in one thread, by the CPU clock of that thread. The server's part is that of the application that does
nothing, with one connection.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from itertools import islice
from statistics import median
from typing import Any

from app.domain.secrets import TokenText
from app.factory import create_app
from app.gate import Gate, answers
from app.http.context import parts
from app.services import verifying
from app.services.verifying import TokenVerifier
from app.storage.check import CheckedRow
from bench.installations import PEPPER, Installation
from bench.load import Carrier, Target, drive, require_wrk
from bench.plan import Plan
from bench.serve import LOG_LEVEL
from bench.servers import serving
from bench.tables import table
from bench.token_rows import KEYS
from bench.workspace import DATABASES, Workspace
from config import Keys, Settings

TIMES, TURNS = 2_000, 7
TOGETHER = 8
"""How many rows PostgreSQL is asked for at once, where threads ask together."""


def main() -> None:
    """Measure and print."""
    require_wrk()
    with Workspace(replace(Plan(), users=5_000, sample=TIMES)) as workspace:
        rows: dict[str, list[str]] = {}
        for database in DATABASES:
            installation = workspace.daypass(database, workspace.plan.tokens)
            costs = steps(installation) | {"server": _of_the_server(workspace, installation)}
            for step, cost in costs.items():
                rows.setdefault(step, [""] * len(DATABASES))[DATABASES.index(database)] = f"{cost:.1f}"
    print(table(("CPU µs", *DATABASES), [(step, *cells) for step, cells in rows.items()]))


def steps(installation: Installation) -> dict[str, float]:
    """CPU microseconds of each step of a check, and of all of them, the server aside."""
    settings = Settings(instance=str(installation.folder), database_url=installation.url, log_level=LOG_LEVEL)
    app = create_app(settings, Keys(KEYS, PEPPER))
    verifier = parts(app).services.verifier
    with closing(parts(app).services):
        texts = installation.tokens.read_text().split()
        known = [verifier.recognise(text) for text in texts]
        found = _steps(verifier, texts, known)
        if installation.url.startswith("postgresql"):
            several = [[token.public_id for token, _ in group] for group in _grouped(known)]
            found[f"read, {TOGETHER} at once"] = _cpu_us(verifier._lookup._query_several, several) / TOGETHER
        gate = Gate(app.wsgi_app, parts(app))
        environments = [_environment(text) for text in texts]
        found["all of it"] = _cpu_us(lambda environ: gate(environ, _start_response), environments)
    app.extensions["daypass_database"].engine.dispose()
    return found


def _steps(verifier: TokenVerifier, texts: list[str], known: list[tuple[TokenText, CheckedRow]]) -> dict[str, float]:
    now = verifier._clock()
    principals = [verifying._principal(token.public_id, row, now) for token, row in known]
    refuse, headers = verifying._refuse_unless_active, answers.identity_headers
    return {
        "parse": _cpu_us(verifier._format.parse, texts),
        "read": _cpu_us(verifier._lookup.find, [token.public_id for token, _ in known]),
        "MAC": _cpu_us(lambda each: verifier._ring.verifies(each[0], each[1].key_id, each[1].mac), known),
        "decide": _cpu_us(lambda each: refuse(each[0].public_id, each[1], verifier._clock()), known),
        "principal": _cpu_us(lambda each: verifying._principal(each[0].public_id, each[1], now), known),
        "headers": _cpu_us(lambda each: [*headers(each), *answers.COMMON], principals),
    }


def _cpu_us(step: Callable[[Any], object], inputs: list[Any]) -> float:
    """CPU microseconds of a step; the median of several turns."""
    turns = []
    for _ in range(TURNS):
        began = time.thread_time()
        for each in inputs:
            step(each)
        turns.append((time.thread_time() - began) / len(inputs) * 1e6)
    return median(turns)


def _grouped(known: Iterable[tuple[TokenText, CheckedRow]]) -> Iterable[list[tuple[TokenText, CheckedRow]]]:
    rest = iter(known)
    while group := list(islice(rest, TOGETHER)):
        yield group


def _environment(text: str) -> dict[str, Any]:
    return {
        "PATH_INFO": "/auth/verify",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_TOKEN": text,
        "REMOTE_ADDR": "127.0.0.1",
    }


def _start_response(_status: str, _headers: object) -> Any:
    return lambda _: None


def _of_the_server(workspace: Workspace, installation: Installation) -> float:
    with serving("bench.apps.nothing:application", workspace.folder) as server:
        target = Target(f"{server.url}/", installation.tokens, Carrier("TOKEN"), server.pid)
        return median(drive(target, 1, connections=1).cpu_us for _ in range(3))


if __name__ == "__main__":
    main()

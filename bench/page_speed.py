"""How fast every web page is at 100,000 tokens of 5,000 users: ``python -m bench.page_speed --as after``.

First byte, transferred bytes and SQL statements of each page, on both databases, into ``bench/page_speed.md``, where
`before` and `after` stand side by side. The pages are the GET routes of the pages and of the API documents, so that
none is forgotten, and lists as they are searched (``bench.page_list``). Needs the packages of ``make test``.
"""

import argparse
import http.client
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import requests
from flask import Flask
from sqlalchemy import Engine, event

from app.domain.clock import system_clock
from app.factory import create_app
from app.http.context import parts
from bench.environment import load_average
from bench.installations import PEPPER, Installation
from bench.lived_in import live_in
from bench.page_list import paths, sign_in
from bench.plan import Plan
from bench.serve import LOG_LEVEL
from bench.servers import Server, serving_daypass
from bench.tables import table
from bench.token_rows import KEYS
from bench.workspace import DATABASES, Workspace, progress
from config import Keys, Settings

RESULTS = Path(__file__).with_name("page_speed.json")
PAGE = Path(__file__).with_name("page_speed.md")
TOKENS, USERS, TIMES = 100_000, 5_000, 20
SLOWEST_MS = 100
"""The first byte of every page, warm."""


def main() -> int:
    """Measure, keep the figures under the name that was asked for, and write the page."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and databases are stopped
    stored: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not options.show:
        load = round(load_average(), 1)
        plan = replace(Plan(), tokens=options.tokens, users=min(options.tokens, USERS))
        with Workspace(plan) as workspace:
            pages = {database: dict(_measure(workspace, database)) for database in options.only}
        measured = {"date": f"{system_clock():%Y-%m-%d %H:%M} UTC", "load_average": load, "pages": pages}
        if options.tokens != TOKENS:
            print(page({options.name: measured}))
            return 0
        measured["pages"] = stored.get(options.name, {}).get("pages", {}) | pages
        stored[options.name] = measured
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n")
    PAGE.write_text(page(stored))
    return 0


def page(stored: dict[str, Any]) -> str:
    """The page of results: a table for each database, a row for each page."""
    parts_shown = [
        f"""\
# How fast the pages are

Every page at {TOKENS:,} refresh tokens and {TOKENS:,} access tokens of {USERS:,} users, {OWN:,} of each of them the
viewer's, and 200,000 audit events. Written by `python -m bench.page_speed`.

- First byte: milliseconds from the request until the headers of the answer are there, on one connection to
  `daypass serve`: the median of {TIMES} requests, and the 95th percentile (p95). The first
  requests, which are not counted, fill caches.
- Bytes: the body of the answer as it is transferred to a client that accepts gzip.
- Statements: SQL statements that answer one request, that of the session included.

At most {SLOWEST_MS} ms are allowed for the first byte (p95); what is above is bold."""
    ]
    names = [name for name in ("before", "after") if name in stored]
    for database in DATABASES:
        rows = [
            _row(path, [stored[name]["pages"][database].get(path) for name in names])
            for path in _paths(stored, database)
        ]
        figures = ("first byte", "p95", "bytes", "statements")
        heads = ("page", *(f"{figure} {name}" if len(names) > 1 else figure for figure in figures for name in names))
        parts_shown += [f"## {database}", table(heads, rows)]
    taken = [f"{name}: {stored[name]['date']}, load average {stored[name]['load_average']}" for name in names]
    return "\n\n".join([*parts_shown, "Measured " + "; ".join(taken) + "."]) + "\n"


OWN = TOKENS // 50


def _paths(stored: dict[str, Any], database: str) -> list[str]:
    """Those that are there now, then those that are no more."""
    paths: dict[str, None] = {}
    for name in reversed(stored):
        paths |= dict.fromkeys(stored[name]["pages"][database])
    return list(paths)


def _row(path: str, figures: list[dict[str, Any] | None]) -> list[str]:
    cells = [f"`{path}`"]
    for name in ("first_byte_ms", "p95_ms", "bytes", "statements"):
        for each in figures:
            value = "" if each is None else f"{each[name]:,}"
            cells.append(f"**{value}**" if name == "p95_ms" and each and each[name] > SLOWEST_MS else value)
    return cells


def _measure(workspace: Workspace, database: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of each page: its name, and what was measured."""
    plan = workspace.plan
    installation = workspace.daypass(database, plan.tokens, users=plan.users)
    live_in(installation)
    with serving_daypass(installation) as server, _application(installation) as app, requests.Session() as browser:
        sign_in(browser, server.url)
        cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies)
        found = paths(app, installation, browser, server.url)
        for name, path in found.items():
            who = "" if path == "/login" else cookie
            answer = requests.get(server.url + path, headers={"Cookie": who}, allow_redirects=False, timeout=60)
            if answer.status_code != 200:
                progress(f"  {database} {name}: NOT MEASURED, the answer is {answer.status_code}")
                continue
            figures = _timed(server, path, who) | {"statements": _statements(app, path, who)}
            progress(f"  {database} {name}: {figures}")
            yield name, figures


def _timed(server: Server, path: str, cookie: str) -> dict[str, Any]:
    headers = {"Cookie": cookie, "Accept-Encoding": "gzip", "Accept": "text/html"}
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    taken: list[float] = []
    for _ in range(TIMES + 2):
        started = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        taken.append((time.perf_counter() - started) * 1000)
        body = answer.read()
        assert answer.status == 200, f"{path}: {answer.status}"
    connection.close()
    counted = sorted(taken[2:])
    p95 = counted[math.ceil(len(counted) * 0.95) - 1]
    return {"first_byte_ms": round(median(counted), 1), "p95_ms": round(p95, 1), "bytes": len(body)}


def _statements(app: Flask, path: str, cookie: str) -> int:
    """SQL statements of one request, transaction control aside."""
    seen: list[str] = []
    thread = threading.get_ident()

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if threading.get_ident() == thread and not statement.startswith(("BEGIN", "PRAGMA", "SET ")):
            seen.append(statement)

    client = app.test_client(use_cookies=False)
    event.listen(Engine, "before_cursor_execute", count)
    try:
        for _ in range(2):  # the second is counted: the first may fill caches
            seen.clear()
            answer = client.get(path, headers={"Cookie": cookie, "Accept": "text/html", "Accept-Encoding": "gzip"})
            answer.get_data()
            assert answer.status_code == 200, f"{path}: {answer.status_code}"
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    return len(seen)


@contextmanager
def _application(installation: Installation) -> Iterator[Flask]:
    """The application in this process, on the same database."""
    settings = Settings(instance=str(installation.folder), database_url=installation.url, log_level=LOG_LEVEL)
    app = create_app(settings, Keys(KEYS, PEPPER))
    yield app
    parts(app).services.close()
    app.extensions["daypass_database"].engine.dispose()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.page_speed", description="Measure every web page.")
    parser.add_argument("--as", dest="name", choices=("before", "after"), default="after", help="default: after")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="fewer: printed, not written (default %(default)s)")
    parser.add_argument(
        "--only", choices=DATABASES, nargs=1, default=DATABASES, help="one database; the figures of the other stay"
    )
    parser.add_argument("--show", action="store_true", help="measure nothing; write the page again")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Clients of other languages, unchanged from their registries, against a real server: ``make clients``.

Says what each did, and what could not be run and why. Exits with 1 if a client failed.
"""

import argparse
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from app.http.context import parts
from config import Settings
from tests.clients.lives import Instance, Life
from tests.clients.programs import PROGRAMS, Language, NotRun
from tests.databases import application, separate_database
from tests.drivers.server import LiveServer

AT_ONCE = 8
"""Lives: each waits most of its time."""


def main() -> int:
    chosen = [each for each in PROGRAMS if not (only := _options().only) or only in each.title]
    ready, failed = _prepared({each.language.folder: each.language for each in chosen}), 0
    with served() as instance:
        lives = [
            Life(program, instance, grant, auth, [])
            for program in chosen
            for grant, auth in program.lives
            if ready.get(program.language.folder) is None
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for life, fault in zip(lives, pool.map(_lived, lives), strict=True):
                print(f"{'FAILED' if fault else 'ok':<9}{life}")
                for line in [*life.told, *([fault] if fault else [])]:
                    print(f"           {line}", flush=True)
                failed += bool(fault)
    for program in chosen:
        if reason := ready.get(program.language.folder):
            failed += not isinstance(reason, NotRun)
            print(f"{'not run' if isinstance(reason, NotRun) else 'FAILED':<9}{program.title}: {reason}")
    return 1 if failed else 0


def _prepared(languages: dict[str, Language]) -> dict[str, Exception]:
    """Why what is written in a language can't be run; nothing of those that can."""
    found: dict[str, Exception] = {}
    for name, language in languages.items():
        try:
            language.prepare()
        except (NotRun, AssertionError) as reason:
            found[name] = reason
    return found


def _lived(life: Life) -> str:
    """What went wrong, if anything."""
    try:
        life.live()
    except Exception as fault:  # noqa: BLE001 - it is told, and the others go on
        where = traceback.extract_tb(fault.__traceback__)[-1]
        return f"{type(fault).__name__} at `{where.line}`: {fault}"
    return ""


@contextmanager
def served() -> Iterator[Instance]:
    """A server with two workers on a database of its own, which knows its address."""
    with separate_database("sqlite") as (url, folder):
        server = LiveServer(url, folder)
        server.environment["DAYPASS_PUBLIC_URL"] = server.url
        with application(Settings(instance=str(folder), database_url=url, log_level="WARNING")) as app, server:
            yield Instance(server.url, parts(app).services, app.extensions["daypass_database"])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("--only", metavar="WORD", help="the clients in whose name it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

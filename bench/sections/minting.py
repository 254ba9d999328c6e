"""Minting: access tokens a second, each committed durably before it is answered; statements and CPU time of each.

Many refresh tokens, so that mints rarely wait for one another's row.
"""

import threading
from contextlib import ExitStack
from functools import partial
from typing import Any

from sqlalchemy import Engine, event

from app.factory import create_app
from app.http.context import parts
from bench.installations import PEPPER, Installation
from bench.load import drive
from bench.rounds import summarize, take_turns
from bench.serve import LOG_LEVEL
from bench.servers import serving_daypass
from bench.subjects import MINT_PATH, mint_target
from bench.token_rows import KEYS
from bench.workspace import DATABASES, Workspace
from config import Keys, Settings

CONNECTIONS = 8
STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


def prepare(workspace: Workspace) -> None:
    """Fill databases of its own: a mint replaces the access token that other sections check."""
    for database in DATABASES:
        workspace.daypass(database, workspace.plan.tokens, due=1)


def measure(workspace: Workspace) -> dict[str, Any]:
    """Mints a second, and statements per mint, per database."""
    plan = workspace.plan
    statements: dict[str, int] = {}
    with ExitStack() as running:
        turns = {}
        for database in DATABASES:
            installation = workspace.daypass(database, plan.tokens, due=1)
            statements[database] = count_statements(installation)
            server = running.enter_context(serving_daypass(installation))
            target = mint_target(server, installation.mints, workspace.server_of(database))
            drive(target, plan.warm_up, CONNECTIONS)
            turns[database] = partial(drive, target, plan.seconds, CONNECTIONS)
        results = take_turns(turns, plan.rounds)
    return {name: summarize(each) | {"statements": statements[name]} for name, each in results.items()}


def count_statements(installation: Installation) -> int:
    """SQL statements of one mint, transaction control aside, in an application of this process."""
    settings = Settings(instance=str(installation.folder), database_url=installation.url, log_level=LOG_LEVEL)
    app = create_app(settings, Keys(KEYS, PEPPER))
    forms = installation.mints.read_text().split("\n")
    seen: list[str] = []
    thread = threading.get_ident()

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if threading.get_ident() == thread and statement.lstrip().upper().startswith(STATEMENTS):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        for form in forms[:2]:  # the second is counted: the first may fill caches
            seen.clear()
            answer = app.test_client().post(MINT_PATH, data=form, content_type="application/x-www-form-urlencoded")
            assert answer.status_code == 201, answer.text
    finally:
        event.remove(Engine, "before_cursor_execute", count)
        parts(app).services.close()
        app.extensions["daypass_database"].engine.dispose()
    return len(seen)

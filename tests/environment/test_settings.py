"""Commands in environments that others have set: what starts nevertheless, and what ends in one line."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import click
import pytest
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text

from app.cli import command_line
from app.factory import create_app
from app.http.context import parts
from app.storage.database import SOUND_WAL, engine_options
from config.database_url import engine_url
from tests.crowds import all_at_once
from tests.databases import KEYS, close
from tests.factories import issue, make_user, mint, works
from tests.variables import DOCKER, KUBERNETES

ROOT = Path(__file__).parent.parent.parent
HIDDEN = "hidden-word"

GIVEN = {
    "DAYPASS_TOKEN_KEYS": ",".join(f"{key}:{value.hex()}" for key, value in KEYS.token_keys.items()),
    "DAYPASS_PASSWORD_PEPPER": KEYS.pepper.hex(),
}
MODULE = (sys.executable, "-m", "app")

WITHOUT_PYSQLITE3 = "import sys; sys.modules['pysqlite3'] = None; "
"""As on a machine for which it has no wheel: the standard library's SQLite is used."""


def run(
    command: Sequence[str], environment: dict[str, str], stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run it with these variables and a path alone."""
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"]} | environment, cwd=ROOT, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_commands_run_beside_the_variables_of_kubernetes_docker_and_the_client(database_url: str) -> None:
    """Without a home folder, too."""
    others = {"DAYPASS_URL": "http://daypass:8080", "DAYPASS_REFRESH_TOKEN": "dpr_x", "DAYPASS_USER_ID": "1"}
    environment = GIVEN | KUBERNETES | DOCKER | others | {"DAYPASS_DATABASE_URL": database_url}
    ended = run((*MODULE, "user", "list"), environment)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_failures_of_processes_are_one_line_without_a_traceback_or_a_password(database_url: str) -> None:
    """What only a process shows; all other failures are in tests/unit/config and tests/integration/cli."""
    flask = (sys.executable, "-m", "flask", "--app", "wsgi")
    at_database = {"DAYPASS_DATABASE_URL": database_url}
    with open("/dev/full", "w") as full:  # noqa: PTH123
        refused, unwritten, closed = all_at_once(
            [
                lambda: run((*flask, "user", "list"), GIVEN | {"DAYPASS_DATABASE_URL": f"mysql://u:{HIDDEN}@db/x"}),
                lambda: run((*MODULE, "conf"), GIVEN | at_database, full.fileno()),
                lambda: run(("sh", "-c", '"$0" -m app user show nobody >&-', sys.executable), GIVEN | at_database),
            ]
        )
    assert (refused.returncode, unwritten.returncode) == (1, 1)
    assert re.fullmatch(r"Error: DAYPASS_DATABASE_URL must begin with .*\n", refused.stderr)
    assert (closed.returncode, closed.stderr) == (1, "Error: There is no such user.\n")
    assert unwritten.stderr == "Error: No space left on device; free some space.\n"


HEAVY = {"authlib", "cryptography", "httpx", "joserfc", "pydantic", "pyotp", "scim2_models", "segno"}
"""What only single sign-on, second factors and SCIM need: tens of megabytes, in every worker."""

OF_OTHERS = {"alembic", "apscheduler", "flask_migrate", "psycopg", "sqlalchemy.dialects.postgresql", "app.cli.serving"}
"""What only commands, jobs and the other database need."""

OPENED = "all(app.test_client().get(each) for each in ('/login', '/healthz', '/openapi/native', '/scim/v2/Users'))"
USED = (
    "from app.api.scim import answering; from app.services.second_factors import step_of; "
    "from app.web.qr_codes import qr_code; step_of('A' * 32, qr_code('x').path, range(1))"
)


def loaded(environment: dict[str, str], *sources: str) -> list[set[str]]:
    """Which of these a process has loaded that serves as a worker does, after each of these has run."""
    found = f"print('loaded', *({HEAVY | OF_OTHERS} & set(sys.modules)))"  # beside the log
    lines = "import sys; from wsgi import app; " + "; ".join(f"{each}; {found}" for each in sources)
    ended = run((sys.executable, "-c", lines), GIVEN | environment)
    assert ended.returncode == 0, ended.stderr
    return [set(line.split()[1:]) for line in ended.stdout.splitlines() if line.startswith("loaded")]


def test_a_worker_loads_nothing_for_ways_in_that_nobody_uses_and_for_commands(database_url: str) -> None:
    """What uses them shows that it would be noticed."""
    at_database = {"DAYPASS_DATABASE_URL": database_url}
    provider = {"DAYPASS_OIDC_CORP_ISSUER": "https://id.example.com", "DAYPASS_OIDC_CORP_CLIENT_ID": "daypass"}
    (unused, used), (with_provider,) = all_at_once(
        [lambda: loaded(at_database, OPENED, USED), lambda: loaded(at_database | provider, "pass")]
    )
    assert unused == set()
    assert used == {"pydantic", "pyotp", "scim2_models", "segno"}
    assert with_provider == {"authlib", "cryptography", "httpx", "joserfc"}


def test_a_command_imports_only_its_own_module(database_url: str) -> None:
    source = (
        "import sys; from app.cli import command_line; from app.factory import create_app; "
        "command_line(create_app)(['user', 'list'], standalone_mode=False); "
        "print(*sorted(each for each in sys.modules if each.startswith('app.cli.')))"
    )
    ended = run((sys.executable, "-c", source), GIVEN | {"DAYPASS_DATABASE_URL": database_url})
    imported = {each.removeprefix("app.cli.") for each in ended.stdout.splitlines()[-1].split()}
    assert "users" in imported and not imported & {"serving", "jobs", "restoring", "audit", "doctor"}


def test_commands_do_without_apis_and_pages(database_url: str) -> None:
    source = (
        "import sys; sys.argv = ['daypass', 'user', 'list']; import atexit; from app.__main__ import main; "
        "atexit.register(lambda: print('loaded', *({'app.routing', 'app.web', 'marshmallow'} & set(sys.modules)))); "
        "main()"
    )
    ended = run((sys.executable, "-c", source), GIVEN | {"DAYPASS_DATABASE_URL": database_url})
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "loaded")


def story(folder: str) -> None:
    """A token's life in an installation of its own; prints what `init` says."""
    os.environ["DAYPASS_INSTANCE"] = folder
    click.echo(CliRunner().invoke(command_line(create_app), ["init"]).stderr)
    app = create_app()
    services = parts(app).services
    refresh = issue(services, make_user(services))
    mint(services, refresh)
    assert works(services, refresh) and works(services, mint(services, refresh))
    services.expiring.expire_due()
    close(app)


def test_the_standard_librarys_sqlite_is_used_where_pysqlite3_is_missing(tmp_path: Path) -> None:
    """With a rollback journal where its write-ahead log is not sound, which `init` says."""
    source = f"{WITHOUT_PYSQLITE3}from {__name__} import story; story(sys.argv[1])"
    ended = run((sys.executable, "-c", source, str(tmp_path)), {})
    assert (ended.returncode, ended.stderr) == (0, "")
    is_sound = sqlite3.sqlite_version_info >= SOUND_WAL
    warnings = re.findall(rf"^Warning: SQLite {re.escape(sqlite3.sqlite_version)} can damage", ended.stdout, re.M)
    assert len(warnings) == (0 if is_sound else 1)
    connection = sqlite3.connect(tmp_path / "daypass.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal" if is_sound else "delete",)
    connection.close()


@pytest.mark.both_databases
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_first_host_that_answers_is_used(database_url: str) -> None:
    """With options of the URL, and a password that must be encoded."""
    found = conninfo_to_dict(database_url)
    hosts = quote(f"/nowhere,{found['host']}", safe="")
    port = found.get("port", "5432")
    address = (
        f"postgresql://{found['user']}:p%40%2F%25%C3%BC@/{found['dbname']}?host={hosts}&port=1,{port}"
        "&application_name=daypass%20test&options=-c%20work_mem%3D5MB"
    )
    url = engine_url(address)
    engine = create_engine(url, **engine_options(url, threads=1))
    with engine.connect() as connection:
        shown = [connection.scalar(text(f"SHOW {name}")) for name in ("application_name", "work_mem", "lock_timeout")]
    engine.dispose()
    assert shown == ["daypass test", "5MB", "1500ms"]

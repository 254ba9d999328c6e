"""``daypass doctor``, and what wrong keys keep commands from."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from app.domain.clock import system_clock
from app.domain.identity import Role
from app.factory import create_app
from app.http.context import parts
from app.storage.database_files import connect
from app.storage.wal import wal_of
from config import SettingsError
from tests.databases import KEYS, damage
from tests.factories import make_user
from tests.integration.cli.conftest import CommandLine

OTHER_KEYS = {"DAYPASS_TOKEN_KEYS": f"k1:{'ab' * 32}", "DAYPASS_PASSWORD_PEPPER": "cd" * 32}
WRITING = ("user add bert --no-password", "user disable admin", "conf retention_days -s 3", "job run purge_tokens",
           "db upgrade", "init")  # fmt: skip
READING = ("user list", "token list", "keys status", "job status", "audit list", "conf")


@pytest.fixture
def installed(installed: CommandLine) -> CommandLine:
    """With keys, a schema and an administrator."""
    assert installed.run("init").exit_code == 0
    return installed


def findings(installed: CommandLine) -> dict[str, dict[str, str]]:
    ended = installed.run("doctor", "--json")
    listed = json.loads(ended.stdout)
    assert ended.exit_code == any(each["state"] != "ok" for each in listed)
    return {each["finding"]: each for each in listed}


def test_a_sound_installation_has_no_finding_and_its_table_says_what_was_checked(installed: CommandLine) -> None:
    heading, *lines = installed.text("doctor").splitlines()
    assert heading.split() == ["FINDING", "STATE", "DETAIL", "WHAT", "TO", "DO"]
    assert {"files", "disk", "keys", "writes", "integrity", "deployment"} <= {line.split()[0] for line in lines}
    assert list(findings(installed)["disk"]) == ["finding", "state", "detail", "what_to_do"]


def test_risky_settings_late_jobs_and_broken_keys_are_findings_and_the_rest_is_checked(
    environment: pytest.MonkeyPatch, installed: CommandLine
) -> None:
    installed.text("job", "run", "expire_tokens")
    with freeze_time(system_clock() + timedelta(hours=3)):
        found = findings(installed)
    assert found["job expire_tokens"]["state"] == "warning" and "2 hours" in found["job expire_tokens"]["detail"]
    assert "daypass serve" in found["job expire_tokens"]["what_to_do"]
    for name, value, finding in (
        ("DAYPASS_HOST", "0.0.0.0", "deployment"),
        ("DAYPASS_HOST", "unix:/run/daypass.sock", "deployment"),
        ("DAYPASS_PORT", "none", "deployment"),
        ("DAYPASS_WIBBLE", "whatever", "environment"),
        ("DAYPASS_PUBLIC_URL", "https://tools.example.com/admin", "application"),
        ("DAYPASS_TOKEN_KEYS", "k1:abcd", "keys"),
    ):
        with environment.context() as changed:
            changed.setenv(name, value)
            found = findings(installed)
        assert {each for each in found if found[each]["state"] != "ok"} == {finding}
        assert ("files" in found) == (name != "DAYPASS_PORT")


def test_the_peers_of_a_unix_socket_may_be_trusted(environment: pytest.MonkeyPatch, installed: CommandLine) -> None:
    environment.setenv("DAYPASS_HOST", "unix:/run/daypass.sock")
    environment.setenv("DAYPASS_TRUSTED_PROXIES", "unix")
    assert findings(installed)["deployment"]["state"] == "ok"


@pytest.mark.parametrize("token_keys", ["", "k1:abcd"])
def test_a_file_that_must_not_be_opened_is_a_finding_and_stays_as_it_is(
    environment: pytest.MonkeyPatch, installed: CommandLine, tmp_path: Path, token_keys: str
) -> None:
    """Also without keys: then there is no application that would refuse it. Others show the refusal in one line."""
    path = tmp_path / "copied.db"
    environment.setenv("DAYPASS_DATABASE_URL", f"sqlite:///{path}")
    leave_a_stale_wal(path)
    files = path.read_bytes(), wal_of(path).read_bytes()
    environment.setenv("DAYPASS_TOKEN_KEYS", token_keys)
    found = findings(installed)
    assert found["database"]["state"] == "problem" and "of another state" in found["database"]["detail"]
    assert (path.read_bytes(), wal_of(path).read_bytes()) == files
    with pytest.raises(SettingsError, match="daypass restore FILE"):
        create_app(keys=KEYS)


def leave_a_stale_wal(path: Path) -> None:
    """Copy an older state over a file whose last changes are in the ``-wal`` of a process that was killed."""
    connection = connect(path, "mode=rwc")
    for statement in ("journal_mode=WAL", "wal_autocheckpoint=0"):
        connection.execute(f"PRAGMA {statement}")
    connection.execute("CREATE TABLE one (id INTEGER)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    older = path.read_bytes()
    for name in ("two", "three"):
        connection.execute(f"CREATE TABLE {name} (id INTEGER)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("CREATE TABLE four (id INTEGER)")
    newer = wal_of(path).read_bytes()
    connection.close()
    path.write_bytes(older)
    wal_of(path).write_bytes(newer)


def test_several_faults_at_once_do_not_hide_one_another_nor_spoil_the_output(
    environment: pytest.MonkeyPatch, installed: CommandLine
) -> None:
    """Fails when damage is only looked for where nothing else is wrong, and when standard output has log lines."""
    path = parts(installed.create()).services.health.path
    assert path is not None
    damage(path, "sessions")
    path.chmod(0o604)
    path.parent.chmod(0o701)
    environment.setenv("DAYPASS_TOKEN_KEYS", "k1:abcd")
    found = findings(installed)
    assert {each for each in found if found[each]["state"] == "problem"} == {"keys", "privacy", "integrity"}
    environment.setenv("DAYPASS_DATABASE_URL", "postgresql://anna:unseen@127.0.0.1:1/none")
    found = findings(installed)
    assert {each for each in found if found[each]["state"] == "problem"} == {"keys", "database"}
    assert "unseen" not in str(found)


@pytest.mark.both_databases
def test_with_other_keys_nothing_starts_and_nothing_is_written_until_they_are_adopted(
    environment: pytest.MonkeyPatch, installed: CommandLine
) -> None:
    """Reading goes on, so that an administrator can look."""
    users = installed.json("user", "list")
    for name, value in OTHER_KEYS.items():
        environment.setenv(name, value)
    for words in ("serve", "scheduler", "db check", *WRITING):
        assert "is not the one that the database is used with" in installed.refusal(*words.split()), words
    for words in READING:
        assert installed.run(*words.split()).exit_code == 0, words
    assert findings(installed)["keys"]["state"] == "problem"
    assert installed.json("user", "list") == users
    assert "add --yes" in installed.refusal("keys", "adopt")
    assert installed.json("keys", "adopt", "--yes") == {"keys": ["k1"]}
    assert installed.text("user", "add", "bert", "--no-password")
    make_user(parts(installed.create()).services, "carl", Role.VIEWER)
    assert installed.json("audit", "list")[1]["action"] == "user.created"

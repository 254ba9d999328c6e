"""Backups, restores, and files that were copied by hand, with real processes.

``DAYPASS_TEST_ROUNDS=200`` kills as many writers and restores instead of a few; ``DAYPASS_TEST_SEED`` repeats a run.
"""

import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from app.domain.clock import system_clock
from app.domain.identity import ApiTokens, Role
from app.domain.token_filter import TokenFilter
from app.http.context import parts
from app.services import Services
from app.services.key_fingerprints import KeyFingerprints
from app.storage.database_files import connect
from app.storage.file_use import share_file
from app.storage.schema import newest_revision
from app.storage.wal import stale_wal_problem, wal_of
from config import Settings
from tests import factories
from tests.databases import KEYS, SqliteFiles, application
from tests.drivers.alation import Alation
from tests.drivers.forks import Forks
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, PASSWORD, Access, Refresh, accept_clock, issue, make_user, mint, works

ROUNDS = int(os.environ.get("DAYPASS_TEST_ROUNDS", 5))


class Place:
    """An instance on SQLite that nobody serves, and commands on it."""

    def __init__(self, folder: Path, forks: Forks, server: LiveServer) -> None:
        self.folder, self.forks, self.server = folder, forks, server
        self.database = folder / "daypass.db"
        self.settings = Settings(
            instance=str(folder), database_url=f"sqlite:///{self.database}", bcrypt_cost=4, log_level="ERROR"
        )

    @contextmanager
    def services(self) -> Iterator[Services]:
        with application(self.settings) as app:
            yield parts(app).services

    def backup(self, name: str = "backup.db") -> Path:
        file = self.folder / name
        ended = self.forks.run("backup", str(file))
        assert ended.code == 0, ended.stderr
        return file

    def restore(self, file: Path, choice: str, **environment: str) -> str:
        ended = self.forks.run("restore", str(file), "--revoked-since", choice, **environment)
        assert (ended.code, ended.stderr) == (0, ""), ended.stderr
        return ended.stdout

    def files(self) -> set[str]:
        return {each.name for each in self.folder.iterdir() if each.name.startswith("daypass.db")}


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    output = tmp_path_factory.mktemp("output")
    with Forks(LiveServer("", output).environment, output) as forks:
        yield forks


@pytest.fixture
def place(sqlite_files: SqliteFiles, forks: Forks, tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o700)
    with sqlite_files.fresh(folder) as url:
        forks.environment = {"DAYPASS_INSTANCE": str(folder), "DAYPASS_DATABASE_URL": url}
        yield Place(folder, forks, LiveServer(url, folder, workers=1))


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """When a process is killed; the report of a test that fails shows the seed."""
    seed = os.environ.get("DAYPASS_TEST_SEED", str(time.time_ns() % 10**6))
    request.node.add_report_section("call", "seed", seed)
    return random.Random(seed)


def is_sound(database: Path) -> bool:
    connection = connect(database, "mode=rw")
    found = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return bool(found == [("ok",)])


def test_a_backup_under_load_has_all_that_was_acknowledged_and_a_restore_waits_for_the_end_of_the_service(
    place: Place, tmp_path: Path
) -> None:
    """The server is killed and the backup copied over its database by hand: nothing is served until it is restored."""
    with place.services() as services:
        user = make_user(services, "anna", password=PASSWORD)
        refresh = [issue(services, user) for _ in range(3)]
    with place.server as server:
        acknowledged, stop = [], threading.Event()

        def minting(token: Refresh) -> None:
            with requests.Session() as session:
                while not stop.is_set():
                    answer = Alation(server.url, session).mint(token.secret, user.id)
                    assert answer.status_code == 201
                    acknowledged.append(answer.json()["api_access_token"])

        with ThreadPoolExecutor(3) as threads:
            running = [threads.submit(minting, each) for each in refresh]
            while len(acknowledged) < 30:
                time.sleep(0.01)
            before = list(acknowledged)
            backup = place.backup()
            for files in ([str(backup)], []):  # also where another tool has restored
                refusal = place.forks.refusal("restore", *files, "--revoked-since", "keep")
                assert f"{place.database} is in use by process " in refusal and str(server.process.pid) in refusal
            stop.set()
        assert [each.result() for each in running] == [None] * 3
        with requests.Session() as session:  # a session of the pages, and a revocation
            assert Alation(server.url, session).mint(refresh[0].secret, user.id).status_code == 201
        kill(server)
    shutil.copyfile(backup, place.database)
    found = place.database.read_bytes(), wal_of(place.database).read_bytes()
    for words in (["user", "list"], ["serve"], ["scheduler"], ["init"]):
        refusal = place.forks.refusal(*words)
        assert "holds changes of another state" in refusal and "daypass restore FILE" in refusal, words
    assert (place.database.read_bytes(), wal_of(place.database).read_bytes()) == found
    assert "choose keep, revoke-all" in place.forks.refusal("restore", str(backup), "--revoked-since", "old")
    elsewhere = Place(tmp_path / "elsewhere", place.forks, place.server)
    moved = {"DAYPASS_DATABASE_URL": f"sqlite:///{elsewhere.database}", "DAYPASS_INSTANCE": str(elsewhere.folder)}
    for there, environment in ((place, {}), (elsewhere, moved)):
        there.restore(backup, "keep", **environment)
        assert is_sound(there.database)
        with there.services() as services:
            assert {each.is_known(services) for each in map(Minted, before)} == {True}
            assert all(works(services, each) for each in refresh)
    assert {"daypass.db", "daypass.db-lock"} == elsewhere.files()


class Minted(str):
    def is_known(self, services: Services) -> bool:
        return services.listing.find(self.split("_")[1][:12]) is not None


def kill(server: LiveServer) -> None:
    """Every process of it at once."""
    assert server.process is not None
    main = psutil.Process(server.process.pid)
    for process in [main, *main.children(recursive=True)]:
        process.send_signal(signal.SIGKILL)
    server.process.wait(60)
    server.process = None


class History:
    """Tokens and users whose state changes after the backup, each in another way."""

    def __init__(self, services: Services) -> None:
        self.anna = make_user(services, "anna", password=PASSWORD)
        factories.set_api_tokens(services, "anna", ApiTokens.ALLOW)
        self.berta, self.carl = make_user(services, "berta", Role.SERVER_ADMIN), make_user(services, "carl")
        self.dora = make_user(services, "dora", Role.SERVER_ADMIN)
        self.kept, self.revoked, self.regenerated, self.minted, self.filtered = (
            issue(services, self.anna, name) for name in ("kept", "revoked", "regenerated", "minted", "filtered")
        )
        self.kept_access, self.revoked_access, self.replaced = (
            mint(services, each) for each in (self.kept, self.revoked, self.minted)
        )
        self.single = factories.generate(services, self.anna)
        self.of_carl, self.of_dora = issue(services, self.carl), issue(services, self.dora)
        self.withdrawn: list[Access | Refresh] = [
            self.revoked, self.regenerated, self.filtered, self.revoked_access, self.replaced, self.single,
            self.of_carl, self.of_dora,
        ]  # fmt: skip

    def go_on(self, services: Services) -> None:
        """What happens after the backup."""
        factories.revoke(services, self.revoked, "lost")
        factories.regenerate(services, self.regenerated)
        mint(services, self.minted)
        factories.delete(services, self.single)
        criteria = TokenFilter(name="filtered")
        preview = services.revoking_by_filter.preview(criteria)
        services.revoking_by_filter.revoke(criteria, preview.confirmation, "by filter", OPERATOR)
        services.revoking.revoke_user("carl", "left", OPERATOR)
        factories.disable(services, "dora")
        factories.set_role(services, "berta", Role.VIEWER)
        factories.set_password(services, "anna", PASSWORD + "-new")
        factories.configure(services, api_tokens_for_users="on", password_api_enabled="off", retention_days=7)
        make_user(services, "later")


def test_each_choice_about_tokens_that_were_revoked_since_does_what_it_says(place: Place, tmp_path: Path) -> None:
    with place.services() as services:
        make_user(services, "root", Role.SERVER_ADMIN)
        history = History(services)
        services.audit.sealing.seal()
    backup = place.backup()
    with place.services() as services:
        history.go_on(services)
        services.audit.sealing.seal()
    exported = tmp_path / "audit.jsonl"
    exported.write_text(place.forks.run("audit", "export").stdout)
    assert '"kind": "seal"' in exported.read_text()

    for choice in ("old", str(exported)):
        printed = place.restore(backup, choice)
        with place.services() as services:
            assert [works(services, each) for each in history.withdrawn] == [False] * 8
            assert works(services, history.kept) and works(services, history.kept_access)
            assert works(services, history.minted)
            users = {each.username: each for each in services.accounts.every()}
            assert "later" not in users
            assert not users["dora"].is_active and users["berta"].role is Role.VIEWER
            assert services.instance_settings.get("password_api_enabled").value == "off"
            assert services.instance_settings.get("retention_days").value != "7"
            found = services.listing.find(history.revoked.token.public_id).token
            assert (found.revoke_reason, found.revoked_by) == ("lost", OPERATOR.name)
            latest = services.audit_list.events(action="database.restored").items[0]
            assert latest.detail["file"] == "backup.db" and latest.detail["refresh_tokens"] == 4
            sealed = services.audit.trail.verify()
            assert sealed.unsealed == 0 and sealed.events == latest.id, "the chain goes on from the backup's state"
        assert "daypass user set-password anna" in printed and "Not applied: retention_days" in printed

    assert "Revoked 7 refresh tokens and 4 access tokens." in place.restore(backup, "revoke-all")
    with place.services() as services:
        assert not any(works(services, each) for each in (history.kept, history.kept_access, *history.withdrawn))
    assert "work again" in place.restore(backup, "keep")
    with place.services() as services:
        assert works(services, history.revoked) and works(services, history.single)
        assert services.audit_list.events(action="database.restored").items[0].detail["revoked_since"] == "keep"
    kept = [name for name in place.files() if "before-restore" in name]
    assert len(kept) == 4 and all(is_sound(place.folder / name) for name in kept)


def test_a_restore_keeps_the_time_that_the_database_has_seen(place: Place) -> None:
    """Otherwise the backup's old time would hold the jobs for a day."""
    seen = "UPDATE clock_marks SET seen_at = ?"
    with place.services() as services:
        make_user(services, "anna")
        accept_clock(services)
    with closing(connect(place.database, "mode=rw")) as connection:
        connection.execute(seen, ("2026-01-01 00:00:00.000000",))
    file = place.backup()
    now = f"{system_clock():%Y-%m-%d %H:%M:%S.%f}"
    with closing(connect(place.database, "mode=rw")) as connection:
        connection.execute(seen, (now,))
    assert "clock accept" not in place.restore(file, "keep")
    with closing(connect(place.database, "mode=ro")) as connection:
        assert connection.execute("SELECT seen_at FROM clock_marks").fetchall() == [(now,)]


def test_without_a_terminal_a_restore_names_the_choices_and_nothing_happens(place: Place, tmp_path: Path) -> None:
    with place.services() as services:
        make_user(services)
    backup = place.backup()
    ended = place.forks.run("restore", str(backup))
    assert ended.code == 2 and "keep, revoke-all, old or a file" in ended.stderr
    other = tmp_path / "other.jsonl"
    for content, reason in (
        ('{"id": 1}', "line 1: not an event"),
        ("", "no event in common"),
    ):
        other.write_text(content)
        assert reason in place.forks.refusal("restore", str(backup), "--revoked-since", str(other))
    other.write_bytes(b"\xff")
    assert "no text in UTF-8" in place.forks.refusal("restore", str(backup), "--revoked-since", str(other))
    other.write_text("")
    foreign = place.folder / "foreign.db"
    connection = connect(foreign, "mode=rwc")
    connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.execute("INSERT INTO alembic_version VALUES (?)", (newest_revision(),))
    connection.close()
    damaged = place.folder / "damaged.db"
    damaged.write_bytes(backup.read_bytes()[:40_000])
    for file, reason in (
        (place.folder, "is not a file"),
        (place.database, "is the database itself"),
        (other, "is no database of Daypass"),
        (damaged, "can't be restored"),
        (foreign, "The backup can't be used"),
    ):
        assert reason in place.forks.refusal("restore", str(file), "--revoked-since", "keep")
    with place.services() as services:
        known = KEYS.token_keys | {"k2": bytes.fromhex("ab" * 32)}  # as between the steps of a rotation
        KeyFingerprints(services.health.database, system_clock, known, KEYS.pepper).remember()
        issue(services, make_user(services))
    later = place.backup("later.db")
    for name, value, reason in (
        ("DAYPASS_TOKEN_KEYS", f"k1:{'ab' * 32}", "this host's token key k1"),
        ("DAYPASS_TOKEN_KEYS", f"k2:{'ab' * 32}", "this host has no key k1"),
        ("DAYPASS_PASSWORD_PEPPER", "cd" * 32, "this host's pepper"),
    ):
        assert reason in place.forks.refusal("restore", str(later), "--revoked-since", "keep", **{name: value})
    newer = place.folder / "newer.db"
    shutil.copyfile(backup, newer)
    connection = connect(newer, "mode=rw")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert "of a newer release" in place.forks.refusal("restore", str(newer), "--revoked-since", "keep")
    assert not [name for name in place.files() if "restor" in name]


def test_a_backup_is_private_and_overwrites_nothing_unless_told_to(place: Place) -> None:
    file = place.backup()
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    assert "--overwrite" in place.forks.refusal("backup", str(file))
    assert file.read_bytes() == before
    assert place.forks.run("backup", str(file), "--overwrite").code == 0
    os.mkfifo(place.folder / "pipe")  # stands for a device, such as /dev/null
    for target in (place.database, place.folder, place.folder / "pipe", place.folder / "missing" / "b.db"):
        assert str(target) in place.forks.refusal("backup", str(target), "--overwrite")
    assert not [each for each in place.folder.iterdir() if "unfinished" in each.name]


def test_a_restore_puts_nothing_in_place_of_a_device(place: Place) -> None:
    """Fails when root, with the address of ``/dev/null``, would rename it; neither is it read, which can block."""
    file = place.backup()
    place.database.unlink()
    os.mkfifo(place.database)  # stands for a device
    before = place.files()
    for choice in ("keep", "old"):
        assert "is a device" in place.forks.refusal("restore", str(file), "--revoked-since", choice)
    assert stat.S_ISFIFO(place.database.stat().st_mode)
    assert place.files() == before


@contextmanager
def small_file_system(folder: Path) -> Iterator[bool]:
    """A file system of 1 MiB there, where the system lets us mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_database_as_it_is_and_no_half_file(place: Place, tmp_path: Path) -> None:
    backup = place.backup()
    found = place.database.read_bytes()
    for words in (["restore", str(backup), "--revoked-since", "keep"], ["backup", str(place.folder / "b.db")]):
        place.forks.refusal(*words, largest_file=100_000)
        assert place.database.read_bytes() == found
        assert place.files() == {"daypass.db", "daypass.db-lock"} and not (place.folder / "b.db").exists()
    with small_file_system(tmp_path / "small") as is_small:
        if not is_small:
            return
        small = Place(tmp_path / "small", place.forks, place.server)
        shutil.copyfile(place.database, small.database)
        there = {"DAYPASS_DATABASE_URL": f"sqlite:///{small.database}"}
        (small.folder / "ballast").write_bytes(b"x" * (1024 * 1024 - small.database.stat().st_size - 100_000))
        place.forks.refusal("restore", str(backup), "--revoked-since", "keep", **there)
        place.forks.refusal("backup", str(small.folder / "b.db"), **there)
        assert small.database.read_bytes() == found
        assert small.files() - {"daypass.db-lock"} == {"daypass.db"}


def test_a_restore_that_is_killed_leaves_the_old_or_the_new_database(place: Place, dice: random.Random) -> None:
    with place.services() as services:
        make_user(services, "anna")
    backup = place.backup()
    began = time.monotonic()
    place.restore(backup, "old")
    takes = time.monotonic() - began
    for name in place.files() - {"daypass.db", "daypass.db-lock"}:
        (place.folder / name).unlink()
    for number in range(ROUNDS):
        set_name(place.database, "old")
        running = place.forks.start("restore", str(backup), "--revoked-since", "keep")
        time.sleep(dice.uniform(0.5, 1.1) * takes)
        running.kill()
        running.ended()
        os.close(share_file(place.database) or -1)  # the next start
        kept = [place.folder / name for name in place.files() if "before-restore" in name]
        names = [name_of(file) for file in (place.database, *kept)]
        assert names in (["old"], ["", "old"]), number
        assert not place.database.with_name("daypass.db-restore").exists()
        for file in kept:
            file.unlink()
    place.restore(backup, "keep")
    assert is_sound(place.database)
    assert not [name for name in place.files() if name.endswith(("-restoring", "-restore"))]


def set_name(database: Path, name: str) -> None:
    connection = connect(database, "mode=rw")
    connection.execute("UPDATE users SET first_name = ?", (name,))
    connection.close()


def name_of(database: Path) -> str:
    """The first name of the user in a database that must be sound."""
    connection = connect(database, "mode=rw")
    found = connection.execute("SELECT first_name FROM users").fetchone()[0]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return str(found)


def put_together(file: Path, place: Place, name: str) -> Path:
    """A copy of the file beside a copy of the ``-wal`` that is in place."""
    together = place.folder / name / "daypass.db"
    shutil.rmtree(together.parent, ignore_errors=True)
    together.parent.mkdir()
    shutil.copyfile(file, together)
    shutil.copyfile(wal_of(place.database), wal_of(together))
    return together


def contents(database: Path) -> list[str]:
    connection = sqlite3.connect(database)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def test_after_a_kill_under_writes_the_database_starts_and_a_copied_backup_does_not(
    place: Place, dice: random.Random
) -> None:
    """Fails with false alarms when a ``-wal`` after an incomplete checkpoint is taken for another file's."""
    backups: list[Path] = []
    for number in range(ROUNDS):
        running = place.forks.start("tests.environment.writing")
        running.wait_for("10 writes")
        if number % 2 == 0:
            backups.append(place.folder / f"b{number}.db")
            source, target = connect(place.database, "mode=ro"), connect(backups[-1], "mode=rwc")
            source.backup(target)
            target.close()
            source.close()
        time.sleep(dice.uniform(0.02, 0.2))
        running.kill()
        ended = running.ended()
        assert ended.code == -signal.SIGKILL, ended
        assert stale_wal_problem(place.database) is None
        for backup in backups[-3:]:
            mixture, true = (put_together(file, place, name) for file, name in ((backup, "a"), (place.database, "b")))
            # One from after the first of these changes takes them all, and becomes what the killed database is. Where
            # the writer was killed before the first commit of a new -wal, that changes nothing.
            states = [contents(true), contents(backup)]
            assert stale_wal_problem(mixture) is not None or contents(mixture) in states, number
        if number % 3 == 2:
            assert is_sound(place.database)

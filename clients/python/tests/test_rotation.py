"""Rotation by the client: when, by whom, and what happens where it is not possible."""

import shlex
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from app.domain.tokens import Issued, RefreshToken
from app.services.held_tokens import ByOwner, BySecret
from app.storage.tables import RefreshTokenRow
from clients.python.tests import processes
from clients.python.tests.conftest import Daypass
from clients.python.tests.in_process import MACHINE, new_process
from clients.python.tests.recording import Answer, Recorder, Seen
from daypass_client import DaypassAuth, RefreshTokenRevoked
from tests.factories import configure, signed_in

ALWAYS = -1.0
"""As the part of the life after which it is due: the server's times are whole seconds, so that 0 may be late."""

MINUTE = 60
HOUR = 60 * MINUTE


def file_of(daypass: Daypass, refresh: Issued[RefreshToken], folder: Path, name: str = "daypass.env") -> Path:
    path = folder / name
    path.write_text(f"# nightly\nDAYPASS_URL={daypass.url}\nDAYPASS_REFRESH_TOKEN='{refresh.secret}'\n")
    path.chmod(0o600)
    return path


def secret_in(path: Path) -> str:
    return path.read_text().split("'")[1]


def rotations(daypass: Daypass, refresh: Issued[RefreshToken]) -> int:
    with daypass.database.reading() as session:
        return session.get_one(RefreshTokenRow, refresh.token.id).secret_number


def mints_with(daypass: Daypass, secret: str) -> bool:
    proof = {"refresh_token": secret}
    return requests.post(f"{daypass.url}/api/v1/access-tokens", json=proof, timeout=60).status_code == 201


def warnings_in(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("WARNING daypass_client")]


# When


def test_it_rotates_when_four_fifths_of_the_life_are_over(
    daypass: Daypass, tmp_path: Path, log_lines: list[str]
) -> None:
    """By the server's times and the machine's clock; the access token in use stays the same."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=12, hours=2))  # of 60 days
    file, now = file_of(daypass, refresh, tmp_path), [1000.0]
    auth = DaypassAuth(file=file, rotate=True, clock=lambda: now[0])
    first = auth.token()
    now[0] += HOUR
    assert auth.token() == first and secret_in(file) == refresh.secret
    now[0] += 2 * HOUR
    assert auth.token() == first
    new = secret_in(file)
    assert new != refresh.secret and mints_with(daypass, new) and mints_with(daypass, refresh.secret)
    assert (rotations(daypass, refresh), daypass.mints(refresh)) == (1, 3)
    assert "# nightly" in file.read_text()
    for _ in range(3):  # its life is a new one
        now[0] += 20 * HOUR
        auth.token()
    assert (rotations(daypass, refresh), warnings_in(log_lines)) == (1, [])


def test_without_rotate_nothing_is_rotated(daypass: Daypass, tmp_path: Path) -> None:
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    file = file_of(daypass, refresh, tmp_path)
    DaypassAuth(file=file).token()
    assert (rotations(daypass, refresh), secret_in(file)) == (0, refresh.secret)


def test_a_token_at_its_longest_life_is_not_rotated_again_and_again(daypass: Daypass, tmp_path: Path) -> None:
    """It would be due again after four fifths of the rest, and of the rest of that."""
    configure(daypass.services, refresh_token_max_life_days=60)
    try:
        refresh = daypass.refresh_token(ends_in=timedelta(days=2))
        now = [1000.0]
        auth = DaypassAuth(file=file_of(daypass, refresh, tmp_path), rotate=True, clock=lambda: now[0])
        for _ in range(10):
            auth.token()
            now[0] += 4 * HOUR
        assert rotations(daypass, refresh) == 1
    finally:
        configure(daypass.services, refresh_token_max_life_days=0)


# By one process of a machine

CROWD = """
import os
from daypass_client import DaypassAuth
read, write = os.pipe()
children = []
for _ in range(16):
    child = os.fork()
    if child == 0:
        os.close(write)
        auth = DaypassAuth(rotate_at=0.5)
        os.read(read, 1)
        token = auth.token()
        os._exit(0 if token == auth.token() else 1)
    children.append(child)
os.close(read)
os.close(write)
print({os.waitpid(child, 0)[1] for child in children})
"""


def test_of_sixteen_processes_that_are_due_at_once_one_rotates(daypass: Daypass, tmp_path: Path) -> None:
    """They use one access token."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=20))
    file = file_of(daypass, refresh, tmp_path)
    assert processes.run(CROWD, DAYPASS_FILE=str(file), DAYPASS_ROTATE="true") == "{0}\n"
    assert rotations(daypass, refresh) == 1
    assert secret_in(file) != refresh.secret
    assert daypass.mints(refresh) == 1


def test_a_process_that_is_due_finds_that_another_has_rotated(
    daypass: Daypass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And goes on with the same access token."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=12, hours=2))
    file, now, several = file_of(daypass, refresh, tmp_path), [1000.0], list[DaypassAuth]()
    for _ in range(3):
        new_process(monkeypatch)
        several.append(DaypassAuth(file=file, rotate=True, clock=lambda: now[0]))
        several[-1].token()
    now[0] += 3 * HOUR
    assert len({auth.token() for auth in several}) == 1
    assert (rotations(daypass, refresh), daypass.mints(refresh)) == (1, 1)


def test_after_one_that_was_killed_when_the_secret_was_written_the_next_does_not_rotate_again(
    daypass: Daypass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache says of the old secret that it is due. Another machine may have that one still."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    file = file_of(daypass, refresh, tmp_path)
    DaypassAuth(file=file).token()
    new = daypass.services.rotating.rotate(BySecret(refresh.secret), MACHINE)
    file.write_text(file.read_text().replace(refresh.secret, new.secret))
    for _ in range(2):
        new_process(monkeypatch)
        assert DaypassAuth(file=file, rotate=True).token()
    assert (rotations(daypass, refresh), secret_in(file)) == (1, new.secret)


def test_while_another_process_rotates_nobody_waits(daypass: Daypass, tmp_path: Path) -> None:
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    auth = DaypassAuth(file=file_of(daypass, refresh, tmp_path), cache_folder=tmp_path / "cache")
    token = auth.token()
    another = DaypassAuth(file=tmp_path / "daypass.env", rotate=True, cache_folder=tmp_path / "cache")
    with auth._source._cache.locked(1) as is_locked:
        assert is_locked and another.token() == token
    assert rotations(daypass, refresh) == 0


# Other processes, and other machines


@pytest.mark.parametrize("has_user_id", [False, True])
def test_another_machine_moves_to_the_same_secret_when_it_is_told(
    daypass: Daypass, tmp_path: Path, has_user_id: bool
) -> None:
    """It has a copy of the file and a cache of its own, and rotates nothing. With a user id as for Alation, too."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    files = [file_of(daypass, refresh, tmp_path, name) for name in ("one.env", "two.env")]
    user_id = refresh.token.user_id if has_user_id else ""
    one, two = (
        DaypassAuth(file=file, rotate=True, cache_folder=tmp_path / file.stem, user_id=user_id) for file in files
    )
    one.token()
    assert (secret_in(files[0]) != refresh.secret, secret_in(files[1])) == (True, refresh.secret)
    two.token()
    assert secret_in(files[0]) == secret_in(files[1])
    assert rotations(daypass, refresh) == 1


def test_two_machines_that_rotate_in_turn_always_have_the_same_secret(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in new processes: one of them rotates, and the other moves when its access token has expired."""
    files = [file_of(daypass, refresh, tmp_path, name) for name in ("one.env", "two.env")]
    for number in range(1, 7):
        first, second = files[number % 2], files[1 - number % 2]
        new_process(monkeypatch)
        DaypassAuth(file=first, rotate=True, rotate_at=ALWAYS, cache_folder=tmp_path / first.stem).token()
        assert (rotations(daypass, refresh), secret_in(first) == secret_in(second)) == (number, False)
        new_process(monkeypatch)
        auth = DaypassAuth(file=second, rotate=True, cache_folder=tmp_path / second.stem)
        auth._source.forget(auth.token())
        auth.token()
        assert secret_in(first) == secret_in(second)
    assert rotations(daypass, refresh) == 6


def test_it_asks_for_news_in_time_however_long_its_access_token_works(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path
) -> None:
    """Another machine may have rotated long before it is due, and the overlap is a day."""
    configure(daypass.services, access_token_lifespan=720)
    try:
        file, now = file_of(daypass, refresh, tmp_path), [1000.0]
        auth = DaypassAuth(file=file, rotate=True, clock=lambda: now[0])
        auth.token()
        daypass.services.rotating.rotate(BySecret(refresh.secret), MACHINE)
        now[0] += 11 * HOUR
        auth.token()
        assert secret_in(file) == refresh.secret
        now[0] += 2 * HOUR
        auth.token()
        assert secret_in(file) != refresh.secret and rotations(daypass, refresh) == 1
    finally:
        configure(daypass.services, access_token_lifespan=24)


@pytest.mark.parametrize("rotates", [True, False])
def test_a_process_that_has_the_old_secret_in_memory_reads_the_new_one_when_it_is_told(
    daypass: Daypass, tmp_path: Path, rotates: bool
) -> None:
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    file = file_of(daypass, refresh, tmp_path)
    old = DaypassAuth(file=file, rotate=rotates, cache_folder=tmp_path / "another")
    DaypassAuth(file=file, rotate=True).token()
    old.token()
    assert old._source.refresh_token == secret_in(file) != refresh.secret
    assert rotations(daypass, refresh) == 1


def test_and_when_it_is_refused(daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path) -> None:
    """Somebody regenerates the token, and puts the new secret into the file."""
    file = file_of(daypass, refresh, tmp_path)
    auth = DaypassAuth(file=file)
    owner = daypass.services.accounts.by_id(refresh.token.user_id)
    claim = ByOwner(refresh.token.public_id, owner.id)
    new = daypass.services.issuing.regenerate(claim, signed_in(owner))
    with pytest.raises(RefreshTokenRevoked):
        auth.token()
    file.write_text(file.read_text().replace(refresh.secret, new.secret))
    assert auth.token()


def test_without_a_place_the_log_says_that_the_secret_is_old(
    daypass: Daypass, refresh: Issued[RefreshToken], log_lines: list[str]
) -> None:
    daypass.services.rotating.rotate(BySecret(refresh.secret), MACHINE)
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret)
    assert auth.token()
    (line,) = warnings_in(log_lines)
    assert "the refresh token has a new secret, and the one in use works for 24 more hours" in line


# Places


def test_a_new_secret_is_written_to_the_env_file_of_an_application(daypass: Daypass, tmp_path: Path) -> None:
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    env = tmp_path / ".env"
    env.write_text(f'SECRET_KEY="x"\nREPORTS_TOKEN="{refresh.secret}"  # Daypass\n')
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret, rotate=True, env_file=env)
    auth.token()
    assert env.read_text() == f'SECRET_KEY="x"\nREPORTS_TOKEN="{auth._source.refresh_token}"  # Daypass\n'
    assert mints_with(daypass, auth._source.refresh_token) and rotations(daypass, refresh) == 1


def test_a_command_gets_it_once_per_machine(daypass: Daypass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the old one before, as the test that it stores; where another machine has rotated, it does not."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    store = [sys.executable, "-c", "import sys; print(sys.stdin.read(), file=open(sys.argv[1], 'a'))"]
    monkeypatch.setenv("DAYPASS_ROTATE", "true")
    options = {"url": daypass.url, "refresh_token": refresh.secret}
    for machine in ("one", "two"):
        command = shlex.join([*store, str(tmp_path / machine)])
        for _ in range(2):
            new_process(monkeypatch)
            auth = DaypassAuth(**options, rotate_command=command, cache_folder=tmp_path / f"cache-{machine}")
            auth.token()
    one, two = ((tmp_path / machine).read_text().split() for machine in ("one", "two"))
    assert one[0] == refresh.secret and two == [one[-1]] and len(one) == 2
    assert mints_with(daypass, one[-1]) and rotations(daypass, refresh) == 1


# Where it is not possible


def test_where_the_place_cannot_be_written_nothing_is_begun_and_the_old_secret_goes_on(
    daypass: Daypass, tmp_path: Path, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One warning a day, and one try in five minutes, by whichever process."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    now, command = [1000.0], f"sh -c 'echo x >> {tmp_path}/tries; exit 3'"
    options = {"url": daypass.url, "refresh_token": refresh.secret, "rotate_command": command}
    for _ in range(3):
        new_process(monkeypatch)
        auth = DaypassAuth(**options, rotate=True, clock=lambda: now[0])
        assert requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=60).status_code == 200
    now[0] += 6 * MINUTE
    auth.token()
    assert (tmp_path / "tries").read_text().count("x") == 2
    (line,) = warnings_in(log_lines)
    assert "could not be rotated, its old secret is in use" in line and "exit code 3" in line
    assert rotations(daypass, refresh) == 0


def test_what_cannot_be_written_after_the_rotation_is_asked_for_again(
    daypass: Daypass, tmp_path: Path, log_lines: list[str]
) -> None:
    """A command that works the first time, with the old secret, and not with the new one."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    now, stored = [1000.0], tmp_path / "stored"
    command = (
        f"sh -c 'test -e {tmp_path}/full && exit 1; cat > {stored}; test -e {tmp_path}/ok || touch {tmp_path}/full'"
    )
    options = {"url": daypass.url, "refresh_token": refresh.secret, "rotate_command": command}
    auth = DaypassAuth(**options, rotate=True, clock=lambda: now[0])
    first = auth.token()
    assert (rotations(daypass, refresh), stored.read_text()) == (1, refresh.secret)
    assert auth._source.refresh_token == refresh.secret and auth.token() == first
    (tmp_path / "full").unlink()
    (tmp_path / "ok").touch()
    now[0] += 6 * MINUTE
    auth.token()
    assert stored.read_text() == auth._source.refresh_token != refresh.secret
    assert rotations(daypass, refresh) == 1
    assert len(warnings_in(log_lines)) == 1


def test_one_that_was_rotated_on_the_page_goes_on_with_the_old_secret_until_the_new_one_is_in_its_place(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path, log_lines: list[str]
) -> None:
    owner = daypass.services.accounts.by_id(refresh.token.user_id)
    new = daypass.services.rotating.rotate(ByOwner(refresh.token.public_id, owner.id), signed_in(owner))
    file, now = file_of(daypass, refresh, tmp_path), [1000.0]
    auth = DaypassAuth(file=file, rotate=True, clock=lambda: now[0])
    assert auth.token()
    (line,) = warnings_in(log_lines)
    assert "could not be rotated" in line and "rotated by its owner" in line
    assert secret_in(file) == refresh.secret
    file.write_text(file.read_text().replace(refresh.secret, new.secret))
    now[0] += 25 * HOUR
    assert auth.token() and auth._source.refresh_token == new.secret
    assert rotations(daypass, refresh) == 1


LIFE = {
    "Token-Expires-In": "86400", "Refresh-Token-Since": "2026-11-01T00:00:00Z",
    "Refresh-Token-Expires-At": "2026-12-31T00:00:00Z",
}  # fmt: skip
MINTED = {"created_at": "2026-12-30T00:00:00Z", "expires_at": "2026-12-31T00:00:00Z"}


@pytest.mark.parametrize("status", [404, 405, 503])
def test_a_server_that_does_not_know_rotation_or_is_away_is_told_of_once(
    recorder: Recorder, tmp_path: Path, log_lines: list[str], status: int
) -> None:
    def answer(seen: Seen) -> Answer:
        if "rotate" in seen.path:
            return Answer(status, {"detail": "No."})
        return Answer(201, MINTED | {"secret": "opaque-access"}, LIFE)

    recorder.answer = answer
    secret, file = "dpr_k3v9x0a1b2c3_" + "s3cr3tTh" * 6 + "x", tmp_path / "daypass.env"
    file.write_text(f"DAYPASS_URL={recorder.url}\nDAYPASS_REFRESH_TOKEN={secret}\n")
    file.chmod(0o600)
    now = [1000.0]
    auth = DaypassAuth(file=file, rotate=True, clock=lambda: now[0])
    for _ in range(5):
        assert auth.token() == "opaque-access"
        now[0] += 10 * MINUTE
    asked = [seen for seen in recorder.seen if "rotate" in seen.path]
    assert len(asked) == (5 if status == 503 else 1)
    lines = [line for line in warnings_in(log_lines) if "expires in" not in line]
    assert len(lines) == 1 and ("has no rotation with an overlap" in lines[0]) == (status != 503)


def test_a_server_without_an_overlap_is_told_of_once_and_nothing_is_rotated(
    daypass: Daypass, tmp_path: Path, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is killed between the answer and its file would have lost its credential."""
    configure(daypass.services, refresh_token_overlap_hours=0)
    try:
        refresh = daypass.refresh_token(ends_in=timedelta(days=8))
        file = file_of(daypass, refresh, tmp_path)
        for _ in range(2):
            new_process(monkeypatch)
            auth = DaypassAuth(file=file, rotate=True)
            auth._source.forget(auth.token())
            assert auth.token()
    finally:
        configure(daypass.services, refresh_token_overlap_hours=24)
    assert (rotations(daypass, refresh), secret_in(file)) == (0, refresh.secret)
    (line,) = warnings_in(log_lines)
    assert "has no rotation with an overlap" in line and "/account/auth" in line


def test_a_refresh_token_of_alation_is_told_of_once_and_goes_on(
    recorder: Recorder, tmp_path: Path, log_lines: list[str]
) -> None:
    recorder.answer = lambda _seen: Answer(201, {"api_access_token": "opaque-access"})
    file = tmp_path / "daypass.env"
    file.write_text(f"DAYPASS_URL={recorder.url}\nDAYPASS_REFRESH_TOKEN=opaque-refresh\nDAYPASS_USER_ID=7\n")
    file.chmod(0o600)
    auth = DaypassAuth(file=file, rotate=True)
    assert [auth.token() for _ in range(3)] == ["opaque-access"] * 3
    assert DaypassAuth(file=file, rotate=True).token() == "opaque-access"
    (line,) = warnings_in(log_lines)
    assert "not of a Daypass" in line


def test_without_a_cache_folder_nothing_is_rotated(daypass: Daypass, tmp_path: Path, log_lines: list[str]) -> None:
    """There is no lock then."""
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    auth = DaypassAuth(file=file_of(daypass, refresh, tmp_path), rotate=True, cache_folder="/proc/daypass")
    assert auth.token() == auth.token()
    assert rotations(daypass, refresh) == 0
    assert [line for line in warnings_in(log_lines) if "without a folder for its lock" in line]


def test_the_cache_has_no_secret_of_the_refresh_token_before_or_after(
    daypass: Daypass, tmp_path: Path, cache_folder: Path
) -> None:
    refresh = daypass.refresh_token(ends_in=timedelta(days=8))
    file = file_of(daypass, refresh, tmp_path)
    DaypassAuth(file=file, rotate=True).token()
    secrets = [secret.rpartition("_")[2] for secret in (refresh.secret, secret_in(file))]
    assert len(list(cache_folder.iterdir())) >= 2
    assert not [each for each in cache_folder.iterdir() for secret in secrets if secret in each.read_text()]

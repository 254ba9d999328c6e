"""``daypass-token rotate`` in a shell and in cron: output and exit codes."""

import subprocess
from datetime import timedelta
from pathlib import Path

from app.domain.tokens import Issued, RefreshToken
from clients.python.tests.conftest import Daypass
from clients.python.tests.recording import Answer, Recorder
from clients.python.tests.test_command import environment_of, run
from clients.python.tests.test_rotation import file_of, mints_with, rotations, secret_in
from tests.secrecy import secrets_in


def rotate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = run("rotate", *arguments, **environment)
    assert "--print" in arguments or not secrets_in(done.stdout + done.stderr)
    return done


def test_it_rotates_now_and_says_where_the_new_secret_is(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path
) -> None:
    file = file_of(daypass, refresh, tmp_path)
    done = rotate("--file", str(file))
    said = f"daypass-token: dpr_{refresh.token.public_id}_<hidden> has a new secret, which is in {file}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
    assert secret_in(file) != refresh.secret and mints_with(daypass, secret_in(file))
    assert rotations(daypass, refresh) == 1


def test_if_due_it_rotates_once_and_is_silent_otherwise(daypass: Daypass, tmp_path: Path) -> None:
    """As a line of cron each hour. It requests one access token, which the machine's scripts share."""
    late, early = daypass.refresh_token(ends_in=timedelta(days=8)), daypass.refresh_token()
    for refresh, expected in ((late, 1), (early, 0)):
        file = file_of(daypass, refresh, tmp_path, f"{expected}.env")
        said = [rotate("--if-due", DAYPASS_FILE=str(file)) for _ in range(2)]
        assert [(done.returncode, done.stdout, done.stderr.count("\n")) for done in said] == [
            (0, "", expected), (0, "", 0),
        ]  # fmt: skip
        assert rotations(daypass, refresh) == expected and daypass.mints(refresh) == 1


def test_it_prints_the_secret_only_when_it_is_told_to(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path
) -> None:
    file = file_of(daypass, refresh, tmp_path)
    done = rotate("--file", str(file), "--print")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{secret_in(file)}\n", "")


def test_a_refresh_token_of_the_environment_is_an_error_before_anything_is_rotated(
    daypass: Daypass, refresh: Issued[RefreshToken]
) -> None:
    done = rotate(**environment_of(daypass, refresh))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "comes from the environment, where a new secret cannot be written" in done.stderr
    assert rotations(daypass, refresh) == 0


def test_errors_are_one_line_with_exit_code_1_or_2_if_a_later_try_may_work(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path, recorder: Recorder
) -> None:
    file = file_of(daypass, refresh, tmp_path)
    fails = {"DAYPASS_ROTATE_COMMAND": "false", "DAYPASS_FILE": str(file)}
    recorder.answer = lambda _seen: Answer(503, {"detail": "Away."}, {"Retry-After": "3600"})
    away = tmp_path / "away.env"
    away.write_text(f"DAYPASS_URL={recorder.url}\nDAYPASS_REFRESH_TOKEN={refresh.secret}\n")
    away.chmod(0o600)
    file.chmod(0o600)
    done = [rotate(**fails), rotate("--now"), rotate("--file", str(away))]
    assert [(each.returncode, each.stdout, each.stderr.count("\n")) for each in done] == [
        (1, "", 1), (1, "", 1), (2, "", 1),
    ]  # fmt: skip
    for each, text in zip(done, ("did not store", "unrecognized arguments: --now", "3600 seconds"), strict=True):
        assert text in each.stderr
    assert secret_in(file) == refresh.secret and rotations(daypass, refresh) == 0

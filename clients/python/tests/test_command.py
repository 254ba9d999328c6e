"""``daypass-token`` in a shell: output and exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.tokens import Issued, RefreshToken
from app.services.held_tokens import BySecret
from clients.python.tests.conftest import Daypass
from clients.python.tests.recording import Answer, Recorder
from daypass_client.command import main
from tests.factories import OPERATOR
from tests.secrecy import secrets_in

COMMAND = Path(sys.executable).with_name("daypass-token")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


def environment_of(daypass: Daypass, refresh: Issued[RefreshToken]) -> dict[str, str]:
    return {"DAYPASS_URL": daypass.url, "DAYPASS_REFRESH_TOKEN": refresh.secret}


@pytest.mark.parametrize("dialect", ["native", "alation"])
def test_it_prints_an_active_token_also_after_a_revocation(
    daypass: Daypass, refresh: Issued[RefreshToken], dialect: str
) -> None:
    environment = environment_of(daypass, refresh)
    if dialect == "alation":
        environment["DAYPASS_USER_ID"] = str(refresh.token.user_id)
    first, second = run(**environment), run(**environment)
    assert (first.returncode, first.stderr, first.stdout) == (0, "", second.stdout)
    daypass.services.revoking.revoke_access_tokens(BySecret(refresh.secret), OPERATOR)
    third = run(**environment)
    assert (third.returncode, third.stderr) == (0, "")
    known = daypass.services.verifier.verify(third.stdout.strip(), refresh.token.user_id)
    assert known.user_id == refresh.token.user_id
    assert daypass.mints(refresh) == 2


def test_it_reads_a_private_file(daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path) -> None:
    file = tmp_path / "daypass.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in environment_of(daypass, refresh).items()))
    file.chmod(0o600)
    assert run("--file", str(file)).returncode == 0
    file.chmod(0o644)
    open_to_all = run("--file", str(file))
    assert (open_to_all.returncode, open_to_all.stdout) == (1, "")
    assert "chmod 600" in open_to_all.stderr


def test_errors_have_one_line_and_exit_code_1_or_2_if_a_later_try_may_work(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder
) -> None:
    environment = environment_of(daypass, refresh)
    recorder.answer = lambda _seen: Answer(503, {"detail": "Away."}, {"Retry-After": "3600"})
    away = run(**environment | {"DAYPASS_URL": recorder.url})
    nothing, argument, unknown = run(), run("--refresh-token", "x", **environment), run(
        **environment | {"DAYPASS_REFRESH_TOKEN": refresh.secret[:-1] + "_"}
    )  # fmt: skip
    daypass.services.accounts.change(refresh.token.user_id, {"is_active": False}, OPERATOR)
    disabled = run(**environment)
    done = [away, nothing, argument, unknown, disabled]
    assert [each.returncode for each in done] == [2, 1, 1, 1, 1]
    assert [each.stdout for each in done] == [""] * 5
    for each, text in zip(
        done, ("3600 seconds", "DAYPASS_URL is not set", "unrecognized", "does not know", "is disabled"), strict=True
    ):
        assert each.stderr.startswith("daypass-token: ")
        assert each.stderr.count("\n") == 1
        assert text in each.stderr
        assert not secrets_in(each.stderr)


REFRESH = "dpr_k3v9x0a1b2c3_" + "s3cr3tTh" * 6 + "x"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"DAYPASS_URL": "https://a..b"}, "cannot be called with these settings"),
        ({"DAYPASS_URL": "https://.example.com"}, "cannot be called with these settings"),
        ({"DAYPASS_URL": "https://127.0.0.1:9", "REQUESTS_CA_BUNDLE": "/nowhere"}, "invalid path: /nowhere"),
        ({"DAYPASS_URL": "http://127.0.0.1:9", "http_proxy": "http://a..b:1"}, "cannot be called with these settings"),
        ({"DAYPASS_URL": REFRESH}, "is not a URL"),
        ({"DAYPASS_REFRESH_TOKEN": f"'{REFRESH}'"}, "has quotation marks around it"),
        ({"DAYPASS_FILE": "/"}, "cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_line_at_once(
    changed: dict[str, str], text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the cache cannot be used, of which it is silent then."""
    environment = {"DAYPASS_URL": "http://127.0.0.1:9", "DAYPASS_REFRESH_TOKEN": REFRESH, "XDG_CACHE_HOME": "/proc"}
    for name, value in (environment | changed).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as done:
        main([])
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith("{")]  # the tests' log
    assert (done.value.code, out, len(lines)) == (1, "", 1), err
    assert text in lines[0] and lines[0].startswith("daypass-token: ")
    assert not secrets_in(err)


def test_an_argument_that_is_a_secret_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([REFRESH])
    assert capsys.readouterr().err == "daypass-token: unrecognized arguments: dpr_k3v9x0a1b2c3_<hidden>\n"


@pytest.mark.parametrize(
    ("shell", "text"),
    [
        ("$0 > /dev/full", "No space left on device"),
        ("$0 >&-", "standard output is closed"),
        ("$0 >/dev/full 2>&-", ""),
    ],
)
def test_an_output_that_cannot_be_written_is_one_line(
    daypass: Daypass, refresh: Issued[RefreshToken], shell: str, text: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", shell, COMMAND], env=os.environ | environment_of(daypass, refresh), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", bool(text)), done.stderr
    assert text in done.stderr and done.stderr.startswith("daypass-token: " if text else "")


def test_warnings_come_with_the_token(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    environment = environment_of(daypass, refresh)
    environment["DAYPASS_REFRESH_TOKEN"] += "\n"
    done = run(**environment)
    assert (done.returncode, len(done.stdout.split())) == (0, 1)
    assert done.stderr.startswith("daypass-token: DAYPASS_REFRESH_TOKEN (in the environment) has white space around it")
    assert done.stderr.count("\n") == 1


def test_a_token_that_the_server_cannot_check_now_is_not_printed(recorder: Recorder) -> None:
    recorder.answer = lambda seen: (
        Answer(201, {"secret": "opaque-token"})
        if "access-tokens" in seen.path
        else Answer(503, {"detail": "opaque-token"})
    )
    done = run(DAYPASS_URL=recorder.url, DAYPASS_REFRESH_TOKEN="opaque-refresh")
    assert (done.returncode, done.stdout) == (2, "")
    assert "opaque" not in done.stderr

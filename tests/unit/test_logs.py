"""Log lines: one JSON object each, and no secret in any of them; and the suite notices one."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from app import logs
from app.domain.secrets import TokenFormat, TokenText, encode_secret, new_token_text
from app.domain.tokens import TokenKind
from tests.secrecy import PASSWORD_MARK, secrets_in

ROOT = Path(__file__).parent.parent.parent
PUBLIC_ID = "abcdefgh2345"
TEXT = TokenText(TokenKind.REFRESH, PUBLIC_ID, encode_secret(bytes(range(32))))
TOKEN = TokenFormat(("dp",)).compose(TEXT)
CUT = f"dpr_{PUBLIC_ID}_<hidden>"

Act = Callable[[], object]


class Written(io.StringIO):
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def written() -> Iterator[Written]:
    stream = Written()
    logs.configure("DEBUG", stream)
    yield stream
    logs.configure("WARNING")


def ours() -> Any:
    return structlog.get_logger("app.tests")


def foreign() -> logging.Logger:
    return logging.getLogger("library.of.somebody")


def test_a_line_is_a_json_object_with_time_event_level_and_logger(written: Written) -> None:
    """Ours and a library's; with what is bound to a request while it is."""
    with structlog.contextvars.bound_contextvars(request_id="0123abcd"):
        ours().warning("something_happened", number=7)
        foreign().warning("something_happened", extra={"number": 7})
    ours().info("later")
    *lines, later = written.lines()
    for line in lines:
        assert (line["event"], line["level"], line["number"]) == ("something_happened", "warning", 7)
        assert line["request_id"] == "0123abcd"
        assert datetime.fromisoformat(line["timestamp"]).tzinfo is not None
    assert [line["logger"] for line in lines] == ["app.tests", "library.of.somebody"]
    assert "request_id" not in later


ANYTHING: list[object] = [
    "two\nlines", "\r\n\u2028\u0085", "\x1b[31m", "\ud800", b"\xff\n", {"a": {"b": [1, None, {2, 3}]}}, object,
    SimpleNamespace(text="a\nb"), datetime(2027, 3, 14, tzinfo=UTC), ValueError("a\nb"), {("a", "b"): 1}, 10**400,
]  # fmt: skip


def test_any_value_that_is_logged_makes_one_line(written: Written) -> None:
    for number, value in enumerate(ANYTHING, 1):
        ours().info("event", value=value)
        foreign().info("event of %s", value)
        assert written.getvalue().count("\n") == len(written.lines()) == 2 * number, value
    assert written.getvalue().isascii()


def test_an_exception_is_in_the_line_it_belongs_to(written: Written) -> None:
    for logger in (ours(), foreign()):
        _log_an_exception(logger.error)
        line = written.lines()[-1]
        assert line["event"] == "it_failed" and "ValueError: not a token" in line["exception"]


def test_lines_below_the_level_and_each_step_of_a_library_are_not_written(written: Written) -> None:
    for library in ("apscheduler.scheduler", "alembic.runtime.migration"):
        logging.getLogger(library).info("quiet")
        logging.getLogger(library).warning("loud")
    logs.configure("WARNING", written)
    for logger in (ours(), foreign()):
        logger.info("quiet")
        logger.warning("loud")
    assert [line["event"] for line in written.lines()] == ["loud"] * 4


class Telltale:
    def __repr__(self) -> str:
        return f"<Telltale {TOKEN}>"


def _log_an_exception(log: Callable[..., object]) -> None:
    """One with a cause."""
    try:
        try:
            raise ValueError(f"not a token: {TOKEN}")
        except ValueError as error:
            raise RuntimeError(f"because of {TOKEN}") from error
    except RuntimeError as error:
        log("it_failed", exc_info=error)


PLACES: dict[str, Act] = {
    "the event": lambda: ours().info(f"sent {TOKEN}"),
    "a value": lambda: ours().info("event", sent=TOKEN),
    "a nested value": lambda: ours().info("event", body={"list": [{"tuple": (1, TOKEN)}]}),
    "a member's name": lambda: ours().info("event", body={TOKEN: 1, "nested": {TOKEN: 2}}),
    "bytes": lambda: ours().info("event", body=TOKEN.encode()),
    "an object in a list": lambda: ours().info("event", body=[Telltale()]),
    "an exception as a value": lambda: ours().info("event", error=ValueError(TOKEN)),
    "a positional argument": lambda: ours().info("sent %s", TOKEN),
    "a traceback": lambda: _log_an_exception(ours().error),
    "a library's message": lambda: foreign().info(f"sent {TOKEN}"),
    "a library's object": lambda: foreign().info("sent %r and %s", Telltale(), [Telltale()]),
    "a library's extra": lambda: foreign().info("sent", extra={"sent": {"token": [TOKEN]}}),
    "a library's traceback": lambda: _log_an_exception(foreign().error),
    "a URL": lambda: foreign().info(f"GET /auth/verify?token={TOKEN}&x=1 HTTP/1.1"),
    "a header": lambda: foreign().info(f"{{'Authorization': 'Bearer {TOKEN}', 'HTTP_TOKEN': '{TOKEN}'}}"),
    "a longer word": lambda: foreign().info(f"token_{TOKEN} 7{TOKEN} {TOKEN}more {TOKEN}_{TOKEN}"),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_token_is_cut_to_its_public_id_wherever_it_stands(place: str, written: Written) -> None:
    """◆ Fails when lines are written without `clean`, and for the members' names when it leaves those alone."""
    PLACES[place]()
    (line,) = written.lines()
    assert CUT in str(line)
    assert TEXT.secret not in written.getvalue()
    assert secrets_in(written.getvalue()) == []


def test_tokens_of_either_tier_and_any_prefix_are_cut_and_nothing_else(written: Written) -> None:
    for prefix, kind in product(("a", "dp", "acmecorporat"), TokenKind):
        text = new_token_text(kind)
        ours().info("event", sent=TokenFormat((prefix,)).compose(text))
        assert written.lines()[-1]["sent"] == f"{prefix}{kind.letter}_{text.public_id}_<hidden>"
    harmless = {"public_id": PUBLIC_ID, "path": "/integration/v1/userinfo/", "number": 1.5, "yes": True, "none": None}
    ours().info("event", **harmless)
    assert written.lines()[-1].items() >= harmless.items()


PLANTED = f'''
import logging
import structlog
from app import logs
from tests.conftest import log_lines

def test_a_password_after_the_logs_were_set_up_twice():
    logs.configure("INFO")
    logs.configure("INFO", "ext://sys.stderr")
    logging.getLogger("library").warning("{PASSWORD_MARK}-of-the-tests")

def test_a_bare_secret_in_a_traceback():
    try:
        raise ValueError("x" * 43)  # one that masking would not recognise
    except ValueError:
        structlog.get_logger("app").exception("it_failed")

def test_nothing_of_the_kind(log_lines):
    logs.configure("INFO")
    structlog.get_logger("app").info("event", sent="{TOKEN}")
    assert len(log_lines) == 1
'''


def test_a_test_that_logs_a_secret_fails(tmp_path: Path) -> None:
    """◆ Fails when the fixture only listens until the application sets up the logs."""
    (tmp_path / "test_planted.py").write_text(PLANTED, encoding="utf-8")
    suite = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider", "-q", tmp_path]
    ran = subprocess.run(suite, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    ended = [line.split("::")[1].split()[0] for line in ran.stdout.splitlines() if line.startswith("ERROR ")]
    assert ended == ["test_a_password_after_the_logs_were_set_up_twice", "test_a_bare_secret_in_a_traceback"], (
        ran.stdout
    )
    assert "3 passed" in ran.stdout

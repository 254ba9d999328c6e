"""Logs, exceptions and ``repr`` contain no secret. (Requests: ``test_redirects``.)"""

import io
import logging
import pickle
import traceback
from collections import deque

import pytest
import requests

from app.domain.tokens import Issued, RefreshToken
from app.services.held_tokens import BySecret
from clients.python.tests.conftest import Daypass
from clients.python.tests.recording import Answer, Recorder
from daypass_client import DaypassAuth, DaypassError, SecretFilter, Session, secrecy
from daypass_client.secrecy import Secret
from tests.factories import OPERATOR
from tests.secrecy import secrets_in


def test_logs_at_debug_contain_no_secret(
    daypass: Daypass, refresh: Issued[RefreshToken], recorder: Recorder, log_lines: list[str]
) -> None:
    """Of requests, urllib3 and the client: mint, refusal, redirect elsewhere, unavailable server, revocation."""
    recorder.answer = lambda seen: Answer(302, headers={"Location": f"http://localhost:{recorder.port}/end"}) if (
        seen.path == "/start"
    ) else Answer()  # fmt: skip
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret, apis=[recorder.url, "http://127.0.0.1:9"])
    with Session(auth) as session:
        session.get("/api/v1/me", timeout=60)
        session.get(f"{recorder.url}/start", timeout=60)
        daypass.services.revoking.revoke_access_tokens(BySecret(refresh.secret), OPERATOR)
        session.get("/api/v1/me", timeout=60)
        with pytest.raises(requests.ConnectionError) as away:
            session.get("http://127.0.0.1:9/", timeout=60)
        daypass.services.revoking.revoke(refresh.token.public_id, "a test", OPERATOR)
        with pytest.raises(DaypassError) as refused:
            session.get("/api/v1/me", timeout=60)
    shown = "\n".join(log_lines)
    assert all(name in shown for name in (" urllib3.", " daypass_client "))
    for error in (away.value, refused.value):
        shown += "".join(traceback.format_exception(error)) + repr(error)
    assert not secrets_in(shown)


def test_tracebacks_with_local_variables_contain_no_secret(daypass: Daypass) -> None:
    """As error reporters create them, for the client's own frames."""
    disabled = daypass.refresh_token()
    daypass.services.accounts.change(disabled.token.user_id, {"is_active": False}, OPERATOR)
    with pytest.raises(DaypassError) as caught:
        DaypassAuth(url=daypass.url, refresh_token=disabled.secret).token()
    ours = [frame for frame in caught.traceback if "daypass_client" in str(frame.path)]
    assert len(ours) > 3
    assert not [frame for frame in ours if secrets_in(repr(frame.frame.f_locals))]


def test_no_repr_contains_a_secret(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret)
    answer = requests.get(f"{daypass.url}/api/v1/me", auth=auth, timeout=60)
    token = auth.token()
    shown = [
        auth,
        auth._source.settings,
        auth._source._slot,
        token,
        answer,
        answer.request.headers,
        [token],
        vars(auth),
    ]
    assert not [each for each in shown if secrets_in(repr(each))]
    assert answer.request.headers["TOKEN"] == token
    assert str(token) == pickle.loads(pickle.dumps(token)) == token
    assert secrets_in(str(token))
    assert repr(Secret("of another server")) == "'<hidden>'"


@pytest.fixture
def written() -> tuple[logging.Logger, io.StringIO]:
    """A logger whose handler has the filter, and its output."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(more)s", defaults={"more": ""}))
    handler.addFilter(SecretFilter("a configured secret", ""))
    logger = logging.Logger("of somebody else", logging.DEBUG)
    logger.addHandler(handler)
    return logger, stream


def test_the_filter_removes_tokens_from_messages_arguments_extras_and_tracebacks(
    daypass: Daypass, refresh: Issued[RefreshToken], written: tuple[logging.Logger, io.StringIO]
) -> None:
    logger, stream = written
    token = str(DaypassAuth(url=daypass.url, refresh_token=refresh.secret).token())
    logger.info(f"in the message {token}")
    logger.info("in arguments %s %r %s", token, {"TOKEN": token}, token.encode())
    logger.info("in extras", extra={"more": {"headers": [token]}})
    logger.info("glued: TOKEN%%3D%s&", token)
    logger.info("cut short: %s", refresh.secret[:50])
    logger.info("configured: a configured secret, a%%20configured%%20secret")
    try:
        raise ValueError(token)
    except ValueError:
        logger.exception("in a traceback")
    text = stream.getvalue()
    assert not secrets_in(text)
    assert token[20:40] not in text
    assert refresh.secret[20:40] not in text
    assert "configured secret" not in text
    assert "configured%20secret" not in text
    assert text.count("\n") > 8
    assert text.count(f"{token[:16]}_<hidden>") >= 6
    assert "Traceback" in text
    assert "ValueError" in text


def test_the_filter_removes_tokens_that_match_no_pattern(
    recorder: Recorder, written: tuple[logging.Logger, io.StringIO]
) -> None:
    """Tokens of Alation that this process has minted."""
    logger, stream = written
    recorder.script.append(Answer(201, {"api_access_token": "u-7Hk/s3cret+of=Alation"}))
    token = DaypassAuth(url=recorder.url, refresh_token="r-opaque-of-Alation", user_id=7).token()
    logger.info("%s %s %s", str(token), "r-opaque-of-Alation", "u-7Hk%2Fs3cret%2Bof%3DAlation")
    assert stream.getvalue() == "<hidden> <hidden> <hidden> \n"


def test_a_secret_that_contains_another_is_hidden_completely(
    written: tuple[logging.Logger, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails if they are removed in the order in which they were added."""
    logger, stream = written
    monkeypatch.setattr(secrecy, "_known", deque(["part", "a-part-of-more"]))
    logger.info("a-part-of-more part")
    assert stream.getvalue() == "<hidden> <hidden> \n"


def test_the_filter_leaves_other_records_unchanged_even_malformed_ones() -> None:
    for message, arguments in (("%d of %s", (3, "x")), ("%d", ("no number",)), (7, ())):
        record = logging.LogRecord("name", logging.INFO, "path", 1, message, arguments, None)
        before = dict(vars(record))
        assert SecretFilter().filter(record) is True
        assert vars(record) == before

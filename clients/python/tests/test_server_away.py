"""A server that is away, busy, or does not want to be asked now."""

import sqlite3
import threading
import time

import pytest
import requests

from app.domain.tokens import Issued, RefreshToken
from clients.python.tests.conftest import Daypass
from clients.python.tests.recording import Answer, Recorder
from daypass_client import DaypassAuth, NotNow, RateLimited, ServerUnavailable
from daypass_client import tokens as tokens_module
from tests.crowds import all_at_once

MINTED = Answer(201, {"secret": "opaque-access-token"})


def auth_at(url: str, patience: float = 30.0) -> DaypassAuth:
    return DaypassAuth(url=url, refresh_token="opaque-refresh-token", patience=patience)


def test_a_client_waits_while_the_server_is_restarted(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """It asks while nobody listens, and has its token when the server is back; what it had before is still good."""
    server, another = daypass.server, daypass.refresh_token()
    auth = DaypassAuth(url=server.url, refresh_token=refresh.secret)
    before = auth.token()
    found: list[str] = []
    fresh = DaypassAuth(url=server.url, refresh_token=another.secret)
    waiting = threading.Thread(target=lambda: found.append(fresh.token()))
    server.stop()
    try:
        assert auth.token() == before
        waiting.start()
        time.sleep(0.3)
        assert found == []
    finally:
        server.start()
    waiting.join(30)
    assert len(found) == 1
    assert requests.get(f"{server.url}/api/v1/me", auth=auth, timeout=10).status_code == 200
    assert (daypass.mints(refresh), daypass.mints(another)) == (1, 1)


def test_a_client_waits_while_the_database_is_away(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """Another process holds SQLite's write lock for longer than Daypass waits, so that the first mint is a 503."""
    began = time.monotonic()
    with sqlite3.connect(daypass.server.folder / "daypass.db", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        found: list[str] = []
        asking = threading.Thread(
            target=lambda: found.append(DaypassAuth(url=daypass.url, refresh_token=refresh.secret).token())
        )
        asking.start()
        time.sleep(2.6)
        assert found == []
        holder.execute("ROLLBACK")
        asking.join(30)
    holder.close()
    assert found
    assert time.monotonic() - began > 2.6
    assert daypass.mints(refresh) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_client_waits_as_long_as_the_server_wants(recorder: Recorder, status: int) -> None:
    recorder.script.extend([Answer(status, {}, {"Retry-After": "1"}), MINTED])
    began = time.monotonic()
    assert auth_at(recorder.url).token() == "opaque-access-token"
    assert 1.0 <= time.monotonic() - began < 3
    assert len(recorder.seen) == 2


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, ServerUnavailable)])
def test_a_wait_that_is_longer_than_its_patience_is_not_begun(
    recorder: Recorder, status: int, kind: type[NotNow]
) -> None:
    recorder.answer = lambda _seen: Answer(status, {"detail": "Busy."}, {"Retry-After": "3600"})
    began = time.monotonic()
    with pytest.raises(kind, match="in 3600 seconds") as caught:
        auth_at(recorder.url).token()
    assert time.monotonic() - began < 1
    assert caught.value.retry_after == 3600
    assert len(recorder.seen) == 1


def test_a_date_in_retry_after_is_compared_with_the_servers_own(recorder: Recorder) -> None:
    """Whose clock may be years from ours."""
    dates = {"Date": "Sun, 01 Jan 2017 10:00:00 GMT", "Retry-After": "Sun, 01 Jan 2017 11:00:00 GMT"}
    recorder.answer = lambda _seen: Answer(503, {}, dates)
    with pytest.raises(ServerUnavailable) as caught:
        auth_at(recorder.url).token()
    assert caught.value.retry_after == 3600


def test_a_server_that_stays_away_is_told_when_patience_is_at_its_end() -> None:
    began = time.monotonic()
    with pytest.raises(ServerUnavailable, match="can't be reached"):
        auth_at("http://127.0.0.1:9", patience=1).token()
    assert 1 <= time.monotonic() - began < 3


def test_a_crowd_waits_together_and_not_one_after_the_other() -> None:
    """Fails when each tries for itself (tried): eight threads take eight times as long."""

    def ask() -> float:
        began = time.monotonic()
        with pytest.raises(ServerUnavailable):
            auth_at("http://127.0.0.1:9", patience=1).token()
        return time.monotonic() - began

    assert max(all_at_once([ask] * 8)) < 3


def test_a_token_that_is_still_good_is_used_while_renewing_it_fails(
    recorder: Recorder, log_lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    recorder.script.append(
        Answer(
            201, {"secret": "opaque-access-token", "expires_at": "2030-01-01T01:00:00Z"}, {"Token-Expires-In": "3600"}
        )
    )
    recorder.answer = lambda _seen: Answer(503, {"detail": "Away."})
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque-refresh", patience=0, clock=lambda: now[0])
    auth.token()
    now[0] += 3560
    for _ in range(5):
        assert auth.token() == "opaque-access-token"
    assert len(recorder.seen) == 2  # tried once in a while, not with each call
    monkeypatch.setattr(tokens_module, "_slots", {})  # as in a process that was just started
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque-refresh", patience=0, clock=lambda: now[0])
    assert auth.token() == "opaque-access-token"
    assert len(recorder.seen) == 3
    assert any("renewing in time has failed" in line for line in log_lines)
    now[0] += 41
    with pytest.raises(ServerUnavailable):
        auth.token()

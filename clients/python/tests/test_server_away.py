"""A server that is unavailable or busy."""

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
from daypass_client.minting import Minted, Minter
from daypass_client.secrecy import Secret
from tests.crowds import all_at_once
from tests.drivers.server import START_SECONDS

MINTED = Answer(201, {"secret": "opaque-access-token"})


PATIENCE_SECONDS = 3599.0
"""Of a client that is not told how much it has: longer than a test may take, so that who waits for all of it fails."""


def auth_at(url: str, patience: float = PATIENCE_SECONDS) -> DaypassAuth:
    return DaypassAuth(url=url, refresh_token="opaque-refresh-token", patience=patience)


def test_a_client_waits_while_the_server_restarts(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """A new client has its token when the server is back; an old client uses the token that it has."""
    server, another = daypass.server, daypass.refresh_token()
    auth = DaypassAuth(url=server.url, refresh_token=refresh.secret)
    before = auth.token()
    found: list[str] = []
    fresh = DaypassAuth(url=server.url, refresh_token=another.secret, patience=START_SECONDS)
    waiting = threading.Thread(target=lambda: found.append(fresh.token()))
    server.stop()
    try:
        assert auth.token() == before
        waiting.start()
        time.sleep(0.3)
        assert found == []
    finally:
        server.start()
    waiting.join(START_SECONDS)
    assert len(found) == 1
    assert requests.get(f"{server.url}/api/v1/me", auth=auth, timeout=60).status_code == 200
    assert (daypass.mints(refresh), daypass.mints(another)) == (1, 1)


def test_a_client_waits_while_the_database_is_unavailable(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """Another process holds SQLite's write lock for longer than Daypass waits, so that the first mint is a 503."""
    began = time.monotonic()
    with sqlite3.connect(daypass.server.folder / "daypass.db", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        found: list[str] = []
        auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret, patience=START_SECONDS)
        asking = threading.Thread(target=lambda: found.append(auth.token()))
        asking.start()
        time.sleep(2.6)
        assert found == []
        holder.execute("ROLLBACK")
        asking.join(START_SECONDS)
    holder.close()
    assert found
    assert time.monotonic() - began > 2.6
    assert daypass.mints(refresh) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_client_waits_as_long_as_retry_after_says(recorder: Recorder, status: int) -> None:
    recorder.script.extend([Answer(status, {}, {"Retry-After": "1"}), MINTED])
    began = time.monotonic()
    assert auth_at(recorder.url).token() == "opaque-access-token"
    assert time.monotonic() - began >= 1
    assert len(recorder.seen) == 2


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (503, ServerUnavailable)])
def test_a_client_does_not_wait_if_retry_after_is_longer_than_its_patience(
    recorder: Recorder, status: int, kind: type[NotNow]
) -> None:
    recorder.answer = lambda _seen: Answer(status, {"detail": "Busy."}, {"Retry-After": "3600"})
    with pytest.raises(kind, match="in 3600 seconds") as caught:
        auth_at(recorder.url).token()
    assert caught.value.retry_after == 3600
    assert len(recorder.seen) == 1


def test_a_client_that_is_told_to_wait_does_not_ask_again_before(recorder: Recorder) -> None:
    """As by a script that mints too often. Fails when each call asks the server."""
    now = [1000.0]
    recorder.script.append(Answer(429, {"detail": "The limit (mints_per_hour)."}, {"Retry-After": "600"}))
    recorder.answer = lambda _seen: MINTED
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque-refresh-token", clock=lambda: now[0])
    for passed in (0, 200, 599):
        now[0] = 1000 + passed
        with pytest.raises(RateLimited, match=f"in {600 - passed} seconds") as caught:
            auth.token()
        assert "(mints_per_hour)" in str(caught.value)
        assert caught.value.retry_after == 600 - passed
        assert len(recorder.seen) == 1
    now[0] = 1600
    assert auth.token() == "opaque-access-token"


def test_a_clock_that_was_set_back_does_not_make_a_client_wait_longer(recorder: Recorder) -> None:
    now = [1000.0]
    recorder.script.append(Answer(429, {}, {"Retry-After": "600"}))
    recorder.answer = lambda _seen: MINTED
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque-refresh-token", clock=lambda: now[0])
    with pytest.raises(RateLimited):
        auth.token()
    now[0] = 500
    assert auth.token() == "opaque-access-token"


def test_a_client_that_has_a_token_uses_it_until_the_server_may_be_asked_again(recorder: Recorder) -> None:
    now = [1000.0]
    members = {"secret": "opaque-access-token", "expires_at": "2030-01-01T10:00:00Z"}
    recorder.script.append(Answer(201, members, {"Token-Expires-In": "36000"}))
    recorder.answer = lambda _seen: Answer(429, {}, {"Retry-After": "50"})
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque-refresh", patience=0, clock=lambda: now[0])
    auth.token()
    now[0] += 35_945
    for _ in range(5):
        now[0] += 9
        assert auth.token() == "opaque-access-token"
    assert len(recorder.seen) == 2


def test_a_date_in_retry_after_is_compared_with_the_servers_date(recorder: Recorder) -> None:
    """The server's clock may differ from ours by years."""
    dates = {"Date": "Sun, 01 Jan 2017 10:00:00 GMT", "Retry-After": "Sun, 01 Jan 2017 11:00:00 GMT"}
    recorder.answer = lambda _seen: Answer(503, {}, dates)
    with pytest.raises(ServerUnavailable) as caught:
        auth_at(recorder.url).token()
    assert caught.value.retry_after == 3600


def test_an_unavailable_server_raises_when_patience_is_over() -> None:
    began = time.monotonic()
    with pytest.raises(ServerUnavailable, match="cannot be reached"):
        auth_at("http://127.0.0.1:9", patience=1).token()
    assert time.monotonic() - began >= 1


def test_threads_wait_together_and_not_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails if each thread tries by itself (tried): eight threads take eight times as long."""
    tries: list[float] = []

    def mint(minter: Minter, secret: Secret, patience: float) -> Minted:
        tries.append(patience)
        return minted(minter, secret, patience)

    def wait() -> None:
        with pytest.raises(ServerUnavailable):
            auth_at("http://127.0.0.1:9", patience=2).token()

    minted = Minter.mint
    monkeypatch.setattr(Minter, "mint", mint)
    all_at_once([wait] * 8)
    assert len(tries) < 8, "one would be enough; some may begin after the first has given up"


def test_an_active_token_is_used_while_its_replacement_fails(
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
    assert len(recorder.seen) == 2  # it does not try again with each call
    monkeypatch.setattr(tokens_module, "_slots", {})  # as in a new process
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque-refresh", patience=0, clock=lambda: now[0])
    assert auth.token() == "opaque-access-token"
    assert len(recorder.seen) == 3
    assert any("could not replace the access token" in line for line in log_lines)
    now[0] += 41
    with pytest.raises(ServerUnavailable):
        auth.token()

"""When the client replaces a token: by the seconds left that the server states, independently of the wall clock."""

from datetime import timedelta

import pytest

from app.domain.tokens import Issued, RefreshToken
from clients.python.tests import processes
from clients.python.tests.conftest import Daypass
from clients.python.tests.recording import Answer, Recorder
from daypass_client import DaypassAuth
from daypass_client import tokens as tokens_module

HOUR = 3600

WITH_A_WRONG_CLOCK = """
import datetime, time
real = time.time
time.time = lambda: real() + {seconds}
class Wrong(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
datetime.datetime = Wrong
from daypass_client import DaypassAuth, Session
auth = DaypassAuth()
with Session(auth) as session:
    assert session.get("/api/v1/me", timeout=60).status_code == 200
print(auth.token())
"""


def test_a_wrong_wall_clock_changes_nothing(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """The token is valid for 24 hours; clocks are correct, or up to 25 hours ahead or behind.

    Fails with ``time.time`` instead of the machine's clock (tried): each process mints its own token.
    """
    environment = {"DAYPASS_URL": daypass.url, "DAYPASS_REFRESH_TOKEN": refresh.secret}
    wrong = [processes.run(WITH_A_WRONG_CLOCK.format(seconds=hours * HOUR), **environment) for hours in (0, 25, -25, 1)]
    assert len(set(wrong)) == 1
    assert daypass.mints(refresh) == 1


def test_a_token_is_replaced_a_minute_before_it_expires(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    now = [1000.0]
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret, clock=lambda: now[0])
    first = auth.token()
    now[0] += 24 * HOUR - 70
    assert auth.token() == first
    now[0] += 15
    assert auth.token() != first
    assert daypass.mints(refresh) == 2


def test_a_process_replaces_in_time_a_token_that_another_minted(
    daypass: Daypass, refresh: Issued[RefreshToken], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    options = {"url": daypass.url, "refresh_token": refresh.secret}
    first = DaypassAuth(**options, clock=lambda: now[0]).token()
    for later, mints in ((23 * HOUR, 1), (HOUR - 30, 2)):
        now[0] += later
        monkeypatch.setattr(tokens_module, "_slots", {})  # as in a new process
        assert (DaypassAuth(**options, clock=lambda: now[0]).token() == first) is (mints == 1)
        assert daypass.mints(refresh) == mints


def test_a_short_lifetime_has_a_short_margin(daypass: Daypass) -> None:
    """An access token expires with its refresh token: here after 100 seconds, so it is replaced after 90."""
    refresh = daypass.refresh_token(ends_in=timedelta(seconds=100))
    now = [1000.0]
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret, clock=lambda: now[0])
    first = auth.token()
    now[0] += 85
    assert auth.token() == first
    now[0] += 6
    assert auth.token() != first


def test_without_seconds_left_the_servers_times_give_the_lifetime(recorder: Recorder) -> None:
    """As with Alation, whose clock may differ from ours by years."""
    life = {"created_at": "2017-01-01T10:00:00.000000Z", "token_expires_at": "2017-01-01T12:00:00.000000Z"}
    recorder.script.extend(Answer(201, {"api_access_token": f"opaque-token-{number}"} | life) for number in (1, 2))
    now = [1000.0]
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque", user_id=7, clock=lambda: now[0])
    assert auth.token() == "opaque-token-1"
    now[0] += 2 * HOUR - 100
    assert auth.token() == "opaque-token-1"
    now[0] += 50
    assert auth.token() == "opaque-token-2"


def test_a_jump_of_the_clock_costs_one_request_for_a_token(
    daypass: Daypass, refresh: Issued[RefreshToken], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days ahead and back, for a process that goes on and for new ones; after it, no old token is used for longer.

    Fails without the comparison with `made_at` (tried): the token of the time ahead is used ten days too long.
    """
    now = [1_000_000.0]
    options = {"url": daypass.url, "refresh_token": refresh.secret}
    old = DaypassAuth(**options, clock=lambda: now[0])
    for days, mints in ((0, 1), (10, 2), (-10, 3), (-20, 4), (20, 5)):
        now[0] += days * 24 * HOUR
        for auth in (old, old):
            auth.token()
        monkeypatch.setattr(tokens_module, "_slots", {})  # as in a new process
        for _ in range(2):
            assert DaypassAuth(**options, clock=lambda: now[0]).token() == old.token()
        assert daypass.mints(refresh) == mints


def test_a_token_without_an_expiration_is_used_until_it_is_refused(recorder: Recorder) -> None:
    recorder.script.append(Answer(201, {"api_access_token": "opaque-token"}))
    now = [1000.0]
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque", user_id=7, clock=lambda: now[0])
    auth.token()
    now[0] += 1000 * HOUR
    assert auth.token() == "opaque-token"
    assert len(recorder.seen) == 1

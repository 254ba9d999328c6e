"""When a token is renewed: by the seconds that the server says are left, whatever the clock on the wall shows."""

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
    assert session.get("/api/v1/me", timeout=10).status_code == 200
print(auth.token())
"""


def test_a_wall_clock_that_is_hours_wrong_changes_nothing(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    """The token lives for 24 hours; clocks are 25 hours ahead and behind, and right.

    Fails with ``time.time`` in the place of the machine's clock (tried): each mints its own.
    """
    environment = {"DAYPASS_URL": daypass.url, "DAYPASS_REFRESH_TOKEN": refresh.secret}
    wrong = [processes.run(WITH_A_WRONG_CLOCK.format(seconds=hours * HOUR), **environment) for hours in (0, 25, -25, 1)]
    assert len(set(wrong)) == 1
    assert daypass.mints(refresh) == 1


def test_a_token_is_renewed_in_time_and_not_before(daypass: Daypass, refresh: Issued[RefreshToken]) -> None:
    now = [1000.0]
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret, clock=lambda: now[0])
    first = auth.token()
    now[0] += 24 * HOUR - 70
    assert auth.token() == first
    now[0] += 15
    assert auth.token() != first
    assert daypass.mints(refresh) == 2


def test_another_process_renews_in_time_what_it_did_not_mint(
    daypass: Daypass, refresh: Issued[RefreshToken], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    options = {"url": daypass.url, "refresh_token": refresh.secret}
    first = DaypassAuth(**options, clock=lambda: now[0]).token()
    for later, mints in ((23 * HOUR, 1), (HOUR - 30, 2)):
        now[0] += later
        monkeypatch.setattr(tokens_module, "_slots", {})  # as in a process that was just started
        assert (DaypassAuth(**options, clock=lambda: now[0]).token() == first) is (mints == 1)
        assert daypass.mints(refresh) == mints


def test_a_short_life_has_a_short_margin(daypass: Daypass) -> None:
    """An access token ends with its refresh token: here after 100 seconds, so it is renewed from the 90th on."""
    refresh = daypass.refresh_token(ends_in=timedelta(seconds=100))
    now = [1000.0]
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret, clock=lambda: now[0])
    first = auth.token()
    now[0] += 85
    assert auth.token() == first
    now[0] += 6
    assert auth.token() != first


def test_without_seconds_the_servers_own_times_say_how_long_a_token_lives(recorder: Recorder) -> None:
    """As Alation, whose times may be years from ours."""
    life = {"created_at": "2017-01-01T10:00:00.000000Z", "token_expires_at": "2017-01-01T12:00:00.000000Z"}
    recorder.script.extend(Answer(201, {"api_access_token": f"opaque-token-{number}"} | life) for number in (1, 2))
    now = [1000.0]
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque", user_id=7, clock=lambda: now[0])
    assert auth.token() == "opaque-token-1"
    now[0] += 2 * HOUR - 100
    assert auth.token() == "opaque-token-1"
    now[0] += 50
    assert auth.token() == "opaque-token-2"


def test_a_token_of_which_nobody_says_when_it_ends_is_used_until_it_is_refused(recorder: Recorder) -> None:
    recorder.script.append(Answer(201, {"api_access_token": "opaque-token"}))
    now = [1000.0]
    auth = DaypassAuth(url=recorder.url, refresh_token="opaque", user_id=7, clock=lambda: now[0])
    auth.token()
    now[0] += 1000 * HOUR
    assert auth.token() == "opaque-token"
    assert len(recorder.seen) == 1

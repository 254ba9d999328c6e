"""Warnings about the refresh token, once a day: it expires within a week, or others use it too."""

from datetime import timedelta

import pytest

from app.domain.tokens import Issued, RefreshToken
from clients.python.tests.conftest import Daypass
from clients.python.tests.in_process import auth_of
from clients.python.tests.recording import Answer, Recorder
from daypass_client import DaypassAuth
from daypass_client import tokens as tokens_module
from tests.factories import fight_over

DAY = 86_400


def warnings_in(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("WARNING daypass_client the refresh token expires")]


def test_in_the_last_week_one_process_warns_once_a_day(
    daypass: Daypass, monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    refresh = daypass.refresh_token(ends_in=timedelta(days=6))
    now, calls = [1000.0], list[float]()

    def new_process() -> DaypassAuth:
        monkeypatch.setattr(tokens_module, "_slots", {})
        options = {"url": daypass.url, "refresh_token": refresh.secret}
        return DaypassAuth(**options, on_expiring=calls.append, clock=lambda: now[0])

    for _ in range(3):
        auth = new_process()
        auth.token()
        auth.token()
    (line,) = warnings_in(log_lines)
    assert f"expires in 6.0 days: regenerate it at {daypass.url}/account/auth" in line
    assert calls == pytest.approx([6 * DAY], abs=60)
    now[0] += DAY - 10
    auth.token()
    assert len(calls) == 1
    now[0] += 20
    auth.token()
    new_process().token()
    assert len(calls) == len(warnings_in(log_lines)) == 2
    assert calls[1] == pytest.approx(6 * DAY, abs=60)  # minted again, and the server's clock has not moved


def test_more_than_a_week_before_there_is_no_warning(daypass: Daypass, log_lines: list[str]) -> None:
    refresh = daypass.refresh_token(ends_in=timedelta(days=7, minutes=5))
    calls: list[float] = []
    now = [1000.0]
    options = {"url": daypass.url, "refresh_token": refresh.secret}
    auth = DaypassAuth(**options, on_expiring=calls.append, clock=lambda: now[0])
    auth.token()
    assert (calls, warnings_in(log_lines)) == ([], [])
    now[0] += 600  # the same token, and less than a week left
    auth.token()
    assert len(calls) == len(warnings_in(log_lines)) == 1


def test_without_a_cache_each_process_warns_once_a_day(daypass: Daypass, log_lines: list[str]) -> None:
    refresh = daypass.refresh_token(ends_in=timedelta(days=1))
    auth = DaypassAuth(url=daypass.url, refresh_token=refresh.secret, cache_folder="/proc/daypass")
    for _ in range(3):
        auth.token()
    assert len(warnings_in(log_lines)) == 1


def test_the_servers_clock_may_differ_by_years(recorder: Recorder, log_lines: list[str]) -> None:
    """With the times in the header, or in the body."""
    life = {"created_at": "2017-01-01T10:00:00Z", "expires_at": "2017-01-01T12:00:00Z"}
    header = {"Refresh-Token-Expires-At": "2017-01-03T12:00:00Z", "Token-Expires-In": "7200"}
    recorder.script.append(Answer(201, {"secret": "opaque-token"} | life, header))
    recorder.script.append(
        Answer(201, {"secret": "opaque-token", "refresh_token_expires_at": "2017-01-04T11:00:00Z"} | life)
    )
    for number, days in enumerate(("2.1 days", "3.0 days")):
        DaypassAuth(url=recorder.url, refresh_token=f"opaque-{number}").token()
        assert days in warnings_in(log_lines)[number]


def test_one_process_warns_once_a_day_that_others_use_the_token(
    daypass: Daypass, refresh: Issued[RefreshToken], monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    now = [1000.0]

    def mint_in_a_new_process() -> None:
        monkeypatch.setattr(tokens_module, "_slots", {})
        auth = auth_of(daypass, refresh, clock=lambda: now[0])
        auth._source.after_refusal(auth.token())

    for expected in (1, 1, 2):
        fight_over(daypass.services, refresh)
        mint_in_a_new_process()
        lines = [line for line in log_lines if "another program seems to use this refresh token" in line]
        assert len(lines) == expected
        now[0] += DAY / 2 + 10
    assert f"create one for each at {daypass.url}/account/auth" in lines[0]

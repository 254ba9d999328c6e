"""The time that a database has seen pass: small steps are trusted, a jump only after a day."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.clock import CLOCK_TOLERANCE
from app.domain.clock_mark import LONGEST_STEP, TRUSTED_AFTER, Agreement, ClockMark, first_mark, observe

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MICROSECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("microseconds", "minutes", "hours", "days"))
YEARS = timedelta(days=3650)

AGREES, AHEAD, BEHIND = Agreement
JUMPS = st.timedeltas(-YEARS, YEARS).filter(lambda each: abs(each) > LONGEST_STEP)
STEPS = st.lists(st.timedeltas(timedelta(0), LONGEST_STEP), max_size=30)


def after(mark: ClockMark, *instants: datetime) -> ClockMark:
    for now in instants:
        mark = observe(mark, now)
    return mark


def walk(start: datetime, steps: Iterable[timedelta]) -> list[datetime]:
    instants = [start]
    for step in steps:
        instants.append(instants[-1] + step)
    return instants


@pytest.mark.parametrize(
    ("step", "agreement"),
    [
        (-CLOCK_TOLERANCE - MICROSECOND, BEHIND),
        (-CLOCK_TOLERANCE, AGREES),
        (LONGEST_STEP, AGREES),
        (LONGEST_STEP + MICROSECOND, AHEAD),
        (YEARS, AHEAD),
        (-YEARS, BEHIND),
    ],
)
def test_a_clock_agrees_within_an_hour_forward_and_a_minute_back(step: timedelta, agreement: Agreement) -> None:
    """◆ Fails when a jump forward is trusted."""
    mark = observe(ClockMark(NOW), NOW + step)
    assert mark.agreement(NOW + step) is agreement
    assert mark.seen_at == (max(NOW, NOW + step) if agreement is AGREES else NOW)
    assert (mark.elsewhere is None) is (agreement is AGREES)


@given(STEPS)
def test_small_steps_are_followed_for_any_time(steps: list[timedelta]) -> None:
    mark = ClockMark(NOW)
    for now in walk(NOW, steps):
        mark = observe(mark, now)
        assert mark == ClockMark(now)


@given(JUMPS, STEPS)
def test_a_clock_that_is_right_again_agrees_at_once(jump: timedelta, steps: list[timedelta]) -> None:
    """The trusted time advances with what is seen to pass elsewhere. Fails when it stands still meanwhile."""
    within = [step / 30 for step in steps]  # for less than a day
    wrong = walk(NOW + jump, within)
    mark = after(ClockMark(NOW), *wrong)
    assert mark.agreement(wrong[-1]) is not AGREES
    right = NOW + sum(within, timedelta(0))
    assert observe(mark, right) == ClockMark(right)


def test_a_clock_that_was_put_back_by_minutes_agrees_when_it_has_caught_up() -> None:
    minutes = walk(NOW - 30 * MINUTE, [MINUTE] * 30)
    stands = [after(ClockMark(NOW), *minutes[: number + 1]).agreement(now) for number, now in enumerate(minutes)]
    assert stands == [BEHIND] * 29 + [AGREES] * 2


@given(JUMPS)
def test_a_clock_is_trusted_after_a_day_of_its_time_and_not_before(jump: timedelta) -> None:
    hours = walk(NOW + jump, [HOUR] * 24)
    mark = after(ClockMark(NOW), *hours[:-1], hours[-1] - MICROSECOND)
    assert mark.agreement(hours[-1]) is not AGREES
    assert observe(mark, hours[-1]) == ClockMark(hours[-1])


def test_a_day_that_nobody_saw_pass_does_not_count() -> None:
    """As on a machine that is off, or whose clock is wrong twice. Fails when the clock's own difference counts."""
    mark = after(ClockMark(NOW), *(NOW + number * DAY for number in range(1, 60)))
    assert mark.agreement(NOW + 60 * DAY) is AHEAD
    assert mark.seen_at == NOW


def test_a_machine_that_sleeps_every_night_is_trusted_after_a_day_of_being_awake() -> None:
    mark, agreed = ClockMark(NOW), []
    for day in range(1, 5):
        morning = NOW + day * DAY - 4 * HOUR
        mark = after(mark, *walk(morning, [MINUTE] * 8 * 60))
        agreed.append(mark.elsewhere is None)
    assert agreed == [False, False, True, False]


@given(st.lists(st.timedeltas(timedelta(0), MINUTE), min_size=1, max_size=100), JUMPS)
def test_a_process_with_a_wrong_clock_beside_a_right_one_is_never_trusted(
    steps: list[timedelta], jump: timedelta
) -> None:
    """Each right observation forgets the other time. Fails when the time elsewhere is kept."""
    mark = ClockMark(NOW)
    for now in walk(NOW, steps):
        mark = after(mark, now, now + jump)
        assert mark.seen_at == now
        assert mark.agreement(now + jump) is not AGREES


def test_time_on_one_side_does_not_count_on_the_other() -> None:
    """Twenty hours too early and four too late are no day."""
    behind = walk(NOW - YEARS, [MINUTE] * 20 * 60)
    mark = after(ClockMark(NOW), *behind, *walk(NOW + YEARS, [MINUTE] * 5 * 60))
    assert mark.agreement(NOW + YEARS + 5 * HOUR) is AHEAD


def test_processes_that_differ_a_little_on_another_time_do_not_start_it_anew() -> None:
    mark = after(ClockMark(NOW), NOW + YEARS, NOW + YEARS + MINUTE, NOW + YEARS + MINUTE / 2)
    assert mark.elsewhere is not None
    assert (mark.elsewhere.since, mark.elsewhere.passed) == (NOW + YEARS, MINUTE)


def test_the_first_mark_is_what_the_database_knows_already() -> None:
    assert first_mark(None, NOW) == ClockMark(NOW)
    assert first_mark(NOW - DAY, NOW).agreement(NOW) is AHEAD
    assert first_mark(NOW + DAY, NOW).agreement(NOW) is BEHIND


def test_the_end_of_all_dates_is_no_error() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    assert after(ClockMark(last - MINUTE), NOW, NOW + HOUR).seen_at == last
    assert TRUSTED_AFTER == DAY

"""The one clock: aware, in UTC, to the microsecond.

Here belongs ``app.domain.clock``. That nothing else reads the time is refused by ``ruff``.
"""

from datetime import UTC, datetime

from freezegun import freeze_time

from app.domain.clock import system_clock
from tests.unit.domain.instants import NOW


def test_the_system_clock_tells_the_instant_in_utc() -> None:
    with freeze_time(NOW.replace(microsecond=123456)):
        assert system_clock() == NOW.replace(microsecond=123456)
        assert system_clock().tzinfo is UTC


def test_the_system_clock_goes_on() -> None:
    before = system_clock()
    assert isinstance(before, datetime)
    while (after := system_clock()) == before:
        pass
    assert after > before

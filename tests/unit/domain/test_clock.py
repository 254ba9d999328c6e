"""The one clock: aware, in UTC, to the microsecond."""

from datetime import UTC

from freezegun import freeze_time

from app.domain.clock import system_clock
from tests.unit.domain.instants import NOW


def test_the_system_clock_gives_the_instant_in_utc_and_goes_on() -> None:
    with freeze_time(NOW.replace(microsecond=123456)):
        assert system_clock() == NOW.replace(microsecond=123456)
        assert system_clock().tzinfo is UTC
    before = system_clock()
    while (after := system_clock()) == before:
        pass
    assert after > before

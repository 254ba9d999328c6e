"""The cookie of a device: what proves that an account signed in there, and what does not."""

from datetime import timedelta

import pytest

from app.services.known_devices import KEPT_FOR, MOST_ACCOUNTS, KnownDevices
from tests.databases import KEYS
from tests.secrecy import secrets_in
from tests.unit.services.verdicts import DAY, NOW, MovedClock


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def devices(clock: MovedClock) -> KnownDevices:
    return KnownDevices(clock, KEYS.pepper)


def test_a_device_is_known_for_the_accounts_that_signed_in_there_and_for_no_other(devices: KnownDevices) -> None:
    """◆ Fails when the seal does not depend on the account."""
    cookie = devices.add(devices.add(None, "anna"), "berta")
    device = devices.find(cookie, "anna")
    assert device is not None and device == devices.find(cookie, "ANNA") == devices.find(cookie, "berta")
    assert [devices.find(cookie, name) for name in ("carl", "", "not a name", "ann\xe4")] == [None] * 4
    assert devices.find(devices.add(None, "anna"), "anna") != device
    assert "anna" not in cookie and not secrets_in(cookie)


def test_a_cookie_that_nobody_here_made_proves_nothing(devices: KnownDevices, clock: MovedClock) -> None:
    """◆ Fails when the seal does not depend on the key, the device or the day."""
    cookie, other = devices.add(None, "anna"), devices.add(None, "berta")
    day = cookie.partition("~")[2].partition("-")[0]
    moved = other.partition("~")[0] + "~" + cookie.partition("~")[2]
    later = cookie.replace(f"~{day}-", f"~{int(day) + 1}-")
    elsewhere = KnownDevices(clock, b"q" * 32).add(None, "anna")
    odd = ("", "~", cookie[:-1], cookie + "0", cookie + "\n", cookie.upper(), "a" * 10_000, "é" * 22, "a" * 22)
    for forged in (None, *odd, moved, later, elsewhere):
        assert devices.find(forged, "anna") is None
        assert devices.find(devices.add(forged, "berta"), "berta"), "and it is replaced"


def test_a_device_is_known_for_half_a_year_after_the_latest_sign_in(devices: KnownDevices, clock: MovedClock) -> None:
    cookie = devices.add(None, "anna")
    for _ in range(2):
        clock.now = clock.now.replace(hour=0) + KEPT_FOR - DAY
        assert devices.find(cookie, "anna")
        cookie = devices.add(cookie, "anna")
    clock.advance(KEPT_FOR)
    assert devices.find(cookie, "anna") is None
    clock.now = NOW - timedelta(days=1000)
    assert devices.find(cookie, "anna"), "a clock that is wrong for a while forgets nobody"


def test_a_cookie_holds_the_latest_accounts(devices: KnownDevices) -> None:
    cookie = None
    for name in ("anna", *(f"user-{number}" for number in range(MOST_ACCOUNTS - 1)), "anna", "berta"):
        cookie = devices.add(cookie, name)
    assert [devices.find(cookie, name) is not None for name in ("berta", "anna", "user-0", "user-1")] == [
        True, True, False, True,
    ]  # fmt: skip
    assert cookie is not None and len(cookie) < 400

"""A device's name for people, read from what browsers send."""

import pytest

from app.domain.devices import UNKNOWN, device_of

MOZILLA = "Mozilla/5.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (f"{MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"{MOZILLA} (Windows NT 10.0) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.5 Safari/605.1.15", "Safari on macOS"),
        (
            f"{MOZILLA} (iPhone; CPU iPhone OS 18_5 like Mac OS X) {WEBKIT} CriOS/140 Mobile Safari/604",
            "Chrome on iPhone",
        ),
        (f"{MOZILLA} (Linux; Android 10; K) {WEBKIT} Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"{MOZILLA} (X11; CrOS x86_64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36 OPR/100", "Opera on ChromeOS"),
        ("curl/8.14.1", "curl"),
        ("something (Linux)", "Unknown program on Linux"),
        ("something", UNKNOWN),
        (None, UNKNOWN),
        ("x" * 512 + "Firefox/140.0", UNKNOWN),
    ],
)
def test_a_device_is_browser_and_system_and_nothing_else_of_the_text(agent: str | None, device: str) -> None:
    assert device_of(agent) == device
    assert device_of(f"{agent or ''}"[:500] + " dpa_secret") == device

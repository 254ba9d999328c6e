"""Devices: a short name for people, read from the user agent that a browser sends."""

UNKNOWN = "Unknown program"

_EXAMINED = 512
"""Characters of the user agent, which can be long."""

_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"),
    ("python-requests/", "Python"), ("python-httpx/", "Python"), ("Python-urllib/", "Python"),
)  # fmt: skip
"""In this order: most browsers name others too, for old sites."""

_SYSTEMS = (
    ("Windows", "Windows"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


def device_of(user_agent: str | None) -> str:
    """Such as "Firefox on Linux". Only names of these lists, so that no other text of the client's is in it.

    A client can send what it likes, and an iPad calls itself a Macintosh by default.
    """
    text = (user_agent or "")[:_EXAMINED]
    browser = next((name for mark, name in _BROWSERS if mark in text), None)
    system = next((name for mark, name in _SYSTEMS if mark in text), None)
    if browser and system:
        return f"{browser} on {system}"
    return browser or (f"Unknown program on {system}" if system else UNKNOWN)

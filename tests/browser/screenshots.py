"""``make screenshots``: a picture of every page and dialog, small and large, light and dark, to be looked at.

They go to ``screenshots/``, which git ignores; with ``--readme``, the README's go to ``docs/pictures/``, too. Best on
a machine with the fonts that the pages ask for (Debian's packages ``fonts-inter`` and ``fonts-jetbrains-mono``).
"""

import argparse
import base64
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.browser import gallery, sample
from tests.browser.past import Past, past_of
from tests.databases import SqliteFiles
from tests.drivers.browser import chromium
from tests.drivers.server import LiveServer

FOLDER = Path("screenshots")
SIZES = {375: 812, 1000: 800, 1440: 900}
"""How high a window of so many pixels is; pages are shown whole, dialogs as they stand in it."""

THEMES = ("light", "dark")

PICTURES = Path("docs/pictures")
OF_README = {
    "tokens": ("account-tokens", 740),
    "reveal": ("refresh-token-reveal-tested", 720),
    "overview": ("admin-overview", 860),
}
"""The README's pictures: which page, and how many pixels of it from the top."""

README_WIDTH, README_SCALE = 1000, 2
README_PORT = 8080
"""As in the README, since the address stands on the page."""


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    asked.add_argument("--readme", action="store_true", help="renew the README's pictures as well")
    asked.add_argument("--only", default="", help="only pages whose name begins so; none: a name that none has")
    chosen = asked.parse_args()
    if not chosen.only:
        shutil.rmtree(FOLDER, ignore_errors=True)  # pages that are no more
    FOLDER.mkdir(exist_ok=True)
    with _instance() as (server, browser, past):
        _take(gallery.Guests(browser, server.url, past), chosen.only)
    if chosen.readme:
        with _instance(README_PORT) as (server, browser, past):
            for name, (view, height) in OF_README.items():
                _take_for_readme(gallery.Guests(browser, server.url, past, **_sharp(height)), view, name)


@contextmanager
def _instance(port: int | None = None) -> Iterator[tuple[LiveServer, Browser, Past]]:
    """A server with months of data, on that port or on any."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SqliteFiles(folder).fresh(folder) as url, past_of(url, folder) as past:
            sample.fill(past)
            server = LiveServer(url, folder)
            if port:
                server.url = f"http://127.0.0.1:{port}"
                server.environment["DAYPASS_PORT"] = str(port)
            with gallery.under_its_own_name(server), chromium() as browser:
                yield server, browser, past


def _take(guests: gallery.Guests, only: str) -> None:
    for view in gallery.VIEWS:
        if view.name.startswith(only):
            picture(guests.show(view), view)
    guests.close()


def picture(page: Page, view: gallery.View) -> None:
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.screenshot(path=FOLDER / f"{view.name}-{width}-{theme}.png", full_page=not view.is_dialog)


def _sharp(height: int) -> dict[str, Any]:
    return {"viewport": {"width": README_WIDTH, "height": height}, "device_scale_factor": README_SCALE}


def _take_for_readme(guests: gallery.Guests, name: str, to: str) -> None:
    """Without loss, in half the bytes of PNG; Playwright itself writes no WebP."""
    PICTURES.mkdir(exist_ok=True)
    page = guests.show(next(view for view in gallery.VIEWS if view.name == name))
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.mouse.move(0, 0)
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": 100})
        (PICTURES / f"{to}-{theme}.webp").write_bytes(base64.b64decode(taken["data"]))
    guests.close()


if __name__ == "__main__":
    main()

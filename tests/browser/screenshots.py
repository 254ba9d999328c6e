"""``make screenshots``: a picture of every page and dialog, on a telephone and a desk, light and dark, to be looked at.

They go to ``screenshots/``, which git ignores; with ``--readme``, the README's two go to ``docs/`` as well.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import gallery, sample
from tests.browser.past import past_of
from tests.databases import SqliteFiles
from tests.drivers.browser import chromium
from tests.drivers.server import LiveServer

FOLDER = Path("screenshots")
SIZES = {375: 812, 1440: 900}
"""How high a window of so many pixels is; pages are shown whole, dialogs as they stand in it."""

THEMES = ("light", "dark")

OF_README = {"account-tokens": Path("docs/tokens.png"), "admin-overview": Path("docs/admin.png")}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--readme", action="store_true", help="renew the README's two pictures as well")
    asked.add_argument("--only", default="", help="only pages whose name begins so")
    chosen = asked.parse_args()
    if not chosen.only:
        shutil.rmtree(FOLDER, ignore_errors=True)  # pages that are no more
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        _take(Path(name), chosen.only, chosen.readme)


def _take(folder: Path, only: str, with_readme: bool) -> None:
    with SqliteFiles(folder).fresh(folder) as url, past_of(url, folder) as past:
        sample.fill(past)
        with gallery.under_its_own_name(LiveServer(url, folder)) as server, chromium() as browser:
            guests = gallery.Guests(browser, server.url, past)
            for view in gallery.VIEWS:
                if view.name.startswith(only):
                    picture(guests.show(view), view)
            guests.close()
    if with_readme:
        for name, path in OF_README.items():
            shutil.copyfile(FOLDER / f"{name}-1440-light.png", path)


def picture(page: Page, view: gallery.View) -> None:
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.screenshot(path=FOLDER / f"{view.name}-{width}-{theme}.png", full_page=not view.is_dialog)


if __name__ == "__main__":
    main()

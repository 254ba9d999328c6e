"""Every page and dialog of the gallery: axe-core finds nothing in light and dark, and nothing is cut off."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser import gallery
from tests.browser.conftest import Instance
from tests.browser.gallery import Guests, View

COLOURS = ["color-contrast", "link-in-text-block"]
"""All that differs between light and dark (``daypass.css``), so that the other rules need not be gone through twice."""

WIDTHS = (320, 720, 1000, 1440)
"""One for each layout of ``daypass.css``; WCAG 2.2 asks for the first (1.4.10, Reflow), axe looks at the last."""

IS_CUT_OFF = """
    document.documentElement.scrollWidth > window.innerWidth
    || [...document.querySelectorAll('.card, .cards, .dialog, dialog')]
        .some((box) => box.scrollWidth > box.clientWidth + 1)
"""
"""The window, or a box on the page whose content sticks out; what is meant to be scrolled lies in a box of its own."""

AXE = Axe()


@pytest.fixture(scope="package")
def guests(browser: Browser, instance: Instance) -> Iterator[Guests]:
    guests = Guests(browser, instance.server.url, instance.past)
    yield guests
    guests.close()


@pytest.mark.parametrize("view", gallery.VIEWS, ids=lambda view: view.name)
def test_axe_finds_nothing_the_page_fits_every_window_and_needs_nothing_that_its_policy_blocks(
    view: View, guests: Guests
) -> None:
    page = guests.show(view)

    cut_off = [width for width in WIDTHS if _is_wider_than_window(page, width)]
    page.evaluate(AXE.axe_script)
    violations = _violations(page, "light", {}) + _violations(page, "dark", {"runOnly": COLOURS})

    assert (violations, cut_off, guests.blocked) == ([], [], [])


def _violations(page: Page, theme: Any, options: dict[str, Any]) -> list[str]:
    page.emulate_media(color_scheme=theme)
    found = page.evaluate("(options) => axe.run(options)", {"resultTypes": ["violations"], **options})["violations"]
    return [f"{theme}: {each['id']}: {[node['target'] for node in each['nodes']][:5]}" for each in found]


def _is_wider_than_window(page: Page, width: int) -> bool:
    page.set_viewport_size({"width": width, "height": 800})
    return bool(page.evaluate(IS_CUT_OFF))

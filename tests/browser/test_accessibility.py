"""Every page and dialog of the gallery: axe-core finds nothing, and nothing is cut off.

``make axe`` looks at every size in both themes, which takes minutes.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser import gallery
from tests.browser.conftest import Instance
from tests.browser.gallery import Guests, View

COLOURS = ["color-contrast", "link-in-text-block"]
"""All that differs between light and dark (``daypass.css``), so that the other rules need not be gone through twice."""

OF_FORM = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
OF_COLOUR = {"runOnly": COLOURS}

SIZES = {1440: 900, 1000: 800, 768: 1024, 720: 450, 320: 640}
"""The height of a window of so many pixels. The fourth is the first at 200 % zoom (WCAG 2.2, 1.4.4), the last is what
WCAG asks for (1.4.10, Reflow)."""

LAYOUTS = (1440, 768, 320)
"""On a desk, on a tablet, on a telephone: where axe-core looks at what is there."""

ALL = [(width, theme) for width in LAYOUTS for theme in ("light", "dark")]
IS_WHOLE = os.environ.get("DAYPASS_AXE") == "all"

IS_CUT_OFF = """
    document.documentElement.scrollWidth > window.innerWidth
    || [...document.querySelectorAll('.card, .dialog, dialog')]
        .some((box) => box.scrollWidth > box.clientWidth + 1)
"""
"""The window, or a box on the page whose content sticks out; what is meant to be scrolled lies in a box of its own."""

LEAVE_ONE_OF_EACH_KIND = """() => {
    const kind = (element) => [
        element.tagName, element.getAttribute('class'), element.ariaCurrent, element.ariaSort, element.disabled,
        ...[...element.children].map(kind),
    ].join();
    for (const list of document.querySelectorAll('tbody, ul, ol, dl, svg, select')) {
        const seen = new Set();
        for (const each of [...list.children]) {
            if (seen.has(kind(each))) each.remove();
            seen.add(kind(each));
        }
    }
}"""
"""Rows of the same elements with the same classes have the same colours, since there are no inline styles (the policy
forbids them), and to look at each of a hundred would take most of the time of all tests."""

WIDEST_MOMENTS = """() => {
    for (const time of document.querySelectorAll('time')) {
        const words = time.firstChild;
        if (/ ago$|^just now$/.test(words?.data)) words.data = '59 minutes ago';
        if (/^in /.test(words?.data)) words.data = 'in less than a minute';
    }
}"""
"""A page fits with the widest words for its moments, and so at any time of a day and however slow the machine is."""

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

    page.evaluate(WIDEST_MOMENTS)
    cut_off = [width for width in sorted(SIZES) if _is_wider_than_window(page, width)]  # at last, as wide as a desk
    page.evaluate(AXE.axe_script)
    found = []
    for width, theme, rules in _looks(view):
        _resize(page, width)
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        found += _violations(page, f"{width} {theme}", rules)
        if not IS_WHOLE:
            page.evaluate(LEAVE_ONE_OF_EACH_KIND)  # all of them were looked at on the desk

    assert (found, cut_off, guests.blocked) == ([], [], [])


def _looks(view: View) -> list[tuple[int, str, dict[str, Any]]]:
    """At which widths and in which themes axe-core looks, and by which rules.

    Usually on a desk and on a telephone. A tablet shows the dialogs and tables of a desk, and lacks its sidebar like a
    telephone; each colour is written once, for light and for dark, and is the same at every size.
    """
    if IS_WHOLE:
        return [(width, "light", OF_FORM) for width in LAYOUTS] + [(*each, OF_COLOUR) for each in ALL]
    (desk, light), *_, (telephone, dark) = ALL
    on_telephone = OF_COLOUR if view.is_dialog else {}  # a dialog has one form
    return [(desk, light, OF_FORM), (desk, light, OF_COLOUR), (telephone, dark, on_telephone)]


def _violations(page: Page, where: str, options: dict[str, Any]) -> list[str]:
    found = page.evaluate("(options) => axe.run(options)", {"resultTypes": ["violations"], **options})["violations"]
    return [f"{where}: {each['id']}: {[node['target'] for node in each['nodes']][:5]}" for each in found]


def _is_wider_than_window(page: Page, width: int) -> bool:
    _resize(page, width)
    return bool(page.evaluate(IS_CUT_OFF))


def _resize(page: Page, width: int) -> None:
    """To lay a page out again takes a quarter of the time of a look, so only where its size is another."""
    size = ViewportSize(width=width, height=SIZES[width])
    if page.viewport_size != size:
        page.set_viewport_size(size)

"""Somebody at a page whose every act has its price in time.

The model is the keystroke-level model: Card, Moran and Newell, "The keystroke-level model for user performance time
with interactive systems", Communications of the ACM 23(7), 1980, pages 396 to 410. Of it are the times of a key, of
pointing and of moving the hand. Those of a mouse button and of a mental act are of Kieras, "Using the keystroke-level
model to estimate execution times", University of Michigan, 2001. What the machine takes is measured.
"""

import time
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, Request

KEY, POINT, BUTTON, HAND, MIND = 0.28, 1.1, 0.1, 0.4, 1.2
"""Seconds: a key of an average typist, pointing, pressing or releasing the button, moving the hand between mouse and
keyboard, and making up one's mind: what to do next, or what the page says."""


@dataclass
class Cost:
    """`seconds`: of the person by the model, and of the machine as measured."""

    clicks: int = 0
    keys: int = 0
    loads: int = 0
    person: float = 0.0
    machine: float = 0.0

    @property
    def seconds(self) -> float:
        return self.person + self.machine


class Person:
    """Begins with a hand on the mouse, on a page that is there."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.cost = Cost()
        self._at_mouse = True
        page.on("request", self._note)

    def reads(self) -> None:
        """Look at what there is now, and see what it says."""
        self.cost.person += MIND

    def clicks(self, target: Locator, until: Locator | None = None) -> None:
        """Decide, point, click, and wait until `until` is there."""
        self._move_hand(to_mouse=True)
        self.cost.person += MIND + POINT + 2 * BUTTON
        self.cost.clicks += 1
        started = time.perf_counter()
        target.click()
        self._wait(until, started)

    def types(self, text: str, field: Locator | None = None) -> None:
        """Decide, and type: into that field, which is clicked first, or into the one that has the focus."""
        self._focus(field)
        self.cost.person += MIND + len(text) * KEY
        self.cost.keys += len(text)
        self.page.keyboard.insert_text(text)

    def pastes(self, text: str, field: Locator | None = None) -> None:
        """What is on the clipboard: two keys."""
        self._focus(field)
        self.cost.person += MIND + 2 * KEY
        self.cost.keys += 2
        self.page.keyboard.insert_text(text)

    def searches_page(self) -> None:
        """For what is on the clipboard, with the browser's own search, which Playwright can't use: Ctrl F, Ctrl V."""
        self._move_hand(to_mouse=False)
        self.cost.person += MIND + 4 * KEY
        self.cost.keys += 4

    def presses(self, key: str, until: Locator | None = None) -> None:
        """One key, such as Enter after what was typed, without a decision of its own."""
        self._move_hand(to_mouse=False)
        self.cost.person += KEY
        self.cost.keys += 1
        started = time.perf_counter()
        self.page.keyboard.press(key)
        self._wait(until, started)

    def _focus(self, field: Locator | None) -> None:
        if field is not None:
            self._move_hand(to_mouse=True)
            self.cost.person += POINT + 2 * BUTTON
            self.cost.clicks += 1
            field.click()
            self.page.keyboard.press("ControlOrMeta+a")  # what stands there is replaced
        self._move_hand(to_mouse=False)

    def _move_hand(self, to_mouse: bool) -> None:
        self.cost.person += HAND * (self._at_mouse is not to_mouse)
        self._at_mouse = to_mouse

    def _wait(self, until: Locator | None, started: float) -> None:
        if until is not None:
            until.first.wait_for()
            self.cost.machine += time.perf_counter() - started

    def _note(self, request: Request) -> None:
        is_page = request.is_navigation_request() and request.frame == self.page.main_frame
        self.cost.loads += is_page and request.redirected_from is None

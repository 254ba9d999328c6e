"""Pages of a list that begin after a row, whatever comes or goes meanwhile. Not here: sealing cursors (``cursors``)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

LARGEST_PAGE = 500

BACKWARDS = "r"
"""In front of the position of a page that ends before a row."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of items; `cursor`: of the next page, None on the last one. `newer`: of the one before, where known."""

    items: list[T]
    cursor: str | None
    newer: str | None = None


class Place(NamedTuple):
    """Where a page is: after the row with this id or, backwards, before it. None: the first page."""

    row_id: int | None = None
    is_backwards: bool = False


def place_of(position: str | None) -> Place:
    """The place at a position of a list that is read both ways."""
    if not position:
        return Place()
    return Place(int(position.removeprefix(BACKWARDS), 16), position.startswith(BACKWARDS))


def page_at(place: Place, found: list[T], limit: int, row_id: Callable[[T], int]) -> Page[T]:
    """`found`: one more than `limit` where there are more, in the order in which they were read. Cursors: positions."""
    shown, is_more = found[:limit], len(found) > limit
    if place.is_backwards:
        shown.reverse()
    if not shown:
        return Page(shown, None)
    first, last = f"{BACKWARDS}{row_id(shown[0]):x}", f"{row_id(shown[-1]):x}"
    has_older = is_more or place.is_backwards
    has_newer = is_more if place.is_backwards else place.row_id is not None
    return Page(shown, last if has_older else None, first if has_newer else None)


def page_of(items: list[T], limit: int, row_id: Callable[[T], int]) -> Page[T]:
    """`items`: one more than `limit` where there is another page. Its cursor is a position, not sealed yet."""
    shown = items[:limit]
    return Page(shown, f"{row_id(shown[-1]):x}" if len(items) > limit else None)


def row_of(position: str | None) -> int | None:
    """The id of the row at a position; None for the first page."""
    return None if position is None else int(position, 16)

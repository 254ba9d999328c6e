"""Pages of a list that begin after a row, whatever comes or goes meanwhile. Not here: sealing cursors (``cursors``)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

LARGEST_PAGE = 500


@dataclass(frozen=True)
class Page(Generic[T]):
    """A page of items; `cursor`: of the next page, None on the last one."""

    items: list[T]
    cursor: str | None


def page_of(items: list[T], limit: int, row_id: Callable[[T], int]) -> Page[T]:
    """`items`: one more than `limit` where there is another page. Its cursor is a position, not sealed yet."""
    shown = items[:limit]
    return Page(shown, f"{row_id(shown[-1]):x}" if len(items) > limit else None)


def row_of(position: str | None) -> int | None:
    """The id of the row at a position; None for the first page."""
    return None if position is None else int(position, 16)

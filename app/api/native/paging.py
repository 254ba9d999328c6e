"""Pages of a list: the items, the cursor of the next page, and the ``Link`` to it (RFC 8288)."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import request

from app.domain.masking import mask
from app.services.keyset import Page

T = TypeVar("T")

Answer = tuple[dict[str, Any], dict[str, str]]


def page_of(page: Page[T], members: Callable[[T], dict[str, Any]]) -> Answer:
    """Body and headers."""
    body = {"items": [members(item) for item in page.items], "next_cursor": page.cursor}
    return body, {} if page.cursor is None else {"Link": f'<{_next(page.cursor)}>; rel="next"'}


def _next(cursor: str) -> str:
    """The address of this request with another cursor; without a host, which a proxy may change."""
    query = [(name, mask(value)) for name, value in request.args.items(multi=True) if name != "cursor"]
    return f"{request.script_root}{request.path}?{urlencode([*query, ('cursor', cursor)])}"

"""The lists of a user's own tokens: what an address asks for, and what the page shows besides the rows."""

from typing import Any

from flask import request

from app.domain.errors import BadRequest
from app.domain.token_filter import TokenFilter
from app.domain.token_search import normal_search
from app.domain.token_view import Group, Sort, TokenView
from app.domain.tokens import AccessToken, RefreshToken
from app.services.token_lists import TokenPage
from app.web.list_view import ListView
from app.web.token_groups import pills

COLUMNS = (
    *("name", "public_id", "status", "created_at", "expires_at", "last_used_at", "last_used_ip"),
    *("revoked_at", "revoked_by", "revoke_reason"),
)
"""Of an export."""

NO_SUCH_VIEW = "There is no such status or order. Choose one on the page."


def token_view(view: ListView, **owned: Any) -> TokenView:
    """Which tokens an address asks for; `owned`: criteria that it cannot change.

    Refuses with BadRequest an unknown status or order, and what is no search, such as a secret.
    """
    try:
        group, sort = Group(view.value("status") or Group.ALL), Sort(view.sort)
    except ValueError:
        raise BadRequest(NO_SUCH_VIEW) from None
    criteria = TokenFilter(search=normal_search(request.args.get("q", "")), **owned)
    return TokenView(criteria, group, sort, view.direction == "descending")


def shown(view: ListView, page: TokenPage[Any], export: str) -> dict[str, Any]:
    """What a template needs of a page. `export`: the address of the whole list as CSV."""
    is_without_any = not page.counts[Group.ALL] and not view.value("q")
    return {
        "view": view.of_rows(page.total, page.first, len(page.items), page.previous, page.next),
        "items": page.items,
        "counts": page.counts,
        "groups": pills(page),
        "is_without_any": is_without_any,
        "csv": export + view.address().removeprefix(view.path),
    }


def export_row(token: RefreshToken | AccessToken, name: str) -> dict[str, Any]:
    """A row of an export."""
    return vars(token) | {"name": name}

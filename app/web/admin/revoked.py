"""After a revocation: the way back to the list as it was, and the message there, which says what was revoked."""

from dataclasses import dataclass

from flask import redirect, request
from werkzeug.wrappers import Response

from app.domain.errors import NotFound
from app.domain.text import count_of
from app.domain.tokens import TokenStatus
from app.http.context import services
from app.services.revoking import Revoked
from app.web.returning import after_act, number_of, way_back

HOME = "/admin/tokens"


@dataclass(frozen=True)
class Message:
    """`tokens`: how many were revoked, in words; empty: none. `name` and `owner`: of the token, if it was one.

    `view`: the address, below the root, of what shows more.
    """

    view: str
    tokens: str
    name: str = ""
    owner: str = ""


def after_revoking(revoked: Revoked, **about: str) -> Response:
    """Back to where the form was opened. `about`: the token or the filter."""
    back = way_back("/admin")
    return redirect(after_act(HOME if back == "/admin" else back, done="revoked", **vars(revoked), **about), 303)


def message_after_revoking() -> Message | None:
    """What the address of this page says was revoked, as far as the token or the audit log confirms it."""
    if request.args.get("done") != "revoked":
        return None
    token, by_filter = request.args.get("done-token"), request.args.get("done-filter")
    return _of_token(token) if token else _of_filter(by_filter) if by_filter else None


def _of_token(public_id: str) -> Message | None:
    try:
        listed = services().listing.find(public_id)
    except NotFound:
        return None
    view, name = f"{HOME}/{public_id}", listed.name or public_id
    refresh, access = number_of("refresh_tokens"), number_of("access_tokens")
    if not refresh and not access:
        return None if listed.token.status is TokenStatus.ACTIVE else Message(view, "", name, listed.owner)
    if listed.token.revoked_at is None:
        return None
    return Message(view, in_words(refresh, access), name, listed.owner)


def _of_filter(name: str) -> Message | None:
    """With the numbers of the audit log."""
    found = services().audit_list.events(action="tokens.revoked", object_id=name[:16], limit=1).items
    if not found:
        return None
    number = {kind: int(found[0].detail[f"{kind}_tokens"]) for kind in ("refresh", "access")}
    return Message(f"/admin/audit?object={found[0].object_id}", in_words(**number))


def in_words(refresh: int, access: int) -> str:
    """Such as "131 refresh and 7 access tokens"."""
    if refresh and access:
        return f"{refresh:,} refresh and {count_of(access, 'access token')}"
    return count_of(access, "access token") if access else count_of(refresh, "refresh token")

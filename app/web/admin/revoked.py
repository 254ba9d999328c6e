"""After a revocation: the way back to the list as it was, and the message there, which says what was revoked."""

from dataclasses import dataclass
from urllib.parse import quote

from flask import redirect
from werkzeug.wrappers import Response

from app.domain.errors import NotFound
from app.domain.text import count_of
from app.domain.tokens import TokenStatus
from app.http.context import services
from app.services.revoking import Revoked
from app.web.done import after_act, number_done, what_was_done
from app.web.returning import way_back

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
    """What the address of this page says was revoked."""
    done = what_was_done()
    if done.get("done") != "revoked":
        return None
    refresh, access = (number_done(done, name) for name in ("refresh_tokens", "access_tokens"))
    if "done-token" in done:
        return _of_token(done["done-token"], refresh, access)
    return Message(f"/admin/audit?object={quote(done.get('done-filter', ''))}", in_words(refresh, access))


def _of_token(public_id: str, refresh: int, access: int) -> Message | None:
    try:
        listed = services().listing.find(public_id)
    except NotFound:
        return None
    view, name = f"{HOME}/{public_id}", listed.name or public_id
    if not refresh and not access:
        return None if listed.token.status is TokenStatus.ACTIVE else Message(view, "", name, listed.owner)
    if listed.token.revoked_at is None:
        return None
    return Message(view, in_words(refresh, access), name, listed.owner)


def in_words(refresh: int, access: int) -> str:
    """Such as "131 refresh and 7 access tokens"."""
    if refresh and access:
        return f"{refresh:,} refresh and {count_of(access, 'access token')}"
    return count_of(access, "access token") if access else count_of(refresh, "refresh token")

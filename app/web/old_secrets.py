"""After the old secret of a rotated refresh token was ended: the way back, and the message there."""

from flask import redirect
from werkzeug.wrappers import Response

from app.domain.tokens import RefreshToken
from app.services.listing import ListedToken
from app.web.done import after_act, what_was_done

ENDED = "old-secret-ended"


def after_ending(public_id: str, back: str) -> Response:
    """Lead back to the page `back`."""
    return redirect(after_act(back, done=ENDED, token=public_id), 303)


def ended_text(listed: ListedToken) -> str:
    """What this request's address says about the token's old secret; empty where nothing, or where it is not true."""
    done, token = what_was_done(), listed.token
    is_this = done.get("done") == ENDED and done.get("done-token") == token.public_id
    if not is_this or not isinstance(token, RefreshToken) or token.old_secret_until:
        return ""
    return f"Ended the old secret of {listed.name}."

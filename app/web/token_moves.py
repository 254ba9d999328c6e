"""What pages say about a move: a refusal in the dialog, and the message after it."""

from collections.abc import Mapping

from app.domain.errors import BadRequest, Conflict, LimitReached, NotFound, NotPermitted, Refusal
from app.domain.text import count_of
from app.domain.tokens import TokenKind
from app.http.context import caller, services
from app.services.listing import ListedToken
from app.web.done import what_was_done
from app.web.forms import field_errors, message, status_of
from app.web.session import web_session
from app.web.token_homes import token_owner

REFUSALS = (BadRequest, Conflict, LimitReached, NotFound, NotPermitted)
"""Of a move, which its dialog shows."""
NO_SUCH_USER = "There is no user with this name."


def may_move_own() -> bool:
    """Whether the user answers for an account that they can move tokens to."""
    return token_owner().account is None and web_session().answers_for_accounts


def about_refusal(refusal: Refusal | None) -> tuple[int, dict[str, str], str]:
    """The status of the page, the errors of its fields, and the message where they have none."""
    if refusal is None:
        return 200, {}, ""
    fields = field_errors(refusal)
    if isinstance(refusal, NotFound):
        fields = {"to": NO_SUCH_USER}
    elif isinstance(refusal, LimitReached):
        held = count_of(refusal.limit, refusal.what.removesuffix("s"))
        fields = {"to": f"This account has {held}, which is the limit."}
    return status_of(refusal), fields, "" if fields else message(refusal)


def moved_text(listed: ListedToken) -> str:
    """What the address of a token's page says was moved, while it holds; empty: nothing."""
    done, token = what_was_done(), listed.token
    is_said = done.get("done") == "moved" and done.get("done-token") == token.public_id
    if not is_said or done.get("done-after") != str(token.user_id):
        return ""
    before = f" now, not {done['done-before']}" if "done-before" in done else ""
    return _moved(listed, f"Moved to {listed.owner}.", before)


def moved_away_text(done: Mapping[str, str]) -> str:
    """The same on the list that the token left. `done`: the parameters of its address."""
    try:
        listed = services().listing.find(done.get("done-token", ""))
        services().service_accounts.open(listed.token.user_id, caller())  # the user can seal any address
    except NotFound:
        return ""
    if done.get("done-after") != str(listed.token.user_id):
        return ""
    return _moved(listed, f"Moved {listed.name or listed.token.public_id} to {listed.owner}.", " now")


def _moved(listed: ListedToken, said: str, when: str) -> str:
    if listed.kind is TokenKind.ACCESS:
        return said
    return f"{said} Programs that send a user id with it must send {listed.token.user_id}{when}."

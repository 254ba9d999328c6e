"""After a move: the message on the token's page."""

from app.domain.tokens import TokenKind
from app.services.listing import ListedToken
from app.web.done import what_was_done


def moved_text(listed: ListedToken) -> str:
    """What the address of this page says was moved, while it holds; empty: nothing."""
    done, token = what_was_done(), listed.token
    is_said = done.get("done") == "moved" and done.get("done-token") == token.public_id
    if not is_said or done.get("done-after") != str(token.user_id):
        return ""
    moved = f"Moved to {listed.owner}."
    if listed.kind is TokenKind.ACCESS:
        return moved
    return f"{moved} Programs that send a user id with it must send {token.user_id} now, not {done.get('done-before')}."

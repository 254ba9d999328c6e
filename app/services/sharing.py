"""Noticing that several programs share a refresh token and end each other's access tokens.

Here belongs that it is written down and told; nobody is hindered. Not here: how it is recognised
(``app.domain.tokens``).
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.identity import Caller
from app.domain.tokens import SEEMS_SHARED, SHARING_WINDOW, is_sharing, seems_shared_at
from app.services.audit import record
from app.services.throttling import counted_network
from app.storage import access_tokens, refresh_tokens
from app.storage.tables import RefreshTokenRow

LOOKED_AT = 50
"""So many mints at most, the latest, however many a busy program makes."""


def notice_sharing(session: Session, parent: RefreshTokenRow, now: datetime, caller: Caller) -> bool:
    """Whether a refresh token that was just minted from seems to be shared; marked and audited when that is new.

    The refresh token's lock is held, and `parent` was read under it.
    """
    since = now - SHARING_WINDOW
    if parent.regenerated_at is not None:  # who minted from the secret before has nothing to mint from any more
        since = max(since, parent.regenerated_at)
    minted_from = access_tokens.minted_from(session, parent.id, since, LOOKED_AT)
    was_told = seems_shared_at(parent.sharing_seen_at, now)
    if not is_sharing([counted_network(address) if address else None for address in minted_from]):
        return was_told
    if not was_told:
        addresses = ", ".join(sorted({address for address in minted_from if address}))
        subject = ("refresh_token", parent.public_id)
        detail: dict[str, str | int] = {"mints": len(minted_from), "addresses": addresses, "note": SEEMS_SHARED}
        record(session, now, caller, "refresh_token.found_shared", subject, **detail)
    if parent.sharing_seen_at is None or now - parent.sharing_seen_at >= SHARING_WINDOW:
        refresh_tokens.note_sharing(session, parent, now)
    return True

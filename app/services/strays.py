"""Strays: audit events of tokens that work and whose secret stood where none belongs, such as in a path.

Not here: masking the text (``app.domain.masking``).
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import Unavailable
from app.domain.identity import Caller
from app.domain.masking import tokens_in
from app.domain.secrets import KeyRing, TokenFormat, TokenText
from app.domain.tokens import TokenKind, TokenStatus
from app.services.old_secrets import is_old_secret, works_as_old
from app.storage import access_tokens, refresh_tokens
from app.storage.access_tokens import as_access_token
from app.storage.audit import record
from app.storage.database import Database
from app.storage.refresh_tokens import StoredRefreshToken
from app.storage.strays import note_secret_seen
from app.storage.tables import AccessTokenRow

AGAIN_AFTER = timedelta(hours=1)
MOST_KNOWN = 10_000
MOST_WAITING = 100
"""Text that is made up costs a look into the database: further ones are dropped until the next flush."""

ACTIONS = {
    TokenKind.REFRESH: ("refresh_token", "refresh_token.secret_found"),
    TokenKind.ACCESS: ("access_token", "access_token.secret_found"),
}
"""The kind of the object, and the event."""


@dataclass(frozen=True)
class _Stray:
    at: datetime
    token: TokenText
    place: str
    caller: Caller


class Strays:
    """Records where the secret of a token was found. Revokes nothing, and refuses nothing.

    The text is looked up a few seconds later, with the last uses; only a token whose secret it is, and that can be
    used, has an event: one per token, place and hour in each process. `begin`: called at each; starts the flushes.
    """

    begin: Callable[[], None]

    def __init__(self, database: Database, clock: Clock, ring: KeyRing, format: TokenFormat) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format
        self._lock = threading.Lock()
        self._latest: dict[tuple[str, str], datetime] = {}
        self._waiting: list[_Stray] = []

    def look_in(self, text: str | None, place: str, caller: Callable[[], Caller]) -> None:
        """Look for tokens in a text. `place`: where it stood, in words; `caller`: asked only if there is one."""
        for token in tokens_in(text, self._format) if text else ():
            now = self._clock()
            if self._is_recent(token, place, now):
                continue
            with self._lock:
                if len(self._waiting) >= MOST_WAITING:
                    return
                self._waiting.append(_Stray(now, token, place, caller()))
            with suppress(RuntimeError):  # the process is exiting and starts no threads
                self.begin()

    def flush(self) -> None:
        """Write what waits. Refuses with Unavailable, and keeps it for the next flush."""
        with self._lock:
            taken, self._waiting = self._waiting, []
        for position, stray in enumerate(taken):
            try:
                self._write(stray)
            except Unavailable:
                with self._lock:
                    self._waiting = (taken[position:] + self._waiting)[:MOST_WAITING]
                raise

    def _write(self, stray: _Stray) -> None:
        """In a transaction for each: two tokens in one could deadlock with a mint, which locks them in its order."""
        token = stray.token
        if self._is_recent(token, stray.place, stray.at):
            return
        with self._database.reading() as session:
            if not self._is_usable(session, stray):
                return
        with self._database.transaction() as session:
            kind, action = ACTIONS[token.kind]
            note_secret_seen(session, token.kind, token.public_id, stray.at)
            record(session, stray.at, stray.caller, action, (kind, token.public_id), place=stray.place)
        self._remember(stray)  # after the commit: without that, it has no event

    def _is_recent(self, token: TokenText, place: str, now: datetime) -> bool:
        latest = self._latest.get((token.public_id, place))
        # Before or after: a clock that was ahead must not silence this for as long.
        return latest is not None and abs(now - latest) < AGAIN_AFTER

    def _remember(self, stray: _Stray) -> None:
        with self._lock:
            if len(self._latest) >= MOST_KNOWN:  # a few more rows cost less than unlimited memory
                self._latest.clear()
            self._latest[stray.token.public_id, stray.place] = stray.at

    def _is_usable(self, session: Session, stray: _Stray) -> bool:
        """Whether it is the secret of a token that is active, or can be regenerated with it."""
        token = stray.token
        if token.kind is TokenKind.REFRESH:
            stored = refresh_tokens.find(session, token.public_id)
            if stored is None or stored.status == TokenStatus.REVOKED:
                return False
            works = works_as_old(stored, stray.at)
            return self._fits(token, stored) or (works and is_old_secret(self._ring, token, stored))
        row = access_tokens.find(session, token.public_id)
        if row is None or as_access_token(row, stray.at).status is not TokenStatus.ACTIVE:
            return False
        return self._fits(token, row)

    def _fits(self, token: TokenText, stored: StoredRefreshToken | AccessTokenRow) -> bool:
        return self._ring.verifies(token, stored.key_id, stored.mac)

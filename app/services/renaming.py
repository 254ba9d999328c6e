"""Changing what people call a token: its name and its description. Nothing else about it changes."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadRequest, Conflict, NotFound
from app.domain.identity import Caller
from app.domain.text import normal_description, normal_name
from app.domain.tokens import TokenKind
from app.services.listing import ListedToken, listed_token, refuse_unless_handle
from app.storage import both_tiers, renaming
from app.storage.audit import record
from app.storage.both_tiers import StoredToken
from app.storage.database import Database

NO_NAME = "An API token has a description, and no name."
HAS_ENDED = "This token has ended: its name and its description stay."

ACTIONS = {
    ("refresh", "name"): "refresh_token.renamed",
    ("refresh", "description"): "refresh_token.described",
    ("access", "description"): "access_token.described",
}


class Renaming:
    """Renames and describes refresh tokens, and describes API tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def change(
        self,
        public_id: str,
        values: Mapping[str, str | None],
        caller: Caller,
        only_of: int | None = None,
        kind: TokenKind | None = None,
    ) -> ListedToken:
        """Change ``name`` and ``description`` of a token, whichever are in `values`: all or nothing.

        An empty description is none. `only_of`: the id of the required owner; None for administrators. `kind`: the
        required tier, if any. Refuses with NotFound, BadRequest (both fields), and Conflict (it was revoked; an access
        token of a refresh token).
        """
        refuse_unless_handle(public_id)
        values = {name: _normal(name, value) for name, value in values.items()}
        with self._database.transaction() as session:
            token = _hold(session, public_id, only_of, kind)
            if token.kind == TokenKind.ACCESS and "name" in values:
                raise BadRequest(NO_NAME, {"name": [NO_NAME]})
            before, now = renaming.labels_of(session, token)._asdict(), self._clock()
            changed = {name: value for name, value in values.items() if before[name] != value}
            if changed and not renaming.label(session, token, changed):
                raise Conflict(HAS_ENDED)
            for name, value in changed.items():
                action, subject = ACTIONS[token.kind, name], (f"{token.kind}_token", public_id)
                record(session, now, caller, action, subject, before=before[name] or "", after=value or "")
            return listed_token(session, TokenKind(token.kind), token.id, now)


def _hold(session: Session, public_id: str, only_of: int | None, kind: TokenKind | None) -> StoredToken:
    """The token, locked. Refuses with NotFound and Conflict."""
    found = both_tiers.find(session, public_id)
    token = found and both_tiers.lock(session, [found])[0]
    if token is None or only_of not in (None, token.user_id) or kind not in (None, token.kind):
        raise NotFound("token")
    if token.parent is not None:
        raise Conflict("This access token has the name of its refresh token: change that.")
    return token


def _normal(name: str, value: str | None) -> str | None:
    return normal_name(value or "") if name == "name" else normal_description(value)

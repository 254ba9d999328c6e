"""The history of a token, for its detail pages: :meth:`TokenHistory.of`, shown by the macro ``timeline``.

Read from the token's row, the audit log and the access tokens of a refresh token, each by an index and bounded. What
retention has removed is not shown. Not here: the token itself (``listing``).
"""

import json
from collections.abc import Iterator

from sqlalchemy.orm import Session

from app.domain.audit import Result
from app.domain.clock import Clock
from app.domain.errors import NotFound
from app.domain.token_history import Entry, Step
from app.domain.tokens import AccessToken, RefreshToken, TokenStatus
from app.services.listing import refuse_unless_handle
from app.storage import access_tokens, former_usernames, refresh_tokens, token_history, users
from app.storage.access_tokens import as_access_token
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from app.storage.refresh_tokens import as_refresh_token
from app.storage.token_history import Request

MOST_EVENTS, MOST_REQUESTS = 50, 5
"""How many of the newest audit events and mints one history is made of."""

STEPS: dict[str, Step] = {
    "refresh_token.created": Step.CREATED,
    "access_token.created": Step.CREATED,
    "access_token.minted": Step.CREATED,
    "refresh_token.regenerated": Step.REGENERATED,
    "refresh_token.rotated": Step.ROTATED,
    "refresh_token.old_secret_ended": Step.OLD_SECRET_ENDED,
    "refresh_token.moved": Step.MOVED,
    "access_token.moved": Step.MOVED,
    "refresh_token.renamed": Step.RENAMED,
    "refresh_token.described": Step.DESCRIBED,
    "access_token.described": Step.DESCRIBED,
    "refresh_token.found_shared": Step.FOUND_SHARED,
    "refresh_token.secret_found": Step.SECRET_FOUND,
    "access_token.secret_found": Step.SECRET_FOUND,
}
"""By the action of an audit event. Revocations are in the token's row, which a bulk act changes too."""

Token = RefreshToken | AccessToken


class TokenHistory:
    """Reads histories."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def of(self, public_id: str, only_of: int | None = None) -> list[Entry]:
        """What happened to a token, newest first.

        `only_of`: the id of the required owner, who sees of other people no more than the user name of who acted; None
        for administrators. Refuses with NotFound (unknown, or another user's).
        """
        refuse_unless_handle(public_id)
        with self._database.reading() as session:
            token = self._find(session, public_id)
            if token is None or only_of not in (None, token.user_id):
                raise NotFound("token")
            entries = [*_ends(session, token), *_requests(session, token), *_events(session, token)]
        if not any(each.step is Step.CREATED for each in entries):
            address = token.minted_from if isinstance(token, AccessToken) else None
            entries.append(Entry(token.created_at, Step.CREATED, address=address))
        entries = [entry if only_of is None else _for_owner(entry) for entry in entries]
        return sorted(entries, key=lambda entry: entry.at, reverse=True)

    def _find(self, session: Session, public_id: str) -> Token | None:
        now = self._clock()
        if refresh := refresh_tokens.find(session, public_id):
            return as_refresh_token(refresh, now)
        access = access_tokens.find(session, public_id)
        return None if access is None else as_access_token(access, now)


def _ends(session: Session, token: Token) -> Iterator[Entry]:
    if token.revoked_at is not None:
        owner, by = users.get(session, token.user_id), token.revoked_by or ""
        is_own = owner is not None and by in (owner.username, *former_usernames.of_user(session, owner.id))
        yield Entry(token.revoked_at, Step.REVOKED, by, is_own, note=token.revoke_reason or "")
    if token.status is TokenStatus.EXPIRED and token.expires_at is not None:
        yield Entry(token.expires_at, Step.EXPIRED)


def _requests(session: Session, token: Token) -> Iterator[Entry]:
    """The newest mints, and the first one where it is certain that it is."""
    if isinstance(token, AccessToken):
        return
    shown = token_history.newest_requests(session, token.id, MOST_REQUESTS)
    oldest = token_history.oldest_request(session, token.id) if len(shown) == MOST_REQUESTS else None
    if oldest is not None and oldest not in shown and _is_first(oldest):
        shown.append(oldest)
    for request in shown:
        step = Step.FIRST_REQUESTED if _is_first(request) else Step.REQUESTED
        yield Entry(request.at, step, is_own=True, address=request.address)


def _is_first(request: Request) -> bool:
    return request.generation == 1


def _events(session: Session, token: Token) -> Iterator[Entry]:
    kind = "refresh_token" if isinstance(token, RefreshToken) else "access_token"
    for row in token_history.events(session, kind, token.public_id, MOST_EVENTS):
        if row.action not in STEPS or row.result != Result.DONE:
            continue
        is_own, means = row.actor_id == token.user_id, row.credential or ""
        yield Entry(row.at, STEPS[row.action], row.actor, is_own, means, row.address, _note(row))


def _note(row: AuditEventRow) -> str:
    detail = json.loads(row.detail)
    if STEPS[row.action] in (Step.MOVED, Step.RENAMED):
        return f"{detail['before']} to {detail['after']}"
    return str(detail.get("place") or detail.get("addresses") or detail.get("old_secret_until") or "")


def _for_owner(entry: Entry) -> Entry:
    """Without the address and the credential of another person."""
    return entry if entry.is_own else Entry(entry.at, entry.step, entry.by, note=entry.note)

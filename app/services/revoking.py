"""Revoking tokens: effective, on all workers, for each check that begins after the commit.

Not here: disabling a user, which can be undone (``accounts``).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import NotFound, NotPermitted, TokenMalformed, Unavailable
from app.domain.identity import Caller
from app.domain.ladder import Act
from app.domain.oauth_client import Client
from app.domain.text import count_of, normal_text
from app.domain.tokens import FINAL, RefreshToken, TokenKind
from app.services.acting_for import may_revoke_for
from app.services.descendants import Descendants, count_descendants, hold_descendants, revoke_descendants
from app.services.held_tokens import BySecret, Claim, HeldTokens
from app.services.listing import refuse_unless_handle
from app.services.named_users import held_user
from app.services.permitting import refuse_unless_allowed
from app.services.verifying import TokenVerifier
from app.storage import access_tokens, both_tiers, refresh_tokens, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.made_with import Made
from app.storage.refresh_tokens import Revocation, as_refresh_token
from app.storage.tables import UserRow


@dataclass(frozen=True)
class Revoked:
    """How many tokens of each tier were revoked; `descendants`: how many of them because they were made with others."""

    refresh_tokens: int
    access_tokens: int
    descendants: int = 0

    def __str__(self) -> str:
        """Such as "2 refresh tokens and 1 access token"."""
        return f"{count_of(self.refresh_tokens, 'refresh token')} and {count_of(self.access_tokens, 'access token')}"


@dataclass(frozen=True)
class _Held:
    """The token of a presented secret, replaced or not. `refresh_token_id`: None for an access token.

    `client_id`: the public id of the refresh token that it is, or is an access token of.
    """

    public_id: str
    owner_id: int
    owner_name: str
    client_id: str | None
    refresh_token_id: int | None = None

    @property
    def credential(self) -> Credential:
        is_access_token = self.refresh_token_id is None
        kind = CredentialKind.ACCESS_TOKEN if is_access_token else CredentialKind.REFRESH_TOKEN
        return Credential(kind, self.public_id)


class Revoking:
    """Revokes tokens by secret, by public id, or all of a user."""

    def __init__(self, database: Database, clock: Clock, held_tokens: HeldTokens, verifier: TokenVerifier) -> None:
        self._database = database
        self._clock = clock
        self._held_tokens = held_tokens
        self._verifier = verifier

    def revoke_access_tokens(self, claim: Claim, caller: Caller) -> RefreshToken:
        """Revoke the active access tokens of a refresh token, not itself; refuses as :meth:`HeldTokens.hold`."""
        with self._database.transaction(claim.queue) as session:
            now = self._clock()
            # Held, so that a mint is wholly before (and revoked here) or wholly after.
            held = self._held_tokens.hold(session, claim, now)
            caller = caller.acting_for(held.owner, held.stored.public_id)
            revocation = Revocation(now, caller.name, "revoked with its refresh token")
            for public_id in access_tokens.revoke_under(session, [held.stored.id], revocation):
                record(session, now, caller, "access_token.revoked", ("access_token", public_id))
            return as_refresh_token(held.stored, now)

    def revoke(
        self,
        public_id: str,
        reason: str,
        caller: Caller,
        only_of: int | None = None,
        *,
        with_descendants: bool = False,
    ) -> Revoked:
        """Revoke the token with this public id, and with a refresh token its access tokens.

        `only_of`: the id of the required owner. `with_descendants`: and what was made with it, with that, and so on.
        Refuses with NotFound (unknown, or another user's), NotPermitted and BadRequest (the reason). A token that is
        revoked, and an access token that has ended, is not counted.
        """
        reason = normal_reason(reason)
        refuse_unless_handle(public_id)
        with self._database.transaction() as session:
            return self._revoke(session, public_id, reason, caller, only_of, with_descendants)

    def descendants(self, public_id: str, only_of: int | None = None) -> Descendants:
        """What was made with a token and can still be revoked. Refuses with NotFound."""
        refuse_unless_handle(public_id)
        with self._database.reading() as session:
            return count_descendants(session, _find(session, public_id, only_of), self._clock())

    def _revoke(
        self,
        session: Session,
        public_id: str,
        reason: str,
        caller: Caller,
        only_of: int | None,
        with_descendants: bool,
    ) -> Revoked:
        root = _find_and_hold_owner(session, public_id, only_of)
        refuse_unless_may_revoke(session, caller, root.user_id)
        found = hold_descendants(session, root) if with_descendants else []
        revocation = Revocation(self._clock(), caller.name, reason)
        revoked = _revoke_one(session, root, revocation, caller)
        refresh, access = revoke_descendants(session, found, root, revocation, caller)
        return Revoked(revoked.refresh_tokens + refresh, revoked.access_tokens + access, refresh + access)

    def revoke_secret(
        self,
        secret: str,
        reason: str,
        caller: Caller,
        only_of: int | None = None,
        *,
        with_descendants: bool = False,
        client: Client | None = None,
    ) -> tuple[str, Revoked]:
        """Revoke the token of this secret; its public id, and the counts.

        A caller who is not authenticated acts as its owner. `client`: who may revoke itself and its access tokens.
        The rest is as for :meth:`revoke`. Refuses with TokenMalformed, TokenUnknown (also for an invented secret with a
        known public id), NotFound (another client's), NotPermitted (another user's), BadRequest (the reason), and with
        Unavailable where the token moves to another owner meanwhile.
        """
        held = self._recognise(secret)
        if client is not None and held.client_id != client.id:
            raise NotFound("token")
        if only_of is not None and only_of != held.owner_id:
            raise NotPermitted("The token is another user's.")
        reason = normal_reason(reason)
        if not caller.name:
            caller = caller.as_user(held.owner_id, held.owner_name, held.credential)
        with self._database.transaction() as session:
            # Before the refresh token, as everywhere.
            if _find_and_hold_owner(session, held.public_id, None).user_id != held.owner_id:
                raise Unavailable("the token is being moved to another owner")
            if held.refresh_token_id is not None:
                refresh_tokens.lock(session, [held.refresh_token_id])
                if self._held_tokens.find(session, BySecret(secret)).is_replaced(self._clock()):
                    return held.public_id, Revoked(0, 0)
            return held.public_id, self._revoke(session, held.public_id, reason, caller, None, with_descendants)

    def _recognise(self, secret: str) -> _Held:
        try:
            token, row = self._verifier.recognise(secret)
            return _Held(token.public_id, row.user_id, row.username, row.refresh_token_public_id)
        except TokenMalformed:  # it may be a refresh token
            pass
        with self._database.reading() as session:
            stored = self._held_tokens.find(session, BySecret(secret)).stored
            owner, _ = refresh_tokens.find_owner(session, stored.user_id)
            return _Held(stored.public_id, owner.id, owner.username, stored.public_id, stored.id)

    def revoke_user(self, username: str, reason: str, caller: Caller) -> Revoked:
        """Revoke all tokens of a user. Refuses with NotFound, NotPermitted and BadRequest (the reason)."""
        reason = normal_reason(reason)
        with self._database.transaction() as session:
            user = held_user(session, username)
            act = Act.REVOKE_ALL_OWN if caller.user_id == user.id else Act.REVOKE_OF_OTHERS
            refuse_unless_allowed(session, act, caller)
            return revoke_tokens_of(session, user, reason, self._clock(), caller)


def revoke_tokens_of(session: Session, user: UserRow, reason: str, now: datetime, caller: Caller) -> Revoked:
    """Revoke all tokens of a user whose row is locked."""
    revocation = Revocation(now, caller.name, reason)
    # The refresh tokens first: their locks keep mints from adding access tokens.
    parents = refresh_tokens.revoke_of_user(session, user.id, revocation)
    revoked = access_tokens.revoke_of_user(session, user.id, revocation)
    detail: dict[str, str | int] = {"refresh_tokens": parents, "access_tokens": revoked}
    record(session, now, caller, "user.tokens_revoked", ("user", user.username), reason=reason, **detail)
    return Revoked(parents, revoked)


def _find(session: Session, public_id: str, only_of: int | None) -> Made:
    """The token with this public id. Refuses with NotFound."""
    found = both_tiers.find(session, public_id)
    if found is None or only_of not in (None, found.user_id):
        raise NotFound("token")
    return Made(found.kind, found.id, public_id, found.parent, found.user_id)


def _find_and_hold_owner(session: Session, public_id: str, only_of: int | None) -> Made:
    """The same while the row of its owner is locked, so that it is not moved to another one meanwhile."""
    found, held = _find(session, public_id, only_of), None
    while found.user_id != held:
        held = found.user_id
        users.lock(session, held)
        found = _find(session, public_id, only_of)
    return found


def _revoke_one(session: Session, token: Made, revocation: Revocation, caller: Caller) -> Revoked:
    """The token itself, and with a refresh token its access tokens."""
    if token.kind == TokenKind.REFRESH:
        parents = refresh_tokens.revoke_each(session, [token.id], revocation)
        revoked = access_tokens.revoke_under(session, parents, revocation)
        if parents:
            detail: dict[str, str | int] = {"reason": revocation.reason, "access_tokens": len(revoked)}
            subject = ("refresh_token", token.public_id)
            record(session, revocation.at, caller, "refresh_token.revoked", subject, **detail)
        return Revoked(len(parents), len(revoked))
    row = access_tokens.find(session, token.public_id)
    if row is None:
        raise NotFound("token")
    if access_tokens.is_revoked(session, row):  # or it ended with its refresh token, and its row does not say so yet
        return Revoked(0, 0)
    is_final = row.status in FINAL
    revoked = access_tokens.revoke_each(session, [row.id], revocation)
    if not is_final:  # one that has expired is revoked for clocks by which it has not
        subject = ("access_token", token.public_id)
        record(session, revocation.at, caller, "access_token.revoked", subject, reason=revocation.reason)
    return Revoked(0, len(revoked))


def refuse_unless_may_revoke(session: Session, caller: Caller, owner_id: int) -> None:
    """Refuse with NotPermitted who may not revoke a token of this owner."""
    if caller.user_id == owner_id:
        act = Act.REVOKE_OWN
    else:
        act = Act.REVOKE_OF_SERVICE_ACCOUNT if may_revoke_for(session, caller, owner_id) else Act.REVOKE_OF_OTHERS
    refuse_unless_allowed(session, act, caller)


def normal_reason(reason: str) -> str:
    """The reason of a revocation, in NFC. Refuses with BadRequest an invalid one."""
    return normal_text("reason", reason, name="A reason")

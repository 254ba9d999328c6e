"""Revoking: ending tokens for good, at once, on every worker.

A revocation is effective for every check that begins after it was committed. Here belong the acts that end
tokens. Not here: expiry (``expiring``), and disabling a user, which can be undone (``accounts``).
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import NotFound, NotPermitted, TokenMalformed
from app.domain.identity import Caller, canonical_username
from app.domain.text import refuse_unprintable
from app.domain.tokens import RefreshToken
from app.services.held_tokens import BySecret, Claim, HeldTokens
from app.services.listing import refuse_unless_handle
from app.services.verifying import TokenVerifier
from app.storage import access_tokens, refresh_tokens, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation, as_refresh_token


@dataclass(frozen=True)
class Ended:
    """How many tokens of each tier an act ended."""

    refresh_tokens: int
    access_tokens: int


@dataclass(frozen=True)
class _Held:
    """The token whose secret somebody holds, or held before regeneration; `refresh_token_id`: None for other tokens."""

    public_id: str
    owner_id: int
    owner_name: str
    refresh_token_id: int | None = None


class Revoking:
    """Ends tokens: by the secret, by public id, or all of a user."""

    def __init__(self, database: Database, clock: Clock, held_tokens: HeldTokens, verifier: TokenVerifier) -> None:
        self._database = database
        self._clock = clock
        self._held_tokens = held_tokens
        self._verifier = verifier

    def revoke_access_tokens(self, claim: Claim, caller: Caller) -> RefreshToken:
        """Revoke what is active under a refresh token; the refresh token stays usable. Doing it twice is harmless.

        Refuses as :meth:`HeldTokens.hold`.
        """
        with self._database.transaction(claim.queue) as session:
            now = self._clock()
            # Held, so that a mint is wholly before (and revoked here) or wholly after.
            held = self._held_tokens.hold(session, claim, now)
            caller = caller.acting_for(held.owner)
            revocation = Revocation(now, caller.name, "revoked with its refresh token")
            for public_id in access_tokens.revoke_under(session, [held.stored.id], revocation):
                record(session, now, caller, "access_token.revoked", ("access_token", public_id))
            return as_refresh_token(held.stored, now)

    def revoke(self, public_id: str, reason: str, caller: Caller, only_of: int | None = None) -> Ended:
        """End the token with this public id; a refresh token takes its access tokens with it.

        `only_of`: the user whose it must be. Refuses with NotFound (for others' as well), and with BadRequest (the
        reason). What is revoked already, and an access token that has ended, stays as it is and counts as none.
        """
        refuse_bad_reason(reason)
        refuse_unless_handle(public_id)
        with self._database.transaction() as session:
            return self._end(session, public_id, reason, caller, only_of)

    def _end(self, session: Session, public_id: str, reason: str, caller: Caller, only_of: int | None = None) -> Ended:
        now = self._clock()
        revocation = Revocation(now, caller.name, reason)
        parent = refresh_tokens.find(session, public_id)
        if parent is not None and only_of in (None, parent.user_id):
            found = refresh_tokens.revoke_each(session, [parent.id], revocation)
            ended = access_tokens.revoke_under(session, found, revocation)
            if found:
                detail: dict[str, str | int] = {"reason": reason, "access_tokens": len(ended)}
                record(session, now, caller, "refresh_token.revoked", ("refresh_token", public_id), **detail)
            return Ended(len(found), len(ended))
        row = access_tokens.find(session, public_id)
        if row is None or only_of not in (None, row.user_id):
            raise NotFound("token")
        ended = access_tokens.revoke_each(session, [row.id], revocation)
        if ended:
            subject = ("access_token", public_id)
            record(session, now, caller, "access_token.revoked", subject, reason=reason)
        return Ended(0, len(ended))

    def revoke_secret(self, secret: str, reason: str, caller: Caller, only_of: int | None = None) -> tuple[str, Ended]:
        """End the token whose secret is presented; its public id, and what ended.

        Whoever presents it holds it, or found it somewhere it should not be: when nobody is known, the caller is
        taken for its owner. `only_of`: the user whose it must be. Refuses with TokenUnknown where it is not the
        secret of a token of ours (a made-up one with a known public id ends nothing), and with NotPermitted.
        """
        held = self._recognise(secret)
        if only_of is not None and only_of != held.owner_id:
            raise NotPermitted("The token is somebody else's.")
        refuse_bad_reason(reason)
        if not caller.name:
            caller = caller.as_user(held.owner_id, held.owner_name)
        with self._database.transaction() as session:
            if held.refresh_token_id is not None:
                refresh_tokens.lock(session, [held.refresh_token_id])
                if self._held_tokens.find(session, BySecret(secret)).replaced_at is not None:
                    return held.public_id, Ended(0, 0)  # regenerated, a moment ago perhaps: this secret is dead already
            return held.public_id, self._end(session, held.public_id, reason, caller)

    def _recognise(self, secret: str) -> _Held:
        try:
            token, row = self._verifier.recognise(secret)
            return _Held(token.public_id, row.user_id, row.username)
        except TokenMalformed:  # then it may be a refresh token's
            pass
        with self._database.reading() as session:
            stored = self._held_tokens.find(session, BySecret(secret)).stored
            owner, _ = refresh_tokens.find_owner(session, stored.user_id)
            return _Held(stored.public_id, owner.id, owner.username, stored.id)

    def revoke_user(self, username: str, reason: str, caller: Caller) -> Ended:
        """End every token of a user, of both tiers. Refuses with NotFound, and with BadRequest (the reason)."""
        refuse_bad_reason(reason)
        with self._database.transaction() as session:
            now = self._clock()
            user = users.find_and_lock(session, canonical_username(username) or "")
            if user is None:
                raise NotFound("user")
            revocation = Revocation(now, caller.name, reason)
            # The refresh tokens first: their locks keep mints from adding to what is ended next.
            parents = refresh_tokens.revoke_of_user(session, user.id, revocation)
            ended = access_tokens.revoke_of_user(session, user.id, revocation)
            detail: dict[str, str | int] = {"refresh_tokens": len(parents), "access_tokens": len(ended)}
            subject = ("user", user.username)
            record(session, now, caller, "user.tokens_revoked", subject, reason=reason, **detail)
            return Ended(len(parents), len(ended))


def refuse_bad_reason(reason: str) -> None:
    """Refuse with BadRequest what can't be kept as the reason of a revocation."""
    refuse_unprintable("reason", reason, name="A reason")

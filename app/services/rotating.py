"""Rotating refresh tokens: a new secret, beside which the one before works for an overlap (docs/derived-secrets.md).

Not here: regenerating, which ends every secret and every access token at once (``issuing``).
"""

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock, utc_text
from app.domain.errors import Conflict, NotFound
from app.domain.identity import Caller
from app.domain.ladder import Act
from app.domain.rotation import Secrets, SecretUse, possible_successors_of, secrets_of, successor_of
from app.domain.secrets import KeyRing, TokenFormat, new_token_text
from app.domain.tokens import Issued, RefreshToken, TokenKind, secret_made_at
from app.services import budgets
from app.services.held_tokens import BySecret, Claim, HeldToken, HeldTokens
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.issuing import renewed_until
from app.services.listing import refuse_unless_handle
from app.services.permitting import permit
from app.services.revoking import refuse_unless_may_revoke
from app.storage import new_secrets, refresh_tokens, secret_uses
from app.storage.audit import record
from app.storage.database import Database
from app.storage.made_with import Maker, created_with
from app.storage.refresh_tokens import StoredRefreshToken, as_refresh_token, old_secret_until

SHOWN_ELSEWHERE = (
    "This token was rotated by its owner, or with another key; its new secret was shown there. "
    "The old secret works until {}."
)


class Rotating:
    """Rotates refresh tokens, and ends the old secret of rotated ones."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ring: KeyRing,
        format: TokenFormat,
        held_tokens: HeldTokens,
        idempotency: Idempotency,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format
        self._held_tokens = held_tokens
        self._idempotency = idempotency

    def rotate(self, claim: Claim, caller: Caller, key: IdempotencyKey | None = None) -> Issued[RefreshToken]:
        """Give a refresh token a new secret and a full lifetime; the present one works on for the overlap.

        The one before that stops at once. By its secret: the new one is derived from it, so that the old one is given
        the same again, during the overlap, and changes nothing; `key` is not needed then, and ignored. By its public
        id, the new one is random. The lifetime is as after a regeneration; what made the present secret limits the new
        one, too. Access tokens are not affected. Refuses as :meth:`HeldTokens.hold`, with NotPermitted, with
        RateLimited, and with Conflict an old secret whose new one can't be derived, and another request under the same
        `key`. Raises Repeated.
        """
        if isinstance(claim, BySecret):
            with self._database.reading() as session:
                held, now = self._held_tokens.examine(session, claim)
                if held.is_old:
                    return self._again(held, now)
        with self._database.transaction(claim.queue) as session:
            maker = permit(session, Act.ROTATE, caller, claim, self._clock())
            held = self._held_tokens.hold(session, claim, self._clock())
            now = self._clock()
            if held.is_old:  # another request rotated it during the wait for the lock
                return self._again(held, now)
            if not isinstance(claim, BySecret):
                subject = ("refresh_token", held.stored.public_id)
                self._idempotency.refuse_repeat(session, key, held.owner.id, subject, now)
            return self._rotate(session, held, caller, maker, now)

    def _again(self, held: HeldToken, now: datetime) -> Issued[RefreshToken]:
        """The secret that was derived from this old one."""
        row, until = held.stored, held.stored.previous_until
        assert held.text is not None and until is not None
        for text in possible_successors_of(self._ring, held.text, held.secret_number):
            if self._ring.verifies(text, row.key_id, row.mac):
                return Issued(as_refresh_token(row, now), self._format.compose(text))
        raise Conflict(SHOWN_ELSEWHERE.format(utc_text(until, "seconds")))

    def _rotate(
        self, session: Session, held: HeldToken, caller: Caller, maker: Maker, now: datetime
    ) -> Issued[RefreshToken]:
        row, policy = held.stored, held.policy
        budgets.refuse_when_spent(session, row, now, is_mint=False)
        budgets.spend_creation(session, policy, held.owner.id, caller, now)
        expires_at = renewed_until(held, now, row.renewable_until, maker.until)
        if held.text is None:
            text = new_token_text(TokenKind.REFRESH).with_public_id(row.public_id)
        else:
            text = successor_of(self._ring, held.text, held.secret_number)
        until = min(now + policy.refresh_token_overlap, expires_at)
        row = new_secrets.rotate(session, row, self._ring.sign(text), now, expires_at, until, maker)
        budgets.refuse_overspent(row, policy, now, is_mint=False)
        caller, subject = caller.acting_for(held.owner, row.public_id), ("refresh_token", row.public_id)
        detail = {"old_secret_until": utc_text(until)} | created_with(maker)
        record(session, now, caller, "refresh_token.rotated", subject, **detail)
        return Issued(as_refresh_token(row, now), self._format.compose(text))

    def secrets(self, public_id: str, only_of: int | None = None) -> Secrets:
        """The secrets of a refresh token and their uses. Refuses with NotFound (unknown, or another owner's)."""
        with self._database.reading() as session:
            row, now = _find(session, public_id, only_of), self._clock()
            until = old_secret_until(row, now)
            if until is not None:
                return secrets_of(row.secret_number, until, secret_uses.of_token(session, row.id))
        begun = secret_made_at(row.created_at, row.regenerated_at, row.rotated_at)
        if row.last_used_at is None or row.last_used_at < begun:
            return Secrets()
        return Secrets(SecretUse(row.secret_number, row.last_used_at, row.last_used_ip, row.last_used_agent))

    def end_old_secret(self, public_id: str, caller: Caller, only_of: int | None = None) -> RefreshToken:
        """End the old secret of a rotated refresh token, by any clock; where there is none, nothing changes.

        `only_of`: the id of the required owner. Refuses with NotFound (unknown, or another user's) and NotPermitted.
        """
        with self._database.transaction() as session:
            found = _find(session, public_id, only_of)
            refuse_unless_may_revoke(session, caller, found.user_id)
            refresh_tokens.lock(session, [found.id])
            row, now = _find(session, public_id, only_of), self._clock()
            if row.previous_mac is not None:  # also one that is over, for clocks by which it is not
                row = new_secrets.end_old_secret(session, row, now)
                record(session, now, caller, "refresh_token.old_secret_ended", ("refresh_token", public_id))
            return as_refresh_token(row, now)


def _find(session: Session, public_id: str, only_of: int | None) -> StoredRefreshToken:
    refuse_unless_handle(public_id)
    row = refresh_tokens.find(session, public_id)
    if row is None or only_of not in (None, row.user_id):
        raise NotFound("token")
    return row

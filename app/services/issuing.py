"""Issuing: creating and regenerating refresh tokens."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.credentials import BY_PASSWORD
from app.domain.errors import BadCredentials, BadRequest, LimitReached, NotPermitted, TokenExpired
from app.domain.identity import Caller
from app.domain.ladder import Act
from app.domain.policy import Policy
from app.domain.reissue import Reissue
from app.domain.secrets import KeyRing, TokenFormat, TokenText, new_token_text
from app.domain.text import count_of, normal_description, normal_name
from app.domain.tokens import Issued, RefreshToken, TokenKind, capped, life_limit
from app.services import budgets
from app.services.accounts import Accounts
from app.services.acting_for import lock_both
from app.services.held_tokens import BySecret, Claim, HeldToken, HeldTokens
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.instance_settings import read_policy
from app.services.permitting import hold_maker, permit, refuse_unless_may_create_for
from app.storage import access_tokens, new_secrets, refresh_tokens, users
from app.storage.audit import record
from app.storage.database import Database
from app.storage.made_with import created_with
from app.storage.refresh_tokens import Revocation, as_refresh_token
from app.storage.tables import UserRow

NOTHING: Mapping[str, str] = {}
CREATING_IS_DISABLED = "Creating refresh tokens is disabled for this account."


class Issuing:
    """Issues and regenerates refresh tokens."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ring: KeyRing,
        format: TokenFormat,
        held_tokens: HeldTokens,
        accounts: Accounts,
        idempotency: Idempotency,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format
        self._held_tokens = held_tokens
        self._accounts = accounts
        self._idempotency = idempotency

    def issue_with_password(
        self, username: str, password: str, name: str, caller: Caller, reissue: Reissue | None = None
    ) -> Issued[RefreshToken]:
        """Create a refresh token for the user with this name and password.

        Refuses as :meth:`Accounts.authenticate` and :meth:`issue`, and with NotPermitted while ``password_api_enabled``
        is off.
        """
        name = normal_name(name)
        with self._database.reading() as session:
            if not read_policy(session).password_api_enabled:
                raise NotPermitted(CREATING_IS_DISABLED)
        while True:
            proof = self._accounts.authenticate(username, password, caller)
            with self._database.transaction(proof.user.username) as session:
                owner = users.get_and_lock(session, proof.user.id)
                if owner is None:
                    raise BadCredentials
                if owner.password_hash != proof.digest:  # changed meanwhile: check the password again
                    continue
                owner.last_login_at = self._clock()
                known = caller.as_user(owner.id, owner.username, BY_PASSWORD)
                text = new_token_text(TokenKind.REFRESH)
                return self._issue(session, read_policy(session), owner, name, text, known, reissue, about=proof.detail)

    def issue(
        self,
        user_id: int,
        name: str,
        caller: Caller,
        key: IdempotencyKey | None = None,
        *,
        reissue: Reissue | None = None,
        lifetime_days: int | None = None,
        description: str | None = None,
    ) -> Issued[RefreshToken]:
        """Create a refresh token called `name` (not necessarily unique) for an authenticated user, or by one who
        answers for the service account `user_id`.

        Made with an access token, it expires with that at the latest. `reissue`: its own reissue policy;
        `lifetime_days`: its own lifetime; None for those of the instance. Refuses with BadRequest (the name; fields
        ``description``, and ``expires_in_days``: less than a day, or longer than the instance's), BadCredentials (the
        user is disabled), NotPermitted, LimitReached (too many active ones) and Conflict (another request under the
        same `key`). Raises Repeated.
        """
        name = normal_name(name)
        description = normal_description(description)
        text = new_token_text(TokenKind.REFRESH)
        with self._database.transaction(caller.name) as session:
            # Locks the user's row: of two at once, the second counts the first.
            lock_both(session, caller, user_id)
            refuse_unless_may_create_for(session, Act.CREATE_REFRESH_TOKEN, caller, user_id)
            owner = users.get_and_lock(session, user_id)
            if owner is None:
                raise BadCredentials
            policy = read_policy(session)
            _refuse_bad_lifetime(policy, lifetime_days)
            subject = ("refresh_token", text.public_id)
            self._idempotency.refuse_repeat(session, key, user_id, subject, self._clock())
            return self._issue(session, policy, owner, name, text, caller, reissue, lifetime_days, description)

    def regenerate(self, claim: Claim, caller: Caller, key: IdempotencyKey | None = None) -> Issued[RefreshToken]:
        """Give a refresh token a new secret and a full lifetime; its access tokens are revoked.

        The lifetime is the one chosen when it was created, or the instance's if that is shorter. It may have expired.
        What an access token made or regenerated expires with that at the latest, however often its own secret renews
        it. Refuses as :meth:`HeldTokens.hold` (with `allow_expired`), with NotPermitted, and with Conflict another
        request under the same `key`. Raises Repeated.
        """
        with self._database.transaction(claim.queue) as session:
            maker = permit(session, Act.REGENERATE, caller, claim, self._clock())
            held = self._held_tokens.hold(session, claim, self._clock(), allow_expired=True)
            now = self._clock()  # after the wait for the lock: mints until here had the old secret
            row = held.stored
            subject = ("refresh_token", row.public_id)
            self._idempotency.refuse_repeat(session, key, held.owner.id, subject, now)
            budgets.spend_creation(session, held.policy, held.owner.id, caller, now)
            text = new_token_text(TokenKind.REFRESH).with_public_id(row.public_id)
            by_itself = isinstance(claim, BySecret)
            expires_at = renewed_until(held, now, row.renewable_until if by_itself else maker.until)
            mac = self._ring.sign(text)
            row = new_secrets.regenerate(session, row, mac, now, expires_at, None if by_itself else maker)
            caller = caller.acting_for(held.owner, row.public_id)
            revocation = Revocation(now, caller.name, "its refresh token was regenerated")
            revoked = access_tokens.revoke_under(session, [row.id], revocation)
            detail = {"access_tokens": len(revoked)} | created_with(maker)
            record(session, now, caller, "refresh_token.regenerated", subject, **detail)
            return Issued(as_refresh_token(row, now), self._format.compose(text))

    def _issue(
        self,
        session: Session,
        policy: Policy,
        owner: UserRow,
        name: str,
        text: TokenText,
        caller: Caller,
        reissue: Reissue | None,
        lifetime_days: int | None = None,
        description: str | None = None,
        about: Mapping[str, str] = NOTHING,
    ) -> Issued[RefreshToken]:
        """`about`: further details for the audit log."""
        now = self._clock()
        if not policy.allows_refresh_tokens(users.as_user(owner)):
            raise NotPermitted(CREATING_IS_DISABLED)
        limit = policy.max_refresh_tokens_per_user
        if refresh_tokens.count_active(session, owner.id, now) >= limit:
            raise LimitReached("active refresh tokens", limit)
        budgets.spend_creation(session, policy, owner.id, caller, now)
        maker = hold_maker(session, caller, owner.id, now)
        expires_at = capped(now + policy.refresh_token_lifetime(lifetime_days), maker.until)
        mac = self._ring.sign(text)
        row = refresh_tokens.add(
            session, text, mac, owner.id, name, now, expires_at, reissue, maker, lifetime_days, description
        )
        subject = ("refresh_token", row.public_id)
        detail = {"owner": owner.username, "name": name} | created_with(maker)
        chosen = {} if lifetime_days is None else {"lifetime_days": lifetime_days}
        record(session, now, caller, "refresh_token.created", subject, **detail, **chosen, **about)
        return Issued(as_refresh_token(row, now), self._format.compose(text))


def renewed_until(held: HeldToken, now: datetime, *limits: datetime | None) -> datetime:
    """When a refresh token expires that is rotated or regenerated now. Refuses with TokenExpired what can't be.

    `limits`: of what made its secrets; None is none.
    """
    row, policy = held.stored, held.policy
    longest = life_limit(row.created_at, row.expires_at, policy.refresh_token_max_life)
    expires_at = now + policy.refresh_token_lifetime(row.lifetime_days)
    for limit in (longest, *limits):
        expires_at = capped(expires_at, limit)
    if expires_at <= now:
        raise TokenExpired(TokenKind.REFRESH, row.public_id, row.expires_at)
    return expires_at


def _refuse_bad_lifetime(policy: Policy, days: int | None) -> None:
    longest = policy.refresh_token_lifespan.days
    if days is None or 1 <= days <= longest:
        return
    what = "A lifetime is at least 1 day" if days < 1 else f"The longest lifetime here is {count_of(longest, 'day')}"
    raise BadRequest(f"{what}.", {"expires_in_days": [f"{what}."]})

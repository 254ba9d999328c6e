"""Single-tier API tokens: access tokens without a refresh token, with a lifetime chosen by the user.

Here belong creating, listing and deleting a user's own. Not here: the check (``verifying``), the same for all access
tokens, and the administration of tokens (``revoking``, ``listing``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, FeatureOff, LimitReached, NotFound, NotPermitted
from app.domain.identity import Caller
from app.domain.ladder import Act
from app.domain.policy import LONGEST_LIFETIME, Policy
from app.domain.secrets import KeyRing, TokenFormat, new_token_text
from app.domain.text import normal_text
from app.domain.tokens import AccessToken, Issued, TokenKind
from app.services import budgets
from app.services.acting_for import is_for_another, lock_both
from app.services.descendants import hold_descendants, revoke_descendants
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.instance_settings import read_policy
from app.services.permitting import hold_maker, refuse_unless_allowed, refuse_unless_may_create_for
from app.services.revoking import refuse_unless_may_revoke
from app.storage import access_tokens, single_tier, users
from app.storage.access_tokens import as_access_token
from app.storage.audit import record
from app.storage.database import Database
from app.storage.made_with import Made, Maker, created_with
from app.storage.refresh_tokens import Revocation
from app.storage.tables import AccessTokenRow, UserRow

FEATURE_OFF = (
    "API tokens are turned off. A server administrator can turn them on: daypass conf api_tokens_enabled -s on."
)
NOT_PERMITTED = (
    "API access tokens are not enabled for this account. A server administrator can enable them for one user "
    "(daypass user allow-tokens NAME) or for all users (daypass conf api_tokens_for_users -s on)."
)


BY_ANOTHER = "deleted by an administrator"

USUAL_LIST, LONGEST_LIST = 1_000, 10_000
"""How many tokens one answer holds: without a limit of the client's, and with any."""


@dataclass(frozen=True)
class OwnTokens:
    """Some of a user's tokens, oldest first; `count`: of all, if requested."""

    items: list[AccessToken]
    count: int | None


class SingleTierTokens:
    """Creates, lists and deletes them. `user_id`: of the authenticated user."""

    def __init__(
        self, database: Database, clock: Clock, ring: KeyRing, format: TokenFormat, idempotency: Idempotency
    ) -> None:
        self._idempotency = idempotency
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format

    def refuse_while_off(self) -> None:
        """Refuse with FeatureOff while ``api_tokens_enabled`` is off."""
        with self._database.reading() as session:
            _refuse_while_off(read_policy(session))

    def refuse_unless_may_generate(self, user_id: int) -> None:
        """Refuse with FeatureOff or NotPermitted a user who may not create any."""
        with self._database.reading() as session:
            policy = read_policy(session)
            _refuse_while_off(policy)
            owner = users.get(session, user_id)
            if owner is not None:
                _refuse_unless_permitted(policy, owner)

    def generate(
        self,
        user_id: int,
        lifetime: timedelta | None,
        description: str | None,
        caller: Caller,
        key: IdempotencyKey | None = None,
    ) -> Issued[AccessToken]:
        """Create a token with this lifetime; None is unlimited.

        Made with an API token, it gets no longer one than that has, so that programs can renew their tokens in time;
        what was made with an access token of a refresh token does not outlive that, however often it is renewed.

        Refuses with BadRequest (``lifetime``, ``description``), FeatureOff, NotPermitted, BadCredentials (the user is
        disabled), LimitReached, RateLimited, Conflict (another request under the same `key`). Raises Repeated.
        """
        description = description and normal_text("description", description, name="A description")
        text = new_token_text(TokenKind.ACCESS)
        with self._database.transaction() as session:
            now = self._clock()
            lock_both(session, caller, user_id)
            policy = read_policy(session)
            _refuse_while_off(policy)
            owner = _lock_owner(session, policy, user_id, caller)
            _refuse_bad_lifetime(policy, lifetime)
            maker = hold_maker(session, caller, user_id, now)
            subject = ("access_token", text.public_id)
            self._idempotency.refuse_repeat(session, key, user_id, subject, now)
            _refuse_beyond(maker, lifetime, now)
            _refuse_at_the_limit(session, policy, user_id, now)
            budgets.spend_creation(session, policy, user_id, caller, now)
            expires_at = None if lifetime is None else now + lifetime
            token = access_tokens.add(
                session, text, self._ring.sign(text), user_id, now, expires_at, description=description,
                created_with=maker.public_id, renewable_until=maker.renewable_until,
            )  # fmt: skip
            detail = {"owner": owner.username} | created_with(maker)
            record(session, now, caller, "access_token.created", subject, **detail)
        return Issued(token, self._format.compose(text))

    def list_tokens(
        self, user_id: int, limit: int | None = None, offset: int = 0, *, counted: bool = False
    ) -> OwnTokens:
        """Those of a user, including expired ones, without deleted ones; at most 1,000 unless `limit` asks for more."""
        limit = min(USUAL_LIST if limit is None else limit, LONGEST_LIST)
        now = self._clock()
        with self._database.reading() as session:
            rows = single_tier.of_user(session, user_id, now, limit, offset)
            count = single_tier.count_of_user(session, user_id, now) if counted else None
        return OwnTokens([as_access_token(row, now) for row in rows], count)

    def get(self, uuid: str, only_of: int | None) -> AccessToken:
        """The token with this UUID. `only_of`: the id of the required owner, if any. Refuses with NotFound."""
        with self._database.reading() as session:
            now = self._clock()
            return as_access_token(_existing(session, uuid, only_of, now), now)

    def delete(
        self,
        uuid: str,
        caller: Caller,
        only_of: int | None,
        *,
        with_descendants: bool = False,
        because: str = BY_ANOTHER,
    ) -> int:
        """Revoke one, and list it no more: its owner's page shows only what somebody else deleted. `only_of`: the id of
        the required owner, if any. `because`: the reason where another than its owner does it.

        `with_descendants`: and what was made with it, with that, and so on; how many of them were revoked. Refuses with
        NotFound and NotPermitted.
        """
        with self._database.transaction() as session:
            now = self._clock()
            row = _existing(session, uuid, only_of, now)
            refuse_unless_may_revoke(session, caller, row.user_id)
            root = Made(TokenKind.ACCESS, row.id, row.public_id, None, row.user_id)
            reason = single_tier.DELETED if caller.user_id == row.user_id else because
            revocation = Revocation(now, caller.name, reason)
            if with_descendants:
                users.lock(session, row.user_id)
            found = hold_descendants(session, root) if with_descendants else []
            ended = sum(revoke_descendants(session, found, root, revocation, caller))
            revoked = single_tier.delete(session, row, revocation)
            if not revoked:  # deleted meanwhile
                raise NotFound("token")
            record(session, now, caller, "access_token.revoked", ("access_token", row.public_id), reason=reason)
            return ended


def _existing(session: Session, uuid: str, only_of: int | None, now: datetime) -> AccessTokenRow:
    row = single_tier.find(session, _canonical(uuid), now)
    if row is None or only_of not in (None, row.user_id):
        raise NotFound("token")
    return row


def _canonical(uuid: str) -> str:
    """Lower case: a UUID is case-insensitive (RFC 9562, section 4). Empty where it is none."""
    try:
        canonical = str(UUID(uuid))
        return canonical if canonical == uuid.lower() else ""  # Python takes other spellings too
    except ValueError:
        return ""


def _refuse_while_off(policy: Policy) -> None:
    if not policy.api_tokens_enabled:
        raise FeatureOff(FEATURE_OFF)


def _lock_owner(session: Session, policy: Policy, user_id: int, caller: Caller) -> UserRow:
    """The locked row of who gets the token, if the caller may create it and the owner may have it.

    For oneself the permission is looked at first, as Trifacta does; for another, whether one answers for them.
    """
    acts_for_another = is_for_another(caller, user_id)
    if acts_for_another:
        refuse_unless_may_create_for(session, Act.CREATE_API_TOKEN, caller, user_id)
    owner = users.get_and_lock(session, user_id)
    if owner is None:
        raise BadCredentials
    _refuse_unless_permitted(policy, owner)
    if not acts_for_another:
        refuse_unless_allowed(session, Act.CREATE_API_TOKEN, caller)
    return owner


def _refuse_unless_permitted(policy: Policy, owner: UserRow) -> None:
    if not policy.allows_api_tokens(users.as_user(owner)):
        raise NotPermitted(NOT_PERMITTED)


def _refuse_at_the_limit(session: Session, policy: Policy, owner_id: int, now: datetime) -> None:
    limit = policy.max_api_tokens_per_user
    if single_tier.count_of_user(session, owner_id, now) >= limit:
        raise LimitReached("API tokens", limit)


def _refuse_bad_lifetime(policy: Policy, lifetime: timedelta | None) -> None:
    longest = policy.api_token_max_lifetime
    if lifetime is None and longest is not None:
        _refuse_lifetime(f"Tokens that never expire are not allowed here; the longest lifetime is {longest.days} days.")
    if lifetime is not None and lifetime <= timedelta(0):
        _refuse_lifetime("A lifetime is positive, or -1 for never.")
    if lifetime is not None and lifetime > (longest or LONGEST_LIFETIME):
        _refuse_lifetime(f"The longest lifetime is {(longest or LONGEST_LIFETIME).days} days.")


def _refuse_beyond(maker: Maker, lifetime: timedelta | None, now: datetime) -> None:
    """Not shortened: a client expects exactly the lifetime that it requested."""
    left = None if maker.renewable_until is None else maker.renewable_until - now
    limits = [each for each in (maker.lifetime, left) if each is not None]
    if not limits or (lifetime is not None and lifetime <= min(limits)):
        return
    seconds = int(min(limits).total_seconds())
    why = "does not outlive that one's refresh token" if min(limits) == left else "lives no longer than that one"
    _refuse_lifetime(f"A token created with an access token {why}: the longest lifetime is {seconds} seconds.")


def _refuse_lifetime(message: str) -> NoReturn:
    raise BadRequest(message, {"lifetime": [message]})

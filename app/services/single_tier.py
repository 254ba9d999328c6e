"""Single-tier API tokens: access tokens without a refresh token, with a lifetime their user chooses.

Here belong making, listing and deleting one's own, and who may. Not here: the check (``verifying``), which is the
same for every access token, and what administrators do to tokens of both sorts (``revoking``, ``listing``).
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, FeatureOff, NotFound, NotPermitted
from app.domain.identity import Caller
from app.domain.policy import LONGEST_LIFETIME, Policy
from app.domain.secrets import KeyRing, TokenFormat, new_token_text
from app.domain.text import refuse_unprintable
from app.domain.tokens import AccessToken, Issued, TokenKind
from app.services.idempotency import Idempotency, Once
from app.services.instance_settings import read_policy
from app.storage import access_tokens, users
from app.storage.access_tokens import as_access_token
from app.storage.audit import record
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation
from app.storage.tables import AccessTokenRow, UserRow

FEATURE_OFF = (
    "API tokens are turned off. A server administrator can turn them on: daypass conf api_tokens_enabled -s on."
)
NOT_PERMITTED = (
    "API access tokens are not enabled for this account. A server administrator can enable them for one user "
    "(daypass user allow-tokens NAME) or for everybody (daypass conf api_tokens_for_users -s on)."
)


@dataclass(frozen=True)
class OwnTokens:
    """Some of a user's tokens, oldest first; `count` of all there are, where it was asked for."""

    items: list[AccessToken]
    count: int | None


class SingleTierTokens:
    """What users do with their own. `user_id`: whoever has proved to be that user."""

    def __init__(
        self, database: Database, clock: Clock, ring: KeyRing, format: TokenFormat, idempotency: Idempotency
    ) -> None:
        self._idempotency = idempotency
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format

    def refuse_while_off(self) -> None:
        """Refuse with FeatureOff while an administrator has turned such tokens off."""
        with self._database.reading() as session:
            _refuse_while_off(read_policy(session))

    def refuse_unless_may_generate(self, user_id: int) -> None:
        """Refuse with FeatureOff or NotPermitted a user who may not make any."""
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
        once: Once | None = None,
    ) -> Issued[AccessToken]:
        """A new token that lives for `lifetime`; None is for ever.

        Refuses with BadRequest (fields ``lifetime``, ``description``), FeatureOff, NotPermitted, BadCredentials (the
        user was deactivated meanwhile), and Conflict (another request under the key of `once`). Raises Repeated.
        """
        refuse_unprintable("description", description or "", name="A description")
        text = new_token_text(TokenKind.ACCESS)
        with self._database.transaction() as session:
            now = self._clock()
            owner = users.get_and_lock(session, user_id)
            if owner is None:
                raise BadCredentials
            policy = read_policy(session)
            _refuse_while_off(policy)
            _refuse_unless_permitted(policy, owner)
            _refuse_bad_lifetime(policy, lifetime)
            subject = ("access_token", text.public_id)
            self._idempotency.refuse_repeat(session, once, user_id, subject, now)
            expires_at = None if lifetime is None else now + lifetime
            mac = self._ring.sign(text)
            token = access_tokens.add(session, text, mac, user_id, now, expires_at, description=description)
            record(session, now, caller, "access_token.created", subject, owner=owner.username)
        return Issued(token, self._format.compose(text))

    def own(self, user_id: int, limit: int | None = None, offset: int = 0, *, counted: bool = False) -> OwnTokens:
        """A user's tokens, expired ones included, deleted ones not."""
        now = self._clock()
        with self._database.reading() as session:
            rows = access_tokens.single_tier_of(session, user_id, limit, offset)
            count = access_tokens.count_single_tier_of(session, user_id) if counted else None
        return OwnTokens([as_access_token(row, now) for row in rows], count)

    def get(self, uuid: str, only_of: int | None) -> AccessToken:
        """One of them. `only_of`: whose it must be; None for anybody's. Refuses with NotFound."""
        with self._database.reading() as session:
            return as_access_token(_existing(session, uuid, only_of), self._clock())

    def delete(self, uuid: str, caller: Caller, only_of: int | None) -> None:
        """End one for good. `only_of`: whose it must be; None for administrators. Refuses with NotFound."""
        with self._database.transaction() as session:
            now = self._clock()
            row = _existing(session, uuid, only_of)
            revoked = access_tokens.delete_single_tier(session, row, Revocation(now, caller.name, "deleted"))
            if not revoked:  # by somebody else, a moment ago
                raise NotFound("token")
            record(session, now, caller, "access_token.revoked", ("access_token", row.public_id), reason="deleted")


def _existing(session: Session, uuid: str, only_of: int | None) -> AccessTokenRow:
    row = access_tokens.find_single_tier(session, _canonical(uuid))
    if row is None or only_of not in (None, row.user_id):
        raise NotFound("token")
    return row


def _canonical(uuid: str) -> str:
    """The one spelling; letter case says nothing in a UUID (RFC 9562, section 4)."""
    try:
        return str(UUID(uuid)) if len(uuid) == len(str(UUID(int=0))) else ""
    except ValueError:
        return ""


def _refuse_while_off(policy: Policy) -> None:
    if not policy.api_tokens_enabled:
        raise FeatureOff(FEATURE_OFF)


def _refuse_unless_permitted(policy: Policy, owner: UserRow) -> None:
    if not policy.allows_api_tokens(users.as_user(owner)):
        raise NotPermitted(NOT_PERMITTED)


def _refuse_bad_lifetime(policy: Policy, lifetime: timedelta | None) -> None:
    longest = policy.api_token_max_lifetime
    if lifetime is None and longest is not None:
        _refuse_lifetime(f"Tokens that never expire are not allowed here; the longest lifetime is {longest.days} days.")
    if lifetime is not None and lifetime <= timedelta(0):
        _refuse_lifetime("A lifetime is positive, or -1 for never.")
    if lifetime is not None and lifetime > (longest or LONGEST_LIFETIME):
        _refuse_lifetime(f"The longest lifetime is {(longest or LONGEST_LIFETIME).days} days.")


def _refuse_lifetime(message: str) -> NoReturn:
    raise BadRequest(message, {"lifetime": [message]})

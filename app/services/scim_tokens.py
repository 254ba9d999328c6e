"""The tokens that directories present to SCIM: creating, revoking and accepting them.

Not here: what is done with one (``provisioning``, ``provisioning_groups``).
"""

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.credentials import CredentialKind
from app.domain.errors import (
    BadRequest,
    LimitReached,
    NotFound,
    TokenExpired,
    TokenMalformed,
    TokenRevoked,
    TokenUnknown,
    Unavailable,
)
from app.domain.identity import Caller
from app.domain.ladder import Act
from app.domain.scim_tokens import (
    LONGEST_NAME,
    MOST_ACTIVE,
    ScimText,
    ScimToken,
    ScimTokenFormat,
    new_scim_text,
    refuse_overspent,
)
from app.domain.secrets import KeyRing
from app.domain.text import normal_text
from app.domain.tokens import TokenKind
from app.services.idempotency import Idempotency, IdempotencyKey
from app.services.permitting import refuse_unless_allowed
from app.storage import scim_tokens, users
from app.storage.audit import record
from app.storage.database import Database

LISTED = 20
"""Tokens that are shown: the active ones, and the latest that ended."""

LONGEST_DAYS = 3_650
SEEN_EVERY = timedelta(minutes=1)
"""How often at most a use is noted."""

ONE_NAME = f"A name has 1 to {LONGEST_NAME} characters: say which directory has the token."
WHEN = f"A token works for 1 to {LONGEST_DAYS:,} days, or until it is revoked."


class ScimTokens:
    """Creates, revokes and accepts tokens; two are active at most, so that one can be replaced without a gap."""

    def __init__(
        self, database: Database, clock: Clock, ring: KeyRing, format: ScimTokenFormat, idempotency: Idempotency
    ) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format
        self._idempotency = idempotency

    def create(
        self, name: str, days: int | None, caller: Caller, key: IdempotencyKey | None = None
    ) -> tuple[ScimToken, str]:
        """A new token and its text, which nobody can show again. `days`: how long it works; None is until revoked.

        Refuses with BadRequest, NotPermitted, and with LimitReached a third one. Raises Repeated.
        """
        name = _normal_name(name)
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise BadRequest(WHEN, {"days": [WHEN]})
        text = new_scim_text()
        with self._database.transaction() as session:
            now = self._clock()
            scim_tokens.lock_creating(session)  # two at once must not make three
            users.lock_administrators(session, now)  # the caller stays one meanwhile
            refuse_unless_allowed(session, Act.CREATE_SCIM_TOKEN, caller)
            self._idempotency.refuse_repeat(session, key, caller.user_id, ("scim_token", text.public_id), now)
            if len(scim_tokens.active(session, now)) >= MOST_ACTIVE:
                raise LimitReached("active SCIM tokens", MOST_ACTIVE)
            until = None if days is None else now + timedelta(days=days)
            row = scim_tokens.insert(session, text.public_id, name, self._ring.sign(text), now, caller.name, until)
            about = {"name": name, "until": None if until is None else until.isoformat()}
            record(session, now, caller, "scim_token.created", ("scim_token", text.public_id), **about)
        return scim_tokens.as_scim_token(row), self._format.compose(text)

    def revoke(self, public_id: str, caller: Caller) -> ScimToken:
        """Revoke one; it is refused from then on. A repeat changes nothing. Refuses with NotFound and NotPermitted."""
        with self._database.transaction() as session:
            refuse_unless_allowed(session, Act.REVOKE_SCIM_TOKEN, caller)
            row = scim_tokens.hold(session, public_id)
            if row is None:
                raise NotFound("SCIM token")
            if row.revoked_at is None:
                row.revoked_at, row.revoked_by = self._clock(), caller.name
                about = ("scim_token", public_id)
                record(session, row.revoked_at, caller, "scim_token.revoked", about, name=row.name)
        return scim_tokens.as_scim_token(row)

    def list(self) -> list[ScimToken]:
        """The newest, those that are not revoked first."""
        with self._database.reading() as session:
            return [scim_tokens.as_scim_token(each) for each in scim_tokens.newest(session, LISTED)]

    def status_of(self, token: ScimToken) -> str:
        """``active``, ``expired`` or ``revoked``, at this moment."""
        return token.status_at(self._clock())

    def accept(self, secret: str, caller: Caller) -> ScimToken:
        """The token with this text. Refuses with TokenMalformed, TokenUnknown, TokenRevoked and TokenExpired."""
        text = self._format.parse(secret)
        if text is None:
            raise TokenMalformed(TokenKind.ACCESS)
        with self._database.reading() as session:
            row = scim_tokens.find(session, text.public_id)
        if row is None:
            self._ring.verify_dummy(text)
            raise TokenUnknown(TokenKind.ACCESS)
        if not self._ring.verifies(text, row.key_id, row.mac):
            raise TokenUnknown(TokenKind.ACCESS)
        token, now = scim_tokens.as_scim_token(row), self._clock()
        _refuse_ended(token, now)
        if token.last_used_at is None or now - token.last_used_at >= SEEN_EVERY:
            self._note_use(row.id, text, now, caller.address)
        return token

    def _note_use(self, row_id: int, text: ScimText, now: datetime, address: str | None) -> None:
        """Also under the current key, where that is another one than before."""
        with suppress(Unavailable), self._database.transaction() as session:  # a request must not fail for it
            scim_tokens.touch(session, row_id, now, address, self._ring.sign(text))


def hold_token(session: Session, caller: Caller, now: datetime) -> None:
    """Count a change that is made with a SCIM token, which nobody revokes until the end of this transaction.

    Refuses with TokenRevoked where it has ended since it was accepted, and with RateLimited.
    """
    credential = caller.credential
    if credential is None or credential.kind is not CredentialKind.SCIM_TOKEN:
        return
    counted = scim_tokens.spend(session, credential.id, now)
    if counted is None:
        raise TokenRevoked(TokenKind.ACCESS, credential.id)
    refuse_overspent(*counted, now)


def _refuse_ended(token: ScimToken, now: datetime) -> None:
    status = token.status_at(now)
    if status == "revoked":
        raise TokenRevoked(TokenKind.ACCESS, token.public_id, token.revoked_at)
    if status == "expired":
        raise TokenExpired(TokenKind.ACCESS, token.public_id, token.expires_at)


def _normal_name(text: str) -> str:
    name = normal_text("name", text.strip(), LONGEST_NAME, "A name", rule=ONE_NAME)
    if not name:
        raise BadRequest(ONE_NAME, {"name": [ONE_NAME]})
    return name

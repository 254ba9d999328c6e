"""Issuing: making refresh tokens, and giving them a new secret.

Not here: minting access tokens from them (``minting``), and ending tokens (``revoking``).
"""

import re
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, LimitReached, NotPermitted, OwnerDisabled
from app.domain.identity import ApiTokens, Caller, User
from app.domain.policy import Policy, Reissue
from app.domain.secrets import KeyRing, TokenFormat, TokenText, new_token_text
from app.domain.tokens import Issued, RefreshToken, TokenKind
from app.services.accounts import Accounts
from app.services.audit import record
from app.services.idempotency import Idempotency, Once, Repeated
from app.services.instance_settings import read_policy
from app.services.verifying import RefreshTokenVerifier
from app.storage import access_tokens, refresh_tokens, users
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation, as_refresh_token
from app.storage.tables import RefreshTokenRow

NAME = re.compile(r"[\x20-\x7e]{1,255}")
NAME_RULE = "A name has 1 to 255 printable ASCII characters, and no space at either end."
CREATING_IS_DISABLED = "Creating refresh tokens is disabled for this account."
NOT_BY_TOKEN = (
    "An access token is not enough for this here. A server administrator can change that: "
    "daypass conf api_can_create_refresh_tokens -s on."
)


class Issuing:
    """Issues and regenerates refresh tokens."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ring: KeyRing,
        format: TokenFormat,
        verifier: RefreshTokenVerifier,
        accounts: Accounts,
        idempotency: Idempotency,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format
        self._verifier = verifier
        self._accounts = accounts
        self._idempotency = idempotency

    def issue_with_password(
        self, username: str, password: str, name: str, caller: Caller, reissue: Reissue | None = None
    ) -> Issued[RefreshToken]:
        """A refresh token for whoever has this user name and password.

        Refuses as :meth:`Accounts.authenticate` and :meth:`issue` do, and with NotPermitted while the
        instance setting ``password_api_enabled`` is off.
        """
        _refuse_bad_name(name)
        with self._database.reading() as session:
            if not read_policy(session).password_api_enabled:
                raise NotPermitted(CREATING_IS_DISABLED)
        user = self._accounts.authenticate(username, password, caller)
        return self.issue(user, name, caller.as_user(user.id, user.username), reissue)

    def issue(self, user: User, name: str, caller: Caller, reissue: Reissue | None = None) -> Issued[RefreshToken]:
        """A refresh token called `name` (it need not be unique) for a user who has proved who they are.

        `reissue`: what minting from this one does, whatever the instance setting says; None leaves it to that.
        Refuses with BadRequest (the name), BadCredentials (the user was deactivated meanwhile), NotPermitted
        (only administrators may) and LimitReached (too many are alive).
        """
        _refuse_bad_name(name)
        text = new_token_text(TokenKind.REFRESH)
        with self._database.transaction(user.username) as session:
            now = self._clock()
            # Holds the user's row: of two at once, the second counts the first.
            if not users.lock(session, user.id, last_login_at=now):
                raise BadCredentials
            return self._issue(session, user, name, text, now, caller, reissue)

    def issue_own(
        self,
        user_id: int,
        name: str,
        caller: Caller,
        once: Once | None = None,
        *,
        by_token: bool = False,
        reissue: Reissue | None = None,
    ) -> Issued[RefreshToken] | Repeated:
        """The same for a user who is signed in; where `once` was done before, the repeat.

        `by_token`: of whom only an access token is known. Refuses as :meth:`issue`; by token also with NotPermitted
        while the instance setting ``api_can_create_refresh_tokens`` is off; with Conflict another request under that
        key.
        """
        _refuse_bad_name(name)
        text = new_token_text(TokenKind.REFRESH)
        with self._database.transaction(caller.name) as session:
            now = self._clock()
            owner = users.get_and_lock(session, user_id)
            if owner is None:
                raise BadCredentials
            if by_token:
                refuse_unless_by_token(read_policy(session))
            repeated = self._idempotency.begin(session, once, user_id, text.public_id, now)
            return repeated or self._issue(session, users.as_user(owner), name, text, now, caller, reissue)

    def regenerate(self, refresh_secret: str, user_id: int | None, caller: Caller) -> Issued[RefreshToken]:
        """The same refresh token with a new secret and a full new life; all that was under it ends.

        An expired one may be regenerated, a revoked one not. Refuses with a TokenRefused.
        """
        with self._database.transaction(refresh_secret) as session:
            refresh_tokens.lock(session, self._verifier.recognise(session, refresh_secret, user_id).row.id)
            recognised = self._verifier.recognise(session, refresh_secret, user_id)  # as it is under the lock
            now = self._clock()
            self._verifier.refuse_unless_good(session, recognised, now, expired_is_good=True)
            return self._regenerate(session, recognised.row, now, caller)

    def regenerate_own(
        self, public_id: str, owner_id: int, caller: Caller, once: Once | None = None, *, by_token: bool = False
    ) -> Issued[RefreshToken] | Repeated:
        """The same by its public id. Refuses as :meth:`mint_own`."""
        with self._database.transaction(public_id) as session:
            if by_token:
                refuse_unless_by_token(read_policy(session))
            repeated = self._idempotency.begin(session, once, owner_id, public_id, self._clock())
            if repeated:
                return repeated
            refresh_tokens.lock(session, self._verifier.own(session, public_id, owner_id).id)
            row = self._verifier.own(session, public_id, owner_id)
            now = self._clock()
            self._verifier.refuse_unless_alive(session, row, now, expired_is_good=True)
            return self._regenerate(session, row, now, caller)

    def _issue(
        self,
        session: Session,
        user: User,
        name: str,
        text: TokenText,
        now: datetime,
        caller: Caller,
        reissue: Reissue | None,
    ) -> Issued[RefreshToken]:
        policy = read_policy(session)
        _refuse_unless_permitted(session, policy, user, now)
        expires_at = now + policy.refresh_token_lifespan
        row = refresh_tokens.insert(session, text, self._ring.sign(text), user.id, name, now, expires_at, reissue)
        subject = ("refresh_token", row.public_id)
        record(session, now, caller, "refresh_token.created", subject, owner=user.username, name=name)
        return Issued(as_refresh_token(row, now), self._format.compose(text))

    def _regenerate(
        self, session: Session, row: RefreshTokenRow, now: datetime, caller: Caller
    ) -> Issued[RefreshToken]:
        text = new_token_text(TokenKind.REFRESH).with_public_id(row.public_id)
        expires_at = now + read_policy(session).refresh_token_lifespan
        if not refresh_tokens.replace_secret(session, row, self._ring.sign(text), now, expires_at):
            raise OwnerDisabled(TokenKind.REFRESH, row.public_id)  # a moment ago; all else is locked
        caller = on_behalf_of_owner(session, caller, row.user_id)
        revocation = Revocation(now, caller.name, "its refresh token was regenerated")
        ended = access_tokens.revoke_under(session, [row.id], revocation)
        subject = ("refresh_token", row.public_id)
        record(session, now, caller, "refresh_token.regenerated", subject, access_tokens=len(ended))
        renewed = refresh_tokens.find(session, row.public_id)
        assert renewed is not None
        return Issued(as_refresh_token(renewed, now), self._format.compose(text))


def _refuse_bad_name(name: str) -> None:
    if not NAME.fullmatch(name) or name != name.strip():
        raise BadRequest(NAME_RULE, {"name": [NAME_RULE]})


def refuse_unless_by_token(policy: Policy) -> None:
    """Refuse with NotPermitted whoever has shown an access token only, unless the instance admits that."""
    if not policy.api_can_create_refresh_tokens:
        raise NotPermitted(NOT_BY_TOKEN)


def _refuse_unless_permitted(session: Session, policy: Policy, user: User, now: datetime) -> None:
    users_may = policy.refresh_tokens_for_users or user.api_tokens is ApiTokens.ALLOW
    if user.api_tokens is ApiTokens.DENY or not (users_may or user.is_administrator):
        raise NotPermitted(CREATING_IS_DISABLED)
    limit = policy.max_refresh_tokens_per_user
    if refresh_tokens.count_alive(session, user.id, now) >= limit:
        raise LimitReached("refresh tokens", limit)


def on_behalf_of_owner(session: Session, caller: Caller, user_id: int) -> Caller:
    """Who presents a refresh token acts for its owner."""
    owner = users.get(session, user_id)
    assert owner is not None
    return caller if caller.name else caller.as_user(owner.id, owner.username)

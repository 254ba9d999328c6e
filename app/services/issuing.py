"""Issuing: making refresh tokens, minting access tokens from them, and giving them a new secret.

Here belong the acts whose answer contains a secret. Not here: ending tokens (``revoking``).
"""

import re
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, BadRequest, LimitReached, NotPermitted, OwnerDisabled
from app.domain.identity import ApiTokens, Caller, User
from app.domain.policy import Policy
from app.domain.secrets import KeyRing, TokenFormat, TokenText, new_token_text
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind
from app.services.accounts import Accounts
from app.services.audit import record
from app.services.idempotency import Idempotency, Once, Repeated
from app.services.instance_settings import read_policy
from app.services.verifying import RecognisedToken, RefreshTokenVerifier
from app.storage import access_tokens, refresh_tokens, users
from app.storage.access_tokens import as_access_token
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
    """Issues refresh tokens and mints access tokens."""

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

    def issue_with_password(self, username: str, password: str, name: str, caller: Caller) -> Issued[RefreshToken]:
        """A refresh token for whoever has this user name and password.

        Refuses as :meth:`Accounts.authenticate` and :meth:`issue` do, and with NotPermitted while the
        instance setting ``password_api_enabled`` is off.
        """
        _refuse_bad_name(name)
        with self._database.reading() as session:
            if not read_policy(session).password_api_enabled:
                raise NotPermitted(CREATING_IS_DISABLED)
        user = self._accounts.authenticate(username, password, caller)
        return self.issue(user, name, caller.as_user(user.id, user.username))

    def issue(self, user: User, name: str, caller: Caller) -> Issued[RefreshToken]:
        """A refresh token called `name` (it need not be unique) for a user who has proved who they are.

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
            return self._issue(session, user, name, text, now, caller)

    def issue_own(
        self, user_id: int, name: str, caller: Caller, once: Once | None = None, *, by_token: bool = False
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
                _refuse_unless_by_token(read_policy(session))
            repeated = self._idempotency.begin(session, once, user_id, text.public_id, now)
            return repeated or self._issue(session, users.as_user(owner), name, text, now, caller)

    def mint(self, refresh_secret: str, user_id: int | None, caller: Caller) -> Issued[AccessToken]:
        """An access token from a refresh token; what becomes of the one before it, the reissue policy says.

        Refuses with a TokenRefused about the refresh token.
        """
        issued = self.mint_once(refresh_secret, user_id, caller, None)
        assert isinstance(issued, Issued)
        return issued

    def mint_once(
        self, refresh_secret: str, user_id: int | None, caller: Caller, once: Once | None
    ) -> Issued[AccessToken] | Repeated:
        """The same; where `once` was done before, the repeat. Refuses with Conflict another request under that key."""
        text = new_token_text(TokenKind.ACCESS)
        with self._database.transaction(refresh_secret) as session:
            now = self._clock()
            if once is not None:  # the key before the refresh token's lock, as when minting by public id
                owner_id = self._verifier.recognise(session, refresh_secret, user_id).row.user_id
                repeated = self._idempotency.begin(session, once, owner_id, text.public_id, now)
                if repeated:
                    return repeated
            recognised, generation = self._verifier.recognise_and_lock(
                session, refresh_secret, user_id, now, used=True, used_from=caller.address
            )
            self._sign_anew(session, recognised)
            return self._mint(session, recognised.row, generation, text, now, caller)

    def mint_own(
        self, public_id: str, owner_id: int, caller: Caller, once: Once | None = None, *, by_token: bool = False
    ) -> Issued[AccessToken] | Repeated:
        """The same from one of a user's refresh tokens by its public id; where `once` was done before, the repeat.

        Refuses as :meth:`mint`, with NotFound, and as :meth:`issue_own` by token.
        """
        text = new_token_text(TokenKind.ACCESS)
        with self._database.transaction(public_id) as session:
            if by_token:
                _refuse_unless_by_token(read_policy(session))
            now = self._clock()
            repeated = self._idempotency.begin(session, once, owner_id, text.public_id, now)
            if repeated:
                return repeated
            parent, generation = self._verifier.own_and_lock(
                session, public_id, owner_id, now, used_from=caller.address
            )
            return self._mint(session, parent, generation, text, now, caller)

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
                _refuse_unless_by_token(read_policy(session))
            repeated = self._idempotency.begin(session, once, owner_id, public_id, self._clock())
            if repeated:
                return repeated
            refresh_tokens.lock(session, self._verifier.own(session, public_id, owner_id).id)
            row = self._verifier.own(session, public_id, owner_id)
            now = self._clock()
            self._verifier.refuse_unless_alive(session, row, now, expired_is_good=True)
            return self._regenerate(session, row, now, caller)

    def _issue(
        self, session: Session, user: User, name: str, text: TokenText, now: datetime, caller: Caller
    ) -> Issued[RefreshToken]:
        policy = read_policy(session)
        _refuse_unless_permitted(session, policy, user, now)
        expires_at = now + policy.refresh_token_lifespan
        row = refresh_tokens.insert(session, text, self._ring.sign(text), user.id, name, now, expires_at)
        subject = ("refresh_token", row.public_id)
        record(session, now, caller, "refresh_token.created", subject, owner=user.username, name=name)
        return Issued(as_refresh_token(row, now), self._format.compose(text))

    def _mint(
        self,
        session: Session,
        parent: RefreshTokenRow,
        generation: int,
        text: TokenText,
        now: datetime,
        caller: Caller,
    ) -> Issued[AccessToken]:
        policy = read_policy(session)
        access_tokens.supersede(session, parent.id, now, policy.overlap)
        expires_at = policy.access_token_expiry(now, parent.expires_at)
        mac = self._ring.sign(text)
        row = access_tokens.insert(
            session, text, mac, parent.user_id, now, expires_at, refresh_token_id=parent.id, generation=generation
        )
        caller = self._on_behalf_of_owner(session, caller, parent.user_id)
        subject = ("access_token", row.public_id)
        record(session, now, caller, "access_token.minted", subject, refresh_token=parent.public_id)
        return Issued(as_access_token(row, now), self._format.compose(text), parent.expires_at)

    def _regenerate(
        self, session: Session, row: RefreshTokenRow, now: datetime, caller: Caller
    ) -> Issued[RefreshToken]:
        text = new_token_text(TokenKind.REFRESH).with_public_id(row.public_id)
        expires_at = now + read_policy(session).refresh_token_lifespan
        if not refresh_tokens.replace_secret(session, row, self._ring.sign(text), now, expires_at):
            raise OwnerDisabled(TokenKind.REFRESH, row.public_id)  # a moment ago; all else is locked
        caller = self._on_behalf_of_owner(session, caller, row.user_id)
        revocation = Revocation(now, caller.name, "its refresh token was regenerated")
        ended = access_tokens.revoke_under(session, [row.id], revocation)
        subject = ("refresh_token", row.public_id)
        record(session, now, caller, "refresh_token.regenerated", subject, access_tokens=len(ended))
        renewed = refresh_tokens.find(session, row.public_id)
        assert renewed is not None
        return Issued(as_refresh_token(renewed, now), self._format.compose(text))

    def _sign_anew(self, session: Session, recognised: RecognisedToken) -> None:
        """After a rotation of the keys, a token in use moves to the present key."""
        if recognised.row.key_id != self._ring.current:
            refresh_tokens.sign_anew(session, recognised.row, self._ring.sign(recognised.text))

    def _on_behalf_of_owner(self, session: Session, caller: Caller, user_id: int) -> Caller:
        """Who presents a refresh token acts for its owner."""
        owner = users.get(session, user_id)
        assert owner is not None
        return caller if caller.name else caller.as_user(owner.id, owner.username)


def _refuse_bad_name(name: str) -> None:
    if not NAME.fullmatch(name) or name != name.strip():
        raise BadRequest(NAME_RULE, {"name": [NAME_RULE]})


def _refuse_unless_by_token(policy: Policy) -> None:
    if not policy.api_can_create_refresh_tokens:
        raise NotPermitted(NOT_BY_TOKEN)


def _refuse_unless_permitted(session: Session, policy: Policy, user: User, now: datetime) -> None:
    users_may = policy.refresh_tokens_for_users or user.api_tokens is ApiTokens.ALLOW
    if user.api_tokens is ApiTokens.DENY or not (users_may or user.is_administrator):
        raise NotPermitted(CREATING_IS_DISABLED)
    limit = policy.max_refresh_tokens_per_user
    if refresh_tokens.count_alive(session, user.id, now) >= limit:
        raise LimitReached("refresh tokens", limit)

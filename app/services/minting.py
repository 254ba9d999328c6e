"""Minting: access tokens from refresh tokens.

Here belongs who may mint, and the refresh token's lock under which it happens. Not here: what a mint gives
(``reissuing``), and making refresh tokens (``issuing``).
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.clock import Clock
from app.domain.identity import Caller
from app.domain.policy import Reissue
from app.domain.secrets import KeyRing, TokenFormat, TokenText, new_token_text
from app.domain.tokens import AccessToken, Issued, TokenKind
from app.services.audit import record
from app.services.idempotency import Idempotency, Once, Repeated
from app.services.instance_settings import read_policy
from app.services.issuing import on_behalf_of_owner, refuse_unless_by_token
from app.services.reissuing import Reissuing
from app.services.sharing import notice_sharing
from app.services.verifying import RecognisedToken, RefreshTokenVerifier
from app.storage import refresh_tokens
from app.storage.database import Database
from app.storage.tables import RefreshTokenRow


class Minting:
    """Mints access tokens."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ring: KeyRing,
        format: TokenFormat,
        verifier: RefreshTokenVerifier,
        idempotency: Idempotency,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._verifier = verifier
        self._idempotency = idempotency
        self._reissuing = Reissuing(ring, format)

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
            row, refresh = recognised.row, recognised.text
            # Under a key, a creation was promised, whose handle is written down already.
            given = None if once else self._reissuing.again(session, row, refresh, read_policy(session), now)
            return given or self._mint(session, row, generation, text, now, caller, refresh)

    def mint_own(
        self, public_id: str, owner_id: int, caller: Caller, once: Once | None = None, *, by_token: bool = False
    ) -> Issued[AccessToken] | Repeated:
        """The same from one of a user's refresh tokens by its public id; where `once` was done before, the repeat.

        Refuses as :meth:`mint`, with NotFound, and as :meth:`Issuing.issue_own` by token.
        """
        text = new_token_text(TokenKind.ACCESS)
        with self._database.transaction(public_id) as session:
            if by_token:
                refuse_unless_by_token(read_policy(session))
            now = self._clock()
            repeated = self._idempotency.begin(session, once, owner_id, text.public_id, now)
            if repeated:
                return repeated
            parent, generation = self._verifier.own_and_lock(
                session, public_id, owner_id, now, used_from=caller.address
            )
            return self._mint(session, parent, generation, text, now, caller)

    def _mint(
        self,
        session: Session,
        parent: RefreshTokenRow,
        generation: int,
        text: TokenText,
        now: datetime,
        caller: Caller,
        refresh: TokenText | None = None,
    ) -> Issued[AccessToken]:
        """A new one; `refresh`: the refresh token's text, where its secret was presented."""
        policy = read_policy(session)
        issued = self._reissuing.new(session, parent, refresh, generation, text, policy, now, caller.address)
        caller = on_behalf_of_owner(session, caller, parent.user_id)
        subject = ("access_token", issued.token.public_id)
        record(session, now, caller, "access_token.minted", subject, refresh_token=parent.public_id)
        if policy.reissue_of(parent.access_token_reissue) is not Reissue.REPLACE:
            return issued
        return replace(issued, seems_shared=notice_sharing(session, parent, now, caller))

    def _sign_anew(self, session: Session, recognised: RecognisedToken) -> None:
        """After a rotation of the keys, a token in use moves to the present key."""
        if recognised.row.key_id != self._ring.current:
            refresh_tokens.sign_anew(session, recognised.row, self._ring.sign(recognised.text))

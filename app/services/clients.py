"""Authenticating OAuth clients: one indexed read and one HMAC, never a password digest.

Not here: what they are granted (``granting``), and what they learn of tokens (``introspecting``).
"""

from collections.abc import Callable

from app.domain.clock import Clock
from app.domain.errors import BadCredentials, TokenMalformed, TokenMissing, TokenRefused, TokenUnknown
from app.domain.identity import Role
from app.domain.leavers import is_away
from app.domain.mistakes import mistake_in
from app.domain.oauth_client import Client, SentClient
from app.domain.secrets import KeyRing, TokenFormat, TokenText
from app.domain.tokens import TokenKind, TokenStatus, status_at
from app.services.held_tokens import BySecret, HeldTokens
from app.storage.client_check import ClientLookup, ClientRow

# A look-up here takes a tenth of the time of calling the enumeration.
_STATUSES = {status.value: status for status in TokenStatus}
_ROLES = {role.value: role for role in Role}


class Clients:
    """Authenticates clients. Each refusal of a token says that it is the client's (``is_client``)."""

    def __init__(
        self, lookup: ClientLookup, held_tokens: HeldTokens, clock: Clock, ring: KeyRing, format: TokenFormat
    ) -> None:
        self._lookup = lookup
        self._held_tokens = held_tokens
        self._clock = clock
        self._ring = ring
        self._format = format

    def parse_secret(self, text: str) -> TokenText | None:
        """The parsed text of a token of either tier, which may not exist; None where it is no token's."""
        return self._format.parse(text)

    def is_access_token(self, sent: SentClient) -> bool:
        """Whether the secret is the text of an access token, which authenticates its owner as in a header.

        Refuses with BadCredentials where the id is another's.
        """
        if not self._format.is_begun(sent.secret, TokenKind.ACCESS):
            return False
        token = sent.token or self._format.parse(sent.secret)
        if token is None:
            return False
        _refuse_another(sent, token)
        return True

    def parse(self, secret: str) -> TokenText:
        """The parsed text of a refresh token. Refuses with TokenMalformed, without the database."""
        token = self._format.parse(secret)
        if token is None or token.kind is not TokenKind.REFRESH:
            raise TokenMalformed(TokenKind.REFRESH, mistake=mistake_in(secret, TokenKind.REFRESH, self._format))
        return token

    def recognise(self, sent: SentClient | None) -> TokenText:
        """The text of a client's secret, which may not exist.

        Refuses with TokenMissing, TokenMalformed, and with BadCredentials where the id is another's.
        """
        token = sent.token if sent is not None else None
        if token is None or token.kind is not TokenKind.REFRESH:  # or else it has been parsed already
            with as_client():
                if sent is None:
                    raise TokenMissing(TokenKind.REFRESH)
                token = self.parse(sent.secret)
        _refuse_another(sent, token)
        return token

    def authenticate(self, sent: SentClient | None, find: Callable[[str], ClientRow | None] | None = None) -> Client:
        """The client. Refuses as :meth:`recognise`, and with a TokenRefused (unknown, expired, revoked, disabled).

        `find`: by public id, where the row has been read already, since the request came.
        """
        token = self.recognise(sent)
        assert sent is not None
        with as_client():
            row = (find or self._lookup.find)(token.public_id)
            if row is None:
                self._ring.verify_dummy(token)
                raise TokenUnknown(TokenKind.REFRESH)
            if self._works(token, row):
                return Client(token.public_id, row.owner_id, row.owner_name, _ROLES[row.owner_role])
            # Why not; unless it works all the same.
            stored, owner = self._held_tokens.validate(BySecret(sent.secret))
            return Client(stored.public_id, owner.id, owner.username, owner.role)

    def _works(self, token: TokenText, row: ClientRow) -> bool:
        if not self._ring.verifies(token, row.key_id, row.mac) or not row.owner_is_active:
            return False
        now = self._clock()  # read after the row, as in the check of an access token
        if row.owner_vouched_at is not None and is_away(row.owner_vouched_at, row.sign_in_valid_days, now):
            return False
        return status_at(_STATUSES[row.status], row.expires_at, now) is TokenStatus.ACTIVE


def _refuse_another(sent: SentClient | None, token: TokenText) -> None:
    """Refuse with BadCredentials an id that is not the secret's own."""
    if sent is not None and sent.id not in (None, token.public_id):
        raise BadCredentials


class as_client:
    """Mark each refusal of a token as that of the client's own.

    No generator: it is entered twice by each request of a client, and takes a quarter of the time so.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, TokenRefused):
            error.is_client = True

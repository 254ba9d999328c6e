"""Authenticating OAuth clients: one indexed read and one HMAC, never a password digest.

Not here: what they are granted (``granting``), and what they learn of tokens (``introspecting``).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.errors import BadCredentials, TokenMalformed, TokenMissing, TokenRefused
from app.domain.mistakes import mistake_in
from app.domain.oauth_client import Client, SentClient
from app.domain.secrets import TokenFormat, TokenText
from app.domain.tokens import TokenKind
from app.services.held_tokens import BySecret, HeldTokens


class Clients:
    """Authenticates clients. Each refusal of a token says that it is the client's (``is_client``)."""

    def __init__(self, held_tokens: HeldTokens, format: TokenFormat) -> None:
        self._held_tokens = held_tokens
        self._format = format

    def is_secret(self, text: str) -> bool:
        """Whether it is the text of a refresh token, whether or not there is such a token."""
        token = self._format.parse(text)
        return token is not None and token.kind is TokenKind.REFRESH

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
        with as_client():
            if sent is None:
                raise TokenMissing(TokenKind.REFRESH)
            token = self.parse(sent.secret)
        if sent.id not in (None, token.public_id):
            raise BadCredentials
        return token

    def authenticate(self, sent: SentClient | None) -> Client:
        """The client. Refuses as :meth:`recognise`, and with a TokenRefused (unknown, expired, revoked, disabled)."""
        self.recognise(sent)
        assert sent is not None
        with as_client():
            token, owner = self._held_tokens.validate(BySecret(sent.secret))
        return Client(token.public_id, owner.id, owner.username, owner.role)


@contextmanager
def as_client() -> Iterator[None]:
    """Mark each refusal of a token as that of the client's own."""
    try:
        yield
    except TokenRefused as refusal:
        refusal.is_client = True
        raise

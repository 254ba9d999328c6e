"""Granting access tokens to OAuth clients: the same mint as of all others, proved in OAuth's ways.

Not here: minting (``minting``).
"""

from app.domain.errors import TokenUnknown
from app.domain.identity import Caller
from app.domain.oauth_client import SentClient
from app.domain.tokens import AccessToken, Issued, TokenKind
from app.services.clients import Clients, as_client
from app.services.held_tokens import BySecret
from app.services.minting import Minting


class Granting:
    """Grants access tokens."""

    def __init__(self, minting: Minting, clients: Clients) -> None:
        self._minting = minting
        self._clients = clients

    def to_client(self, client: SentClient | None, caller: Caller) -> Issued[AccessToken]:
        """Mint from the refresh token that the client is (RFC 6749, section 4.4).

        Refuses as :meth:`Clients.authenticate` and :meth:`Minting.mint`; the refused token is the client's.
        """
        self._clients.recognise(client)
        assert client is not None
        with as_client():
            return self._minting.mint(BySecret(client.secret), caller)

    def for_refresh_token(self, secret: str, client: SentClient | None, caller: Caller) -> Issued[AccessToken]:
        """Mint from this refresh token, which is proof enough (RFC 6749, section 6).

        A client that is sent too must be the same one. Refuses as :meth:`Clients.authenticate` a client, with
        TokenMalformed, with TokenUnknown (also the refresh token of another client), and as :meth:`Minting.mint`.
        """
        token = self._clients.parse(secret)
        if client is not None and client.secret == secret:
            self._clients.recognise(client)  # whether it has ended, the mint says
        elif client is not None and self._clients.authenticate(client).id != token.public_id:
            raise TokenUnknown(TokenKind.REFRESH)
        return self._minting.mint(BySecret(secret), caller)

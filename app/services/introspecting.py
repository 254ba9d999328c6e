"""Introspection (RFC 7662): what an API that received a token, or the token's own client, learns of it.

Not here: who may ask about all tokens (``app.http.guards``), authenticating clients (``clients``), and the members of
the answer (``app.http.introspection``).
"""

from collections.abc import Callable

from app.domain.errors import NotPermitted, TokenMalformed, TokenRefused, TokenSuperseded
from app.domain.identity import Caller, Principal, User
from app.domain.oauth_client import REFRESH_TOKEN, Client, SentClient
from app.domain.secrets import TokenFormat
from app.domain.tokens import RefreshToken, TokenKind
from app.services.held_tokens import BySecret, HeldTokens
from app.services.last_use import LastUse
from app.services.sightings import Sightings
from app.services.verifying import Find, TokenVerifier
from app.storage.client_and_token import ClientAndToken, ClientAndTokenLookup

Known = Principal | tuple[RefreshToken, User]
"""What is known of an active token: an access token's principal, or a refresh token and its owner."""


ReadRows = ClientAndToken
"""For others: something to pass on to where the client is authenticated, and to :meth:`Introspecting.introspect`."""


class Introspecting:
    """Introspects tokens, with the check that every route with an access token uses."""

    def __init__(
        self,
        verifier: TokenVerifier,
        lookup: ClientAndTokenLookup,
        format: TokenFormat,
        held_tokens: HeldTokens,
        last_use: LastUse,
        sightings: Sightings,
    ) -> None:
        self._verifier = verifier
        self._lookup = lookup
        self._format = format
        self._held_tokens = held_tokens
        self._last_use = last_use
        self._sightings = sightings

    def read_both(self, sent: SentClient, text: str) -> ReadRows | None:
        """The rows of a client and of the access token that it asks about, read at once.

        None where a text is of another kind, or the client's id is another's. Refuses with Unavailable.
        """
        client, token = sent.token or self._format.parse(sent.secret), self._format.parse(text)
        if client is None or client.kind is not TokenKind.REFRESH or sent.id not in (None, client.public_id):
            return None
        if token is None or token.kind is not TokenKind.ACCESS:
            return None
        return self._lookup.find((client.public_id, token.public_id))

    def introspect(
        self,
        text: str,
        hint: str,
        caller: Callable[[], Caller],
        client: Client | None = None,
        find: Find | None = None,
    ) -> Known | None:
        """What is known of an active token; None of every other, without a reason (RFC 7662, section 2.2).

        `client`: who asks; one whose owner may not introspect learns of access tokens under its own refresh token
        alone. None: somebody who may ask about all. `hint`: a refresh token is told only with its own, because APIs
        accept what is "active". `caller`: of the audit event where a replaced token is presented. `find`: of the access
        token's row, where it has been read already. Refuses with Unavailable.
        """
        try:
            return self._known(text, hint, client, find)
        except NotPermitted:
            return None
        except TokenRefused as refusal:
            if isinstance(refusal, TokenSuperseded):
                self._sightings.report(refusal, caller())
            return None

    def _known(self, text: str, hint: str, client: Client | None, find: Find | None) -> Known | None:
        own = client.id if client is not None and not client.role.may_introspect else None

        def refuse_of_others(known: Principal) -> None:
            if known.refresh_token_public_id != own:
                raise NotPermitted("The access token is another client's.")

        try:
            known = self._verifier.verify(text, permit=None if own is None else refuse_of_others, find=find)
        except TokenMalformed:
            if hint != REFRESH_TOKEN or own is not None:
                raise
            return self._held_tokens.validate(BySecret(text))
        if not known.role.may_use_apis:
            return None
        if self._last_use.is_due(known):  # of the client that sent the token, address and agent are unknown
            self._last_use.note(known, None, None)
        return known

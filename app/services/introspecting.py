"""Introspection (RFC 7662): what an API that received a token, or the token's own client, learns of it.

Not here: who may ask about all tokens (``app.http.guards``), authenticating clients (``clients``), and the members of
the answer (``app.http.introspection``).
"""

from collections.abc import Callable

from app.domain.errors import NotPermitted, TokenMalformed, TokenRefused, TokenSuperseded
from app.domain.identity import Caller, Principal, User
from app.domain.oauth_client import REFRESH_TOKEN, Client
from app.domain.tokens import RefreshToken
from app.services.held_tokens import BySecret, HeldTokens
from app.services.last_use import LastUse
from app.services.sightings import Sightings
from app.services.verifying import TokenVerifier

Known = Principal | tuple[RefreshToken, User]
"""What is known of an active token: an access token's principal, or a refresh token and its owner."""


class Introspecting:
    """Introspects tokens, with the check that every route with an access token uses."""

    def __init__(
        self, verifier: TokenVerifier, held_tokens: HeldTokens, last_use: LastUse, sightings: Sightings
    ) -> None:
        self._verifier = verifier
        self._held_tokens = held_tokens
        self._last_use = last_use
        self._sightings = sightings

    def introspect(
        self, text: str, hint: str, caller: Callable[[], Caller], client: Client | None = None
    ) -> Known | None:
        """What is known of an active token; None of every other, without a reason (RFC 7662, section 2.2).

        `client`: who asks; one whose owner may not introspect learns of access tokens under its own refresh token
        alone. None: somebody who may ask about all. `hint`: a refresh token is told only with its own, because APIs
        accept what is "active". `caller`: of the audit event where a replaced token is presented. Refuses with
        Unavailable.
        """
        try:
            return self._known(text, hint, client)
        except NotPermitted:
            return None
        except TokenRefused as refusal:
            if isinstance(refusal, TokenSuperseded):
                self._sightings.report(refusal, caller())
            return None

    def _known(self, text: str, hint: str, client: Client | None) -> Known | None:
        own = client.id if client is not None and not client.role.may_introspect else None

        def refuse_of_others(known: Principal) -> None:
            if known.refresh_token_public_id != own:
                raise NotPermitted("The access token is another client's.")

        try:
            known = self._verifier.verify(text, permit=None if own is None else refuse_of_others)
        except TokenMalformed:
            if hint != REFRESH_TOKEN or own is not None:
                raise
            return self._held_tokens.validate(BySecret(text))
        if not known.role.may_use_apis:
            return None
        if self._last_use.is_due(known):  # of the client that sent the token, address and agent are unknown
            self._last_use.note(known, None, None)
        return known

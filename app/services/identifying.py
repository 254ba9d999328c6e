"""Identifying a secret that somebody found: is it one of ours, whose, and does it still work?

Nothing is changed, and the secret goes no further than here. Not here: ending it (``revoking``).
"""

from dataclasses import dataclass

from app.domain.errors import TokenRefused, TokenUnknown
from app.domain.secrets import TokenFormat
from app.domain.tokens import TokenKind
from app.services.held_tokens import BySecret, HeldTokens
from app.services.listing import ListedToken, Listing
from app.services.verifying import TokenVerifier


@dataclass(frozen=True)
class Identified:
    """`checksum_ok`: it has the shape and the checksum of our tokens; `kind` and `public_id` are what it then says.

    `listed`: the token whose secret it is, or was; None where there is none. `refused_because`: the reason a use
    of it would be refused for; None where it works.
    """

    checksum_ok: bool
    kind: TokenKind | None = None
    public_id: str | None = None
    listed: ListedToken | None = None
    refused_because: str | None = TokenUnknown.reason


class Identifying:
    """Says what a secret is."""

    def __init__(self, format: TokenFormat, verifier: TokenVerifier, held_tokens: HeldTokens, listing: Listing) -> None:
        self._format = format
        self._verifier = verifier
        self._held_tokens = held_tokens
        self._listing = listing

    def identify(self, pasted: str) -> Identified:
        """What is known of it. Space around it, as pasting leaves it, is not part of it."""
        secret = pasted.strip()
        text = self._format.parse(secret)
        if text is None:
            return Identified(checksum_ok=False)
        reason = self._refusal_of(secret, text.kind)
        # A made-up secret with a known public id is not that token's.
        listed = None if reason == TokenUnknown.reason else self._listing.find(text.public_id)
        return Identified(True, text.kind, text.public_id, listed, reason)

    def _refusal_of(self, secret: str, kind: TokenKind) -> str | None:
        try:
            if kind is TokenKind.ACCESS:
                self._verifier.examine(secret)
            else:
                self._held_tokens.validate(BySecret(secret))
        except TokenRefused as refusal:
            return refusal.reason
        return None

"""Identifying a secret: which token it is, whose, and whether it works. Not here: revoking it (``revoking``)."""

from dataclasses import dataclass

from app.domain.errors import TokenRefused, TokenUnknown
from app.domain.secrets import TokenFormat
from app.domain.tokens import TokenKind
from app.services.held_tokens import BySecret, HeldTokens
from app.services.listing import ListedToken, Listing
from app.services.verifying import TokenVerifier


@dataclass(frozen=True)
class Identified:
    """`checksum_ok`: it is token text of this instance; only then `kind` and `public_id` are set.

    `listed`: the token whose secret it is or was, if any. `refused_because`: the reason why a use is refused; None
    where it works.
    """

    checksum_ok: bool
    kind: TokenKind | None = None
    public_id: str | None = None
    listed: ListedToken | None = None
    refused_because: str | None = TokenUnknown.reason


class Identifying:
    """Identifies secrets."""

    def __init__(self, format: TokenFormat, verifier: TokenVerifier, held_tokens: HeldTokens, listing: Listing) -> None:
        self._format = format
        self._verifier = verifier
        self._held_tokens = held_tokens
        self._listing = listing

    def identify(self, pasted: str) -> Identified:
        """Identify a secret; surrounding space is ignored."""
        secret = pasted.strip()
        text = self._format.parse(secret)
        if text is None:
            return Identified(checksum_ok=False)
        reason = self._refusal_of(secret, text.kind)
        # An invented secret with a known public id is not that token's.
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

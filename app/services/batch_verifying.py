"""The check of many access tokens at once, for gateways that fill a cache or examine what they have kept.

Not here: the check of each (``verifying``).
"""

from collections.abc import Mapping, Sequence

from app.domain.clock import Clock
from app.domain.errors import NotPermitted, TokenRefused
from app.domain.identity import Principal, refuse_unless_may_use_apis
from app.domain.secrets import KeyRing, TokenFormat
from app.domain.tokens import TokenKind
from app.services.check_counts import CheckCounts
from app.services.verifying import TokenVerifier
from app.storage import batch_check
from app.storage.check import CheckedRow
from app.storage.database import Database

Verdict = Principal | TokenRefused | NotPermitted
"""The principal of an accepted token, or why it is refused."""


class BatchVerifying:
    """Checks many tokens with the one function that checks each, on rows that one statement read.

    Each counts as a check. None counts as a use: the client did not send it just now, and a token that nobody uses is
    found by its last use. For the same reason a replaced one is no sighting: it shows no client that still sends it.
    """

    def __init__(
        self, database: Database, clock: Clock, ring: KeyRing, format: TokenFormat, counts: CheckCounts
    ) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._format = format
        self._counts = counts

    def verify(self, texts: Sequence[str]) -> list[Verdict]:
        """The verdict on each text, in their order, as ``/auth/verify`` gives it. Refuses with Unavailable."""
        tokens = [self._format.parse(text) for text in texts]
        public_ids = {token.public_id for token in tokens if token is not None and token.kind is TokenKind.ACCESS}
        with self._database.reading() as session:
            rows = _Rows(batch_check.find_all(session, public_ids))
        verifier = TokenVerifier(rows, self._clock, self._ring, self._format, self._counts)
        return [_verdict(verifier, text) for text in texts]


class _Rows:
    """Rows that were read."""

    def __init__(self, rows: Mapping[str, CheckedRow]) -> None:
        self._rows = rows

    def find(self, public_id: str) -> CheckedRow | None:
        return self._rows.get(public_id)

    def close(self) -> None:
        """Nothing is open."""


def _verdict(verifier: TokenVerifier, text: str) -> Verdict:
    try:
        return verifier.verify(text, permit=lambda known: refuse_unless_may_use_apis(known.role))
    except (TokenRefused, NotPermitted) as refusal:
        return refusal

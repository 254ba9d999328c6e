"""The tokens of directories that provision by SCIM, and their text. Not here: storing and verifying them.

``<prefix>s_<public id: 12>_<secret: 43><checksum: 6>``: built as that of other tokens (``secrets``), of a kind of its
own. Its letter makes it no token's text elsewhere, and its digest covers the kind.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.budgets import is_over, seconds_until
from app.domain.errors import RateLimited
from app.domain.secrets import (
    CHECKSUM_LENGTH,
    PUBLIC_ID_LENGTH,
    SECRET_BYTES,
    SECRET_LENGTH,
    checksum,
    encode_secret,
    new_public_id,
)

KIND = "scim"
MOST_ACTIVE = 2
"""One in use, and its successor while the directory is given that."""

LONGEST_NAME = 60

MOST_WRITES = 100_000
"""Changes of one token in an hour. Microsoft recommends that an application takes 25 requests a second."""

TOO_MANY_WRITES = f"This SCIM token has made {MOST_WRITES:,} changes within an hour, the limit."


@dataclass(frozen=True)
class ScimText:
    """Parsed token text: its form and checksum are valid; the token may not exist."""

    public_id: str
    secret: str = field(repr=False)
    kind: str = KIND


@dataclass(frozen=True)
class ScimToken:
    """A token, without its secret. `expires_at`: None is never."""

    public_id: str
    name: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_ip: str | None
    revoked_at: datetime | None
    revoked_by: str | None

    def status_at(self, now: datetime) -> str:
        """``active``, ``expired`` or ``revoked``. It expires at `expires_at`, as every token does."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"


class ScimTokenFormat:
    """Composes and parses the text. `prefixes`: as of other tokens; the first is issued, all are accepted."""

    def __init__(self, prefixes: tuple[str, ...]) -> None:
        self._prefix = prefixes[0]
        self._pattern = re.compile(
            rf"(?:{'|'.join(prefixes)})s_([a-z0-9]{{{PUBLIC_ID_LENGTH}}})"
            rf"_([0-9A-Za-z]{{{SECRET_LENGTH}}})[0-9A-Za-z]{{{CHECKSUM_LENGTH}}}"
        )

    def compose(self, token: ScimText) -> str:
        """The text for the directory."""
        body = f"{self._prefix}s_{token.public_id}_{token.secret}"
        return body + checksum(body)

    def parse(self, text: str) -> ScimText | None:
        """The parsed text; None where it is not exactly the text of such a token of this instance."""
        match = self._pattern.fullmatch(text)
        if match is None or checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
            return None
        return ScimText(match[1], match[2])


def new_scim_text() -> ScimText:
    """A new public id and a new secret of 256 random bits."""
    return ScimText(new_public_id(), encode_secret(secrets.token_bytes(SECRET_BYTES)))


def refuse_overspent(writes_in_hour: int, hour_ends_at: datetime | None, now: datetime) -> None:
    """Refuse with RateLimited where this change, which is counted already, is one too many."""
    if hour_ends_at is not None and not is_over(hour_ends_at, now) and writes_in_hour > MOST_WRITES:
        raise RateLimited(seconds_until(hour_ends_at, now), TOO_MANY_WRITES)

"""Why somebody is refused: facts, without HTTP. Each dialect has one table from these to its answers.

::

    Refusal
    ├── BadRequest              the request can't be understood, or a field is missing or wrong
    ├── BadCredentials          unknown user, wrong password, deactivated or password-less account
    ├── NotPermitted            known, but not allowed
    ├── LimitReached            allowed, but there are too many already
    ├── NotFound                no such thing, or not yours: the two are not told apart
    ├── FeatureOff              an administrator has turned this off
    ├── Conflict                the present state does not admit it
    ├── RateLimited             too many attempts
    ├── Unavailable             the database is away, or everything is busy
    └── TokenRefused            a token was needed, and
        ├── TokenMissing        there was none
        ├── TokenMalformed      what was sent is not one token text
        ├── TokenUnknown        no such token
        ├── UserIdMismatch      the user id beside it is somebody else's
        ├── TokenExpired        its time is over
        ├── TokenRevoked        somebody ended it, or its secret was replaced
        ├── TokenSuperseded     a newer access token took its place
        ├── OwnerDisabled       its owner is deactivated
        ├── OwnerDenied         its owner may have no API tokens, and it is one without a refresh token
        └── ApiTokensOff        all of that sort are turned off

``reason`` is the stable word a program can test; it is the same in every dialect. A refusal never carries a
secret. Not here: status codes, bodies and headers (``app/api/*/errors.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from app.domain.tokens import TokenKind


class Refusal(Exception):
    """The root: raise one of the classes below, catch this."""

    reason: ClassVar[str]


@dataclass(eq=False)
class BadRequest(Refusal):
    """`message`: a sentence for a person; `fields`: what is wrong with which member, when it is about members."""

    message: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    reason: ClassVar[str] = "bad_request"


@dataclass(eq=False)
class BadCredentials(Refusal):
    """Says no more than this on purpose: why is only for the log."""

    reason: ClassVar[str] = "bad_credentials"


@dataclass(eq=False)
class NotPermitted(Refusal):
    """`what`: the thing that is not allowed, as a sentence."""

    what: str
    reason: ClassVar[str] = "not_permitted"


@dataclass(eq=False)
class LimitReached(Refusal):
    """`limit`: how many `what` there may be."""

    what: str
    limit: int
    reason: ClassVar[str] = "limit_reached"


@dataclass(eq=False)
class NotFound(Refusal):
    """`what`: the kind of thing, such as "user"."""

    what: str
    reason: ClassVar[str] = "not_found"


@dataclass(eq=False)
class FeatureOff(Refusal):
    """`what`: which feature, and who can turn it on, as a sentence."""

    what: str
    reason: ClassVar[str] = "feature_off"


@dataclass(eq=False)
class Conflict(Refusal):
    """`what`: why not, as a sentence."""

    what: str
    reason: ClassVar[str] = "conflict"


@dataclass(eq=False)
class RateLimited(Refusal):
    """`retry_after`: whole seconds after which another attempt makes sense."""

    retry_after: int
    reason: ClassVar[str] = "rate_limited"


@dataclass(eq=False)
class Unavailable(Refusal):
    """`what`: what is away or busy; `retry_after`: whole seconds."""

    what: str
    retry_after: int = 1
    reason: ClassVar[str] = "unavailable"


@dataclass(eq=False)
class TokenRefused(Refusal):
    """`kind`: the tier that was asked for; `public_id` and `since`: known only to who held the secret."""

    kind: TokenKind
    public_id: str | None = None
    since: datetime | None = None


class TokenMissing(TokenRefused):
    reason = "token_missing"


class TokenMalformed(TokenRefused):
    reason = "token_malformed"


class TokenUnknown(TokenRefused):
    reason = "token_unknown"


class UserIdMismatch(TokenRefused):
    reason = "user_id_mismatch"


class TokenExpired(TokenRefused):
    reason = "token_expired"


class TokenRevoked(TokenRefused):
    reason = "token_revoked"


class TokenSuperseded(TokenRefused):
    reason = "token_superseded"


class OwnerDisabled(TokenRefused):
    reason = "owner_disabled"


class OwnerDenied(TokenRefused):
    reason = "owner_denied"


class ApiTokensOff(TokenRefused):
    reason = "api_tokens_off"


def every_refusal(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """All classes of the tree that are raised, that is, those with a reason."""
    for each in root.__subclasses__():
        if hasattr(each, "reason"):
            yield each
        yield from every_refusal(each)

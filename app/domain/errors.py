"""Refusals: the reasons why a call fails, without HTTP. Each dialect maps them to its answers in one table.

::

    Refusal
    ├── BadRequest              the request is malformed, or a field is missing or invalid
    ├── BadCredentials          unknown user, wrong password, disabled account, account without a password, and
    │   └── WrongCode           the right password, but a wrong or used code of the second factor
    ├── SessionEnded            the session ended while the request was under way
    ├── TemporaryPassword       the right password, but a temporary one that has expired
    ├── SecondFactorRequired    the right password, but of an account that needs a second factor, too
    ├── SignInRefused           the person is proved, but may not sign in this way
    ├── NotPermitted            authenticated, but not allowed
    ├── LimitReached            allowed, but the limit is reached
    ├── NotFound                it does not exist, or belongs to another user
    ├── FeatureOff              an administrator turned this off
    ├── Conflict                the current state does not allow it
    ├── RateLimited             too many attempts, or the limit of an hour is reached
    ├── Unavailable             the database is away, or everything is busy
    └── TokenRefused            a token is required, and
        ├── TokenMissing        none was sent
        ├── TokenMalformed      the text is not a token
        ├── TokenUnknown        it does not exist
        ├── UserIdMismatch      the user id sent with it is not its owner's
        ├── TokenExpired        it has expired
        ├── TokenRevoked        it was revoked, or its secret was replaced
        ├── TokenSuperseded     a newer access token took its place
        ├── OwnerDisabled       its owner is disabled
        ├── OwnerMustSignIn     its owner has not signed in at the provider for too long
        ├── OwnerDenied         it is a single-tier token and its owner may not have any
        └── ApiTokensOff        single-tier tokens are turned off

``reason`` is a stable word for programs, the same in every dialect. A refusal never holds a secret.
Not here: statuses, bodies and headers (``app/api/*/errors.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from app.domain.leavers import MUST_SIGN_IN
from app.domain.mistakes import Mistake, hint_at
from app.domain.tokens import TokenKind


class Refusal(Exception):
    """The base class. Raise one of the classes below."""

    reason: ClassVar[str]

    @property
    def hint(self) -> str | None:
        """What is wrong with what was sent, or what to do, as a sentence; None where no mistake is recognised."""
        return None


@dataclass(eq=False)
class BadRequest(Refusal):
    """`message`: a sentence; `fields`: the errors of each invalid member, by name."""

    message: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    reason: ClassVar[str] = "bad_request"


@dataclass(eq=False)
class BadCredentials(Refusal):
    """Holds no detail on purpose: which of the causes it was is for the log only."""

    reason: ClassVar[str] = "bad_credentials"


@dataclass(eq=False)
class WrongCode(BadCredentials):
    """Only for the right password, or in a session. Holds no detail: wrong, used and late ones are the same."""

    reason: ClassVar[str] = "wrong_code"


@dataclass(eq=False)
class SessionEnded(Refusal):
    """By its owner, an administrator, or a new password."""

    reason: ClassVar[str] = "session_ended"


@dataclass(eq=False)
class TemporaryPassword(Refusal):
    """Only for the right password. `what`: why it is not accepted and what to do, as a sentence."""

    what: str
    reason: ClassVar[str] = "temporary_password"


@dataclass(eq=False)
class SecondFactorRequired(Refusal):
    """Only for the right password. `what`: why it is not enough and what to do, as sentences."""

    what: str
    reason: ClassVar[str] = "second_factor_required"


@dataclass(eq=False)
class SignInRefused(Refusal):
    """Only for who has proved who they are. `what`: why, and what to do, as sentences; `why`: a stable word for it."""

    what: str
    why: str
    reason: ClassVar[str] = "sign_in_refused"


@dataclass(eq=False)
class NotPermitted(Refusal):
    """`what`: what is not allowed, as a sentence."""

    what: str
    reason: ClassVar[str] = "not_permitted"


@dataclass(eq=False)
class LimitReached(Refusal):
    """`limit`: the maximum number of `what`, such as "active refresh tokens"."""

    what: str
    limit: int
    reason: ClassVar[str] = "limit_reached"


@dataclass(eq=False)
class NotFound(Refusal):
    """`what`: the kind of object, such as "user"."""

    what: str
    reason: ClassVar[str] = "not_found"


@dataclass(eq=False)
class FeatureOff(Refusal):
    """`what`: the feature and who can turn it on, as a sentence."""

    what: str
    reason: ClassVar[str] = "feature_off"


@dataclass(eq=False)
class Conflict(Refusal):
    """`what`: the cause, as a sentence. `is_taken`: somebody or something else has what must be unique."""

    what: str
    is_taken: bool = False
    reason: ClassVar[str] = "conflict"


@dataclass(eq=False)
class RateLimited(Refusal):
    """`retry_after`: whole seconds until the next attempt; `what`: there was too much of, as sentences."""

    retry_after: int
    what: str = "Too many attempts to log in."
    reason: ClassVar[str] = "rate_limited"


@dataclass(eq=False)
class Unavailable(Refusal):
    """`what`: the part that is away or busy; `retry_after`: whole seconds."""

    what: str
    retry_after: int = 1
    reason: ClassVar[str] = "unavailable"


@dataclass(eq=False)
class TokenRefused(Refusal):
    """`kind`: the required tier. `public_id`, `since`, `is_single_tier`: set only where the secret was valid.

    `is_single_tier`: the token has no refresh token; its owner generates another instead of requesting one.
    `is_client`: whether it authenticates an OAuth client, and is not what a request is about.
    """

    kind: TokenKind
    public_id: str | None = None
    since: datetime | None = None
    is_single_tier: bool = False
    is_client: bool = field(default=False, kw_only=True)


class TokenMissing(TokenRefused):
    reason = "token_missing"


@dataclass(eq=False)
class TokenMalformed(TokenRefused):
    """`mistake`: the one that is recognised in the text, if any.

    `refresh_token`: the public id, where the text is that of a refresh token and an access token is required.
    """

    mistake: Mistake | None = None
    refresh_token: str | None = None
    reason: ClassVar[str] = "token_malformed"

    @property
    def hint(self) -> str | None:
        return None if self.mistake is None else hint_at(self.mistake, self.kind)


class TokenUnknown(TokenRefused):
    reason = "token_unknown"


class UserIdMismatch(TokenRefused):
    reason = "user_id_mismatch"


class TokenExpired(TokenRefused):
    reason = "token_expired"


@dataclass(eq=False)
class TokenRevoked(TokenRefused):
    """`how`: what became of the secret and what to do, as a sentence, where that is known."""

    how: str | None = None
    reason: ClassVar[str] = "token_revoked"


class TokenSuperseded(TokenRefused):
    reason = "token_superseded"


class OwnerDisabled(TokenRefused):
    reason = "owner_disabled"


class OwnerMustSignIn(TokenRefused):
    reason = "owner_must_sign_in"

    @property
    def hint(self) -> str | None:
        return MUST_SIGN_IN


class OwnerDenied(TokenRefused):
    reason = "owner_denied"


class ApiTokensOff(TokenRefused):
    reason = "api_tokens_off"


def every_refusal(root: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """All classes of the tree that have a reason."""
    for each in root.__subclasses__():
        if hasattr(each, "reason"):
            yield each
        yield from every_refusal(each)

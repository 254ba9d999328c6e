"""The error table of OAuth's endpoints: RFC 6749 section 5.2, and for tokens in headers RFC 6750 section 3.

``{"error": …, "error_description": …, "code": "<status>", "message": …, "detail": …, "reason": …}``: `message` and
`detail` repeat the description, because Alation's clients show text only where these are. `reason` is Daypass's, and so
is `hint`, where a mistake in the text of a token is recognised. Not here: the answer itself (``app.api.oauth.errors``
behind Flask, ``app.gate.oauth_answers`` before it).
"""

from typing import Any, NamedTuple

from app.domain import errors
from app.domain.errors import Refusal, TokenRefused
from app.domain.tokens import TokenKind
from app.http.challenges import BASIC, bearer_of
from app.http.public_url import PublicUrl

BAD_TOKEN = "The access token in the headers does not work."
BASIC_CLIENT = "Authenticate with HTTP Basic, or with an access token."

TABLE: dict[type[Refusal], tuple[int, str, str]] = {
    errors.BadRequest: (400, "invalid_request", "{message}"),
    errors.BadCredentials: (401, "invalid_client", "Unable to log in with provided credentials."),
    errors.SessionEnded: (401, "invalid_client", "The session has ended."),
    errors.TemporaryPassword: (401, "invalid_client", "{what}"),
    errors.WrongCode: (401, "invalid_client", "The code is wrong or was used."),
    errors.SecondFactorRequired: (401, "invalid_client", "{what}"),
    errors.SignInRefused: (401, "invalid_client", "{what}"),
    errors.NotPermitted: (403, "insufficient_scope", "{what}"),
    errors.LimitReached: (400, "invalid_request", "The limit of {what} is {limit}."),
    errors.NotFound: (400, "invalid_request", "There is no such {what}."),
    errors.FeatureOff: (400, "invalid_request", "{what}"),
    errors.Conflict: (400, "invalid_request", "{what}"),
    errors.RateLimited: (429, "temporarily_unavailable", "{what} Try again in {retry_after} seconds."),
    errors.Unavailable: (503, "temporarily_unavailable", "Temporarily unavailable: {what}. Try again shortly."),
    errors.TokenMissing: (401, "invalid_client", BASIC_CLIENT),
    errors.TokenMalformed: (401, "invalid_token", BAD_TOKEN),
    errors.TokenUnknown: (401, "invalid_token", BAD_TOKEN),
    errors.UserIdMismatch: (401, "invalid_token", BAD_TOKEN),
    errors.TokenExpired: (401, "invalid_token", BAD_TOKEN),
    errors.TokenRevoked: (401, "invalid_token", BAD_TOKEN),
    errors.TokenSuperseded: (401, "invalid_token", BAD_TOKEN),
    errors.OwnerDisabled: (401, "invalid_token", BAD_TOKEN),
    errors.OwnerMustSignIn: (401, "invalid_token", BAD_TOKEN),
    errors.OwnerDenied: (401, "invalid_token", BAD_TOKEN),
    errors.ApiTokensOff: (401, "invalid_token", BAD_TOKEN),
}
"""Status, error and description of each refusal. A refused token is the access token in the headers."""

CLIENT, GRANT = (401, "invalid_client"), (400, "invalid_grant")
"""Of a refused client secret, and of the refresh token that an access token is requested with. Spring reads the body of
a 400 only."""

OF_CLIENT: dict[type[TokenRefused], str] = {
    errors.TokenMissing: "Authenticate the client: with HTTP Basic, or with client_id and client_secret in the form.",
    errors.TokenMalformed: "The {text} is not the text of a {tier} token.",
    errors.TokenUnknown: "There is no {tier} token with this {text}.",
    errors.TokenExpired: "The {tier} token has expired.",
    errors.TokenRevoked: "The {tier} token was revoked, or its secret was replaced.",
    errors.OwnerDisabled: "The owner of the {tier} token is disabled.",
    errors.OwnerMustSignIn: "The owner of the {tier} token has not signed in for too long.",
}
"""The description of each refusal of a token that was sent as a secret; any other is a :data:`BAD_CLIENT`."""

BAD_CLIENT = "The {text} does not work."
TEXTS = {CLIENT: "client secret", GRANT: "secret"}

MISSING = "The parameter {} is missing."

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""RFC 6749, section 5.1."""


class Refused(NamedTuple):
    """An error: its status, the members of its body, and the challenges beside it."""

    status: int
    members: dict[str, Any]
    challenges: list[str]


def refused(refusal: Refusal, not_permitted: tuple[int, str], public_url: PublicUrl | None) -> Refused:
    """What a refusal is answered with. `not_permitted`: status and error of a NotPermitted, by the credential."""
    status, error, description = _line(refusal, not_permitted)
    challenges = [BASIC] if error == "invalid_client" else []
    if not _is_of_secret(refusal):
        if isinstance(refusal, errors.TokenMissing):  # both schemes are accepted
            challenges.append(bearer_of(public_url))
        elif isinstance(refusal, TokenRefused) or error == "insufficient_scope":
            challenges.append(bearer_of(public_url, error))
    text = description.format_map(vars(refusal))
    return Refused(status, error_members(status, error, text, refusal.reason, refusal.hint), challenges)


def not_permitted(*, is_by_token: bool, is_introspection: bool) -> tuple[int, str]:
    """Status and error of a NotPermitted by the kind of credential: only a token has a scope."""
    if not is_by_token:  # by password, as a client of RFC 6749
        return 400, "unauthorized_client"
    # RFC 7662, section 2.3, requires 401 where RFC 6750 has 403.
    return 401 if is_introspection else 403, "insufficient_scope"


def error_members(status: int, error: str, description: str, reason: str, hint: str | None = None) -> dict[str, Any]:
    """The members of an error's body."""
    text = _printable(description)
    members = {"error": error, "error_description": text, "code": str(status), "message": text, "detail": text}
    return members | {"reason": reason} | ({"hint": hint} if hint else {})


def _line(refusal: Refusal, not_permitted: tuple[int, str]) -> tuple[int, str, str]:
    if isinstance(refusal, TokenRefused) and _is_of_secret(refusal):
        status_and_error = CLIENT if refusal.is_client else GRANT
        description = OF_CLIENT.get(type(refusal), BAD_CLIENT).replace("{text}", TEXTS[status_and_error])
        return *status_and_error, description.replace("{tier}", refusal.kind)
    status, error, description = TABLE[type(refusal)]
    if isinstance(refusal, errors.NotPermitted):
        status, error = not_permitted
    return status, error, description


def _is_of_secret(refusal: Refusal) -> bool:
    """Whether the refused token was sent as a secret, and not in the headers as what it is."""
    return isinstance(refusal, TokenRefused) and (refusal.is_client or refusal.kind is TokenKind.REFRESH)


def _printable(text: str) -> str:
    """RFC 6749 section 5.2 allows printable ASCII without quotation marks and backslashes."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "'" for each in text)

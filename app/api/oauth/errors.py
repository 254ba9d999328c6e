"""The error tables of the OAuth dialect: RFC 6749 section 5.2, and for tokens in headers RFC 6750 section 3.

``{"error": …, "error_description": …, "code": "<status>", "message": …, "detail": …, "reason": …}``: `message` and
`detail` repeat the description, because Alation's clients show text only where these are. `reason` is Daypass's, and so
is `hint`, where a mistake in the text of a token is recognised.
"""

from flask import Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from app.api.oauth.schemas import ErrorOut
from app.domain import errors
from app.domain.errors import Refusal, TokenRefused
from app.domain.tokens import TokenKind
from app.http.challenges import BASIC, bearer
from app.http.errors import Dialect, reason_of
from app.http.openapi import ErrorAnswers

PREFIX = "/oauth/"
INTROSPECTION = "oauth_introspection"

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
"""Of a refused refresh token: the client's own, and the one that an access token is requested with. Spring reads the
body of a 400 only."""

REFRESH_TOKENS: dict[type[TokenRefused], str] = {
    errors.TokenMissing: "Authenticate the client: with HTTP Basic, or with client_id and client_secret in the form.",
    errors.TokenMalformed: "The {text} is not the text of a refresh token.",
    errors.TokenUnknown: "There is no refresh token with this {text}.",
    errors.TokenExpired: "The refresh token has expired.",
    errors.TokenRevoked: "The refresh token was revoked, or its secret was replaced.",
    errors.OwnerDisabled: "The owner of the refresh token is disabled.",
    errors.OwnerMustSignIn: "The owner of the refresh token has not signed in for too long.",
}
"""The description of each refusal of a refresh token; any other is a :data:`BAD_CLIENT`."""

BAD_CLIENT = "The {text} does not work."
TEXTS = {CLIENT: "client secret", GRANT: "secret"}

ERRORS = ErrorAnswers(ErrorOut, (400, 401, 403, 413, 429, 500, 503))
TOKEN_ERRORS = ErrorAnswers(ErrorOut, (400, 401, 413, 429, 500, 503))

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""RFC 6749, section 5.1."""


def refuse(refusal: Refusal) -> Response:
    """The answer to a refusal."""
    status, error, description = _line(refusal)
    answer = _answer(status, error, description.format_map(vars(refusal)), refusal.reason, refusal.hint)
    if error == "invalid_client":
        answer.headers.add("WWW-Authenticate", BASIC)
    if _is_of_refresh_token(refusal):
        return answer
    if isinstance(refusal, errors.TokenMissing):  # both schemes are accepted
        answer.headers.add("WWW-Authenticate", bearer())
    elif isinstance(refusal, TokenRefused) or error == "insufficient_scope":
        answer.headers.add("WWW-Authenticate", bearer(error))
    return answer


def _line(refusal: Refusal) -> tuple[int, str, str]:
    if isinstance(refusal, TokenRefused) and _is_of_refresh_token(refusal):
        status_and_error = CLIENT if refusal.is_client else GRANT
        description = REFRESH_TOKENS.get(type(refusal), BAD_CLIENT)
        return *status_and_error, description.replace("{text}", TEXTS[status_and_error])
    status, error, description = TABLE[type(refusal)]
    if isinstance(refusal, errors.NotPermitted):
        status, error = _not_permitted()
    return status, error, description


def _is_of_refresh_token(refusal: Refusal) -> bool:
    return isinstance(refusal, TokenRefused) and refusal.kind is TokenKind.REFRESH


def _not_permitted() -> tuple[int, str]:
    """Status and error by the kind of credential: only a token has a scope."""
    if "principal" not in g:  # by password, as a client of RFC 6749
        return 400, "unauthorized_client"
    # RFC 7662, section 2.3, requires 401 where RFC 6750 has 403.
    return 401 if request.blueprint == INTROSPECTION else 403, "insufficient_scope"


def fail(error: HTTPException) -> Response:
    """The answer to an HTTP error."""
    status = error.code or 500
    word = getattr(error, "error", "server_error" if status >= 500 else "invalid_request")
    return _answer(status, word, str(error.description), reason_of(error))


def _answer(status: int, error: str, description: str, reason: str, hint: str | None = None) -> Response:
    text = _printable(description)
    members = {"error": error, "error_description": text, "code": str(status), "message": text, "detail": text}
    answer = jsonify(members | {"reason": reason} | ({"hint": hint} if hint else {}))
    answer.status_code = status
    return keep_nowhere(answer)


def keep_nowhere(answer: Response) -> Response:
    """Add the headers of all answers: none is kept by a cache, not even one of HTTP/1.0."""
    answer.headers.update(NO_STORE)
    return answer


def _printable(text: str) -> str:
    """RFC 6749 section 5.2 allows printable ASCII without quotation marks and backslashes."""
    return "".join(each if " " <= each <= "~" and each not in '"\\' else "'" for each in text)


DIALECT = Dialect(PREFIX, refuse, fail)

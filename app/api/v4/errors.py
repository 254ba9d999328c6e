"""The error table of the Trifacta dialect: ``{"exception": {"name", "message", "details"}}``.

`hint` beside them: where a mistake in a token's text is recognised.
"""

from flask import Response, g, jsonify
from werkzeug.exceptions import HTTPException

from app.api.v4.schemas import ErrorOut
from app.domain import errors
from app.domain.errors import Refusal
from app.http.challenges import BASIC, bearer
from app.http.errors import Dialect
from app.http.openapi import ErrorAnswers

PREFIX = "/v4"

INVALID = ("ValidationFailed", "Input validation failed")
MISSING = ("MissingPersonException", "Person is missing")
FORBIDDEN = ("AccessControlException", "Access denied")
NO_DATA = ("DataNotFoundException", "Data not found")
NO_ROUTE = ("RouteNotFoundException", "Route doesn't exist")
BUSY = ("TooManyRequestsException", "Too many requests")
AWAY = ("ServiceUnavailableException", "The service is temporarily unavailable")

NO_CREDENTIALS = "Send HTTP Basic credentials, or an access token as Bearer."

TABLE: dict[type[Refusal], tuple[int, tuple[str, str], str]] = {
    errors.BadRequest: (400, INVALID, "{message}"),
    errors.BadCredentials: (401, MISSING, "Incorrect user name or password."),
    errors.SessionEnded: (401, MISSING, "The session has ended."),
    errors.TemporaryPassword: (401, MISSING, "{what}"),
    errors.WrongCode: (401, MISSING, "The code is wrong or was used."),
    errors.SecondFactorRequired: (401, MISSING, "{what}"),
    errors.SignInRefused: (403, FORBIDDEN, "{what}"),
    errors.NotPermitted: (403, FORBIDDEN, "{what}"),
    errors.LimitReached: (403, FORBIDDEN, "The limit of {what} is {limit}; delete some first."),
    errors.NotFound: (404, NO_DATA, "There is no such {what}."),
    errors.FeatureOff: (404, NO_ROUTE, "{what}"),
    errors.Conflict: (409, ("ConflictException", "Conflict"), "{what}"),
    errors.RateLimited: (429, BUSY, "{what} Try again in {retry_after} seconds."),
    errors.Unavailable: (503, AWAY, "{what}"),
    errors.TokenMissing: (401, MISSING, NO_CREDENTIALS),
    errors.TokenMalformed: (401, MISSING, "This is not an access token."),
    errors.TokenUnknown: (401, MISSING, "There is no such access token."),
    errors.UserIdMismatch: (401, MISSING, "The access token is another user's."),
    errors.TokenExpired: (401, MISSING, "The access token has expired."),
    errors.TokenRevoked: (401, MISSING, "The access token was deleted or revoked."),
    errors.TokenSuperseded: (401, MISSING, "The access token was replaced by a newer one."),
    errors.OwnerDisabled: (401, MISSING, "The owner of the token is disabled."),
    errors.OwnerMustSignIn: (401, MISSING, "The owner of the token has not signed in for too long."),
    errors.OwnerDenied: (401, MISSING, "API access tokens are disabled for the owner of the token."),
    errors.ApiTokensOff: (401, MISSING, "API access tokens are turned off. An administrator can turn them on."),
}
"""Status, name and message, and details of each refusal."""

HTTP_NAMES = {
    404: NO_ROUTE,
    405: ("MethodNotAllowedException", "Method not allowed"),
    413: ("RequestEntityTooLargeException", "The request's body is larger than 16 KiB"),
    415: ("UnsupportedMediaTypeException", "Send JSON"),
    500: ("InternalServerException", "Something went wrong"),
}

ERRORS = ErrorAnswers(ErrorOut, (400, 401, 403, 404, 413, 415, 429, 500, 503))

FIELDS = {"lifetime": "lifetimeSeconds"}
"""Members whose name in the services differs."""


def refuse(refusal: Refusal) -> Response:
    """The answer to a refusal."""
    status, named, details = TABLE[type(refusal)]
    text = details.format_map(vars(refusal))
    if isinstance(refusal, errors.BadRequest) and refusal.fields:
        fields = refusal.fields.items()
        text = "; ".join(f"{FIELDS.get(name, name)}: {' '.join(messages)}" for name, messages in fields)
    answer = _answer(status, named, text, refusal.hint)
    if status == 401:
        for challenge in (BASIC, bearer()):
            answer.headers.add("WWW-Authenticate", challenge)
    if isinstance(refusal, errors.RateLimited):
        answer.headers["x-retry-after"] = str(refusal.retry_after)
    return answer


def fail(error: HTTPException) -> Response:
    """The answer to an HTTP error."""
    status = error.code or 500
    return _answer(status, HTTP_NAMES.get(status, INVALID), None if status in HTTP_NAMES else error.description)


def _answer(status: int, named: tuple[str, str], details: str | None, hint: str | None = None) -> Response:
    name, message = named
    members = {"name": name, "message": message, "details": details}
    answer = jsonify({"exception": members | ({"hint": hint} if hint else {})})
    answer.status_code = status
    return name_request(answer)


def name_request(answer: Response) -> Response:
    """Add the request id of the log."""
    answer.headers["x-trifacta-request-id"] = g.request_id
    return answer


DIALECT = Dialect(PREFIX, refuse, fail)

"""The error table of the Alation dialect.

``{"detail": …, "code": "<status>000", "message": <the same>, "reason": …}``, and `hint` where a mistake in a token's
text is recognised. Clients mint again on 401 of a token endpoint, and on 403 of a resource where they sent ``TOKEN``;
those that send ``Authorization: Bearer`` do on 401.
"""

from flask import Response, jsonify, request
from werkzeug.exceptions import HTTPException

from app.api.integration_v1.schemas import ErrorOut
from app.domain import errors
from app.domain.errors import Refusal, TokenRefused, every_refusal
from app.domain.masking import mask
from app.domain.tokens import TokenKind
from app.http.challenges import bearer
from app.http.errors import Dialect, reason_of
from app.http.openapi import ErrorAnswers

PREFIX = "/integration/"
RESOURCES = "integration_v1_resources"

LABELS = {TokenKind.REFRESH: "Refresh token", TokenKind.ACCESS: "API Access Token"}

INVALID = "{label} provided is invalid."
ENDED = "{label} provided is expired or revoked."
NO_CREDENTIALS = "Authentication credentials were not provided."

TABLE: dict[type[Refusal], tuple[int, str]] = {
    errors.BadRequest: (400, "{message}"),
    errors.BadCredentials: (401, "Unable to log in with provided credentials."),
    errors.SessionEnded: (401, "The session has ended."),
    errors.TemporaryPassword: (401, "{what}"),
    errors.WrongCode: (401, "The code is wrong or was used."),
    errors.SecondFactorRequired: (401, "{what}"),
    errors.SignInRefused: (403, "{what}"),
    errors.NotPermitted: (403, "{what}"),
    errors.LimitReached: (403, "The limit of {what} for this account is {limit}; revoke some first."),
    errors.NotFound: (404, "Not found."),
    errors.FeatureOff: (404, "{what}"),
    errors.Conflict: (409, "{what}"),
    errors.RateLimited: (429, "{what} Try again in {retry_after} seconds."),
    errors.Unavailable: (503, "The service is temporarily unavailable: {what}. Try again shortly."),
    errors.TokenMissing: (401, INVALID),
    errors.TokenMalformed: (401, INVALID),
    errors.TokenUnknown: (401, INVALID),
    errors.UserIdMismatch: (401, INVALID),
    errors.TokenExpired: (401, ENDED),
    errors.TokenRevoked: (401, ENDED),
    errors.TokenSuperseded: (401, ENDED),
    errors.OwnerDisabled: (401, ENDED),
    errors.OwnerMustSignIn: (401, ENDED),
    errors.OwnerDenied: (401, ENDED),
    errors.ApiTokensOff: (401, ENDED),
}
"""Status and detail of each refusal at the token endpoints."""

RESOURCE_TABLE = TABLE | {
    refusal: (403, NO_CREDENTIALS) for refusal in every_refusal() if issubclass(refusal, TokenRefused)
}
"""The same for resources, where the token came as ``TOKEN``, or none did."""

TOKEN_ERRORS = ErrorAnswers(ErrorOut, (400, 401, 403, 409, 413, 415, 429, 500, 503))
RESOURCE_ERRORS = ErrorAnswers(ErrorOut, (400, 401, 403, 500, 503))

HTTP_DETAILS = {
    400: "{description}",
    404: "Not found.",
    405: 'Method "{method}" not allowed.',
    413: "The request's body is larger than 16 KiB.",
    415: 'Unsupported media type "{media_type}" in request.',
    500: "A server error occurred. Its request id is in the X-Request-Id header.",
}


def refuse(refusal: Refusal) -> Response:
    """The answer to a refusal."""
    at_token_endpoint = request.blueprint != RESOURCES
    status, detail = (TABLE if at_token_endpoint else RESOURCE_TABLE)[type(refusal)]
    label = LABELS[refusal.kind] if isinstance(refusal, TokenRefused) else ""
    message = detail.format(label=label, **vars(refusal)) if detail != "{message}" else vars(refusal)["message"]
    reason = refusal.reason
    if at_token_endpoint and isinstance(refusal, errors.TokenMalformed) and refusal.hint is None:
        reason = errors.TokenUnknown.reason  # in a body, text without a recognised mistake is an unknown token
    fields = refusal.fields if isinstance(refusal, errors.BadRequest) else {}
    if not at_token_endpoint and _came_as_bearer(refusal):
        answer = _answer(401, message, reason, fields, refusal.hint)
        answer.headers["WWW-Authenticate"] = bearer("invalid_token")
        return answer
    return _answer(status, message, reason, fields, refusal.hint)


def _came_as_bearer(refusal: Refusal) -> bool:
    if not isinstance(refusal, TokenRefused) or isinstance(refusal, errors.TokenMissing):
        return False
    return "Authorization" in request.headers and "TOKEN" not in request.headers


def fail(error: HTTPException) -> Response:
    """The answer to an HTTP error."""
    status = error.code or 500
    detail = HTTP_DETAILS.get(status, "{description}").format(
        description=error.description, method=mask(request.method), media_type=mask(request.mimetype)
    )
    return _answer(status, detail, reason_of(error), {})


def _answer(status: int, message: str, reason: str, fields: dict[str, list[str]], hint: str | None = None) -> Response:
    """`fields` are at top level, in `detail`, and as one sentence in `message`."""
    if fields:
        message = "; ".join(f"{name}: {' '.join(messages)}" for name, messages in fields.items())
    common = {"detail": fields or message, "code": f"{status}000", "message": message, "reason": reason}
    answer = jsonify(fields | common | ({"hint": hint} if hint else {}))
    answer.status_code = status
    return answer


DIALECT = Dialect(PREFIX, refuse, fail)

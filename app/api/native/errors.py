"""The native API's table from refusals to answers: RFC 9457 problems, with `reason`, a stable word for programs.

`hint`: where a mistake in a token's text is recognised.
"""

from http import HTTPStatus
from typing import Any

from flask import Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from app.api.native.admin_schemas import CreatedUserOut
from app.api.native.schemas import ProblemOut
from app.domain import errors
from app.domain.errors import Refusal, TokenRefused, every_refusal
from app.domain.masking import mask
from app.domain.tokens import TokenKind
from app.http.challenges import BASIC, bearer
from app.http.context import services
from app.http.errors import Dialect, reason_of
from app.http.openapi import ErrorAnswers
from app.services.idempotency import Repeated

PREFIX = "/api/v1/"
PROBLEM = "application/problem+json"
CHECKING = "native_checking"
"""The blueprint that also accepts what HTTP Basic sends."""

LABELS = {TokenKind.REFRESH: "refresh token", TokenKind.ACCESS: "access token"}

TABLE: dict[type[Refusal], tuple[int, str]] = {
    errors.BadRequest: (400, "{message}"),
    errors.BadCredentials: (401, "The user name or the secret is wrong, or the user does not exist or is disabled."),
    errors.SessionEnded: (401, "The session has ended."),
    errors.TemporaryPassword: (401, "{what}"),
    errors.WrongCode: (401, "The code is wrong or was used."),
    errors.SecondFactorRequired: (401, "{what}"),
    errors.SignInRefused: (403, "{what}"),
    errors.NotPermitted: (403, "{what}"),
    errors.LimitReached: (403, "This account already has {limit} {what}. Revoke one first."),
    errors.NotFound: (404, "There is no such {what}."),
    errors.FeatureOff: (404, "{what}"),
    errors.Conflict: (409, "{what}"),
    errors.RateLimited: (429, "{what} Try again in {retry_after} seconds."),
    errors.Unavailable: (503, "The service is temporarily unavailable: {what}. Try again shortly."),
    errors.TokenMissing: (401, "Send an access token, as TOKEN or as Authorization: Bearer."),
    errors.TokenMalformed: (401, "This is not a valid {label}."),
    errors.TokenUnknown: (401, "There is no such {label}."),
    errors.UserIdMismatch: (401, "The {label} belongs to another user."),
    errors.TokenExpired: (401, "The {label} has expired."),
    errors.TokenRevoked: (401, "The {label} was revoked, or its secret was replaced."),
    errors.TokenSuperseded: (401, "The {label} was replaced by a newer one."),
    errors.OwnerDisabled: (401, "The owner of the {label} is disabled."),
    errors.OwnerMustSignIn: (401, "The owner of the {label} has not signed in for too long."),
    errors.OwnerDenied: (401, "API tokens are disabled for the owner of the {label}."),
    errors.ApiTokensOff: (401, "API tokens are turned off. A server administrator can turn them on."),
}
"""Status and detail of each refusal."""

NAMED_TABLE = TABLE | {kind: (409, TABLE[kind][1]) for kind in every_refusal() if issubclass(kind, TokenRefused)}
"""For a refresh token named in the path: the caller's own credential was accepted."""

HTTP_DETAILS = {
    404: "This path does not exist.",
    405: "This path does not support {method}.",
    415: "Send JSON, as application/json.",
    500: "Something went wrong. Find the request id in the log.",
}

TOKEN_ERRORS = ErrorAnswers(ProblemOut, (400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 503), PROBLEM)
CHECKING_ERRORS = ErrorAnswers(ProblemOut, (400, 401, 403, 405, 413, 415, 429, 500, 503), PROBLEM)
MINTING_ERRORS = ErrorAnswers(ProblemOut, (400, 401, 405, 409, 413, 415, 429, 500, 503), PROBLEM)


def refuse(refusal: Refusal) -> Response:
    """The answer to a refusal."""
    is_named = isinstance(refusal, TokenRefused) and refusal.kind is TokenKind.REFRESH and bool(request.view_args)
    status, detail = (NAMED_TABLE if is_named else TABLE)[type(refusal)]
    label = LABELS[refusal.kind] if isinstance(refusal, TokenRefused) else ""
    text = detail.format_map(vars(refusal) | {"label": label})
    if isinstance(refusal, errors.TokenRevoked) and refusal.how:
        text = refusal.how
    fields = refusal.fields if isinstance(refusal, errors.BadRequest) else {}
    answer = _problem(status, text, refusal.reason, fields, refusal.hint)
    if status == 401:  # RFC 6750, section 3: without a token, the challenge has no error code
        error = "" if isinstance(refusal, errors.TokenMissing) else "invalid_token"
        answer.headers["WWW-Authenticate"] = bearer(error)
        if request.blueprint == CHECKING:
            answer.headers.add("WWW-Authenticate", BASIC)
    return answer


def fail(error: HTTPException) -> Response:
    """The answer to an HTTP error."""
    status = error.code or 500
    detail = HTTP_DETAILS.get(status, "{description}").format(
        description=error.description, method=mask(request.method)
    )
    return _problem(status, detail, reason_of(error), {})


def _problem(status: int, detail: str, reason: str, fields: dict[str, list[str]], hint: str | None = None) -> Response:
    # With the type about:blank, the title is the status's own (RFC 9457, section 4.2.1).
    members: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    members |= {"detail": detail, "reason": reason, "request_id": g.request_id}
    answer = jsonify(members | ({"fields": fields} if fields else {}) | ({"hint": hint} if hint else {}))
    answer.status_code = status
    answer.mimetype = PROBLEM
    return answer


def repeat(repeated: Repeated) -> Response:
    """The answer to a repeat under an Idempotency-Key: what was created, without the secret."""
    if repeated.kind == "user":
        user = vars(services().accounts.get_ever(repeated.handle))
        return jsonify(CreatedUserOut().dump(user | {"secret_already_shown": True}))
    return jsonify({"public_id": repeated.handle, "secret_already_shown": True})


DIALECT = Dialect(PREFIX, refuse, fail, repeat)

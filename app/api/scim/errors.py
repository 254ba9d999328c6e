"""SCIM's table from refusals to answers: RFC 7644, section 3.12. Its schema has no place for Daypass's `reason`.

Without ``scim2_models``, which is loaded for the first request of a directory only (``routes``).
"""

from http import HTTPStatus

from flask import Response, jsonify
from werkzeug.exceptions import HTTPException

from app.domain import errors
from app.domain.errors import Refusal
from app.http.body import SCIM
from app.http.challenges import bearer
from app.http.errors import Dialect

PREFIX = "/scim/"
SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"

BAD_TOKEN = "Send an active SCIM token as Authorization: Bearer. Administrators create one on the page Provisioning."

TABLE: dict[type[Refusal], tuple[int, str, str]] = {
    errors.BadRequest: (400, "invalidValue", "{message}"),
    errors.BadCredentials: (401, "", BAD_TOKEN),
    errors.SessionEnded: (401, "", BAD_TOKEN),
    errors.TemporaryPassword: (401, "", "{what}"),
    errors.SignInRefused: (401, "", BAD_TOKEN),
    errors.WrongCode: (401, "", BAD_TOKEN),
    errors.SecondFactorRequired: (401, "", "{what}"),
    errors.NotPermitted: (403, "", "{what}"),
    errors.LimitReached: (403, "", "The limit of {what} is {limit}."),
    errors.NotFound: (404, "", "There is no such {what}."),
    errors.FeatureOff: (404, "", "{what}"),
    errors.Conflict: (409, "", "{what}"),
    errors.RateLimited: (429, "", "{what} Try again in {retry_after} seconds."),
    errors.Unavailable: (503, "", "Temporarily unavailable: {what}. Try again shortly."),
    errors.TokenMissing: (401, "", BAD_TOKEN),
    errors.TokenMalformed: (401, "", BAD_TOKEN),
    errors.TokenUnknown: (401, "", BAD_TOKEN),
    errors.UserIdMismatch: (401, "", BAD_TOKEN),
    errors.TokenExpired: (401, "", "The SCIM token has expired. Create another one."),
    errors.TokenRevoked: (401, "", "The SCIM token was revoked. Create another one."),
    errors.TokenSuperseded: (401, "", BAD_TOKEN),
    errors.OwnerDisabled: (401, "", BAD_TOKEN),
    errors.OwnerMustSignIn: (401, "", BAD_TOKEN),
    errors.OwnerDenied: (401, "", BAD_TOKEN),
    errors.ApiTokensOff: (401, "", BAD_TOKEN),
}
"""Status, scimType (RFC 7644, table 9) and detail of each refusal."""

DETAILS = {
    404: "This path does not exist.",
    405: "This path does not support the method.",
    412: "The resource has changed: this is not its present version.",
    413: "The request's body is larger than 512 KiB. Send the members of a group in parts.",
    415: "Send JSON, as application/scim+json.",
    501: "This part of SCIM is not supported.",
    500: "Something went wrong. Find the request id in the log.",
}


class InvalidMessage(HTTPException):
    """What SCIM itself does not allow. `scim_type`: of RFC 7644, table 9, if any."""

    def __init__(self, code: int, scim_type: str | None, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.scim_type = scim_type


def refuse(refusal: Refusal) -> Response:
    """The answer to a refusal."""
    status, scim_type, detail = TABLE[type(refusal)]
    if isinstance(refusal, errors.BadRequest) and not refusal.fields:
        scim_type = "invalidSyntax"
    if isinstance(refusal, errors.Conflict) and refusal.is_taken:
        scim_type = "uniqueness"
    answer = _answer(status, scim_type, detail.format_map(vars(refusal)))
    if status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = bearer("" if isinstance(refusal, errors.TokenMissing) else "invalid_token")
    return answer


def fail(error: HTTPException) -> Response:
    """The answer to an HTTP error."""
    status = error.code or 500
    scim_type = error.scim_type if isinstance(error, InvalidMessage) else None
    detail = str(error.description) if isinstance(error, InvalidMessage) else DETAILS.get(status)
    return _answer(status, scim_type or "", detail or HTTPStatus(status).phrase)


def _answer(status: int, scim_type: str, detail: str) -> Response:
    members = {"schemas": [SCHEMA], "status": str(status)} | ({"scimType": scim_type} if scim_type else {})
    answer = jsonify(members | {"detail": detail})
    answer.status_code = status
    answer.mimetype = SCIM
    return answer


DIALECT = Dialect(PREFIX, refuse, fail)

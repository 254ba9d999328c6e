"""Answers of the OAuth dialect to refusals and HTTP errors. Not here: the table of refusals (``http``)."""

from flask import Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from app.api.oauth.schemas import ErrorOut
from app.domain.errors import Refusal
from app.http.context import parts
from app.http.errors import Dialect, reason_of
from app.http.oauth_refusals import NO_STORE, error_members, not_permitted, refused
from app.http.openapi import ErrorAnswers

PREFIX = "/oauth/"
INTROSPECTION = "oauth_introspection"

ERRORS = ErrorAnswers(ErrorOut, (400, 401, 403, 413, 429, 500, 503))
TOKEN_ERRORS = ErrorAnswers(ErrorOut, (400, 401, 413, 429, 500, 503))


def refuse(refusal: Refusal) -> Response:
    """The answer to a refusal."""
    is_introspection = request.blueprint == INTROSPECTION
    by_credential = not_permitted(is_by_token="principal" in g, is_introspection=is_introspection)
    status, members, challenges = refused(refusal, by_credential, parts().public_url)
    answer = _answer(status, members)
    for challenge in challenges:
        answer.headers.add("WWW-Authenticate", challenge)
    return answer


def fail(error: HTTPException) -> Response:
    """The answer to an HTTP error."""
    status = error.code or 500
    word = getattr(error, "error", "server_error" if status >= 500 else "invalid_request")
    return _answer(status, error_members(status, word, str(error.description), reason_of(error)))


def _answer(status: int, members: dict[str, object]) -> Response:
    answer = jsonify(members)
    answer.status_code = status
    return keep_nowhere(answer)


def keep_nowhere(answer: Response) -> Response:
    """Add the headers of all answers: none is kept by a cache, not even one of HTTP/1.0."""
    answer.headers.update(NO_STORE)
    return answer


DIALECT = Dialect(PREFIX, refuse, fail)

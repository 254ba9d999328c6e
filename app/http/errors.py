"""Error dispatch: a refusal becomes an answer in the dialect of the path it happened under.

Here belong the dispatch and the answers outside any dialect (RFC 9457 problems). Not here: a dialect's own
table. Whatever goes wrong, the answer is JSON, and nothing of the inside is in it but the request id.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, InternalServerError

from app.domain.errors import FeatureOff, NotFound, RateLimited, Refusal, TokenSuperseded, Unavailable
from app.http.context import caller, services
from app.services.idempotency import Repeated

LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Dialect:
    """The answers under `prefix` that no view returns: `refuse` for refusals, `fail` for HTTP's own errors.

    `repeat`: for a creating call that was done before, where there are idempotency keys.
    """

    prefix: str
    refuse: Callable[[Refusal], Response]
    fail: Callable[[HTTPException], Response]
    repeat: Callable[[Repeated], Response] | None = None


def install_error_dispatch(app: Flask, dialects: Sequence[Dialect]) -> None:
    """Register the handlers, after whatever else registers some."""

    def speak(error: Exception) -> Response:
        dialect = _dialect(dialects, request.path)
        if isinstance(error, Repeated) and dialect.repeat is not None:
            return dialect.repeat(error)
        if isinstance(error, Refusal):
            g.reason = error.reason
            if isinstance(error, TokenSuperseded):
                services().sightings.report(error, caller())
            answer = dialect.refuse(error)
            if isinstance(error, RateLimited | Unavailable):
                answer.headers["Retry-After"] = str(error.retry_after)
            return answer
        if not isinstance(error, HTTPException):
            LOG.error("request_failed", exc_info=error)
            error = InternalServerError()
        answer = dialect.fail(error)
        for name, value in error.get_headers():
            if name.lower() in ("allow", "retry-after"):
                answer.headers[name] = value
        return answer

    for kind in (Refusal, HTTPException, Exception):
        app.register_error_handler(kind, speak)


def _dialect(dialects: Sequence[Dialect], path: str) -> Dialect:
    # A dialect that takes its paths in any letter case has respelt them before Flask saw them.
    return next((each for each in dialects if path.startswith(each.prefix)), PROBLEMS)


def reason_of(error: HTTPException) -> str:
    """A stable word for one of HTTP's own errors, such as ``method_not_allowed``."""
    # Werkzeug's name, for Python's own phrases change from version to version.
    return error.name.lower().replace(" ", "_").replace("-", "_")


def _problem(status: int, title: str, reason: str) -> Response:
    """RFC 9457."""
    answer = jsonify(
        {
            "type": "about:blank",
            "title": title,
            "status": status,
            "reason": reason,
            "request_id": g.request_id,
        }
    )
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    return answer


def _fail(error: HTTPException) -> Response:
    code = error.code or 500
    return _problem(code, HTTPStatus(code).phrase, reason_of(error))


def _refuse(error: Refusal) -> Response:
    if isinstance(error, Unavailable):
        return _problem(503, "Service Unavailable", error.reason)
    if isinstance(error, NotFound | FeatureOff):
        return _problem(404, "Not Found", error.reason)
    return _problem(400, "Bad Request", error.reason)


PROBLEMS = Dialect("", _refuse, _fail)
"""What is said outside every dialect."""

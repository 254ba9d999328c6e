"""Error dispatch: a refusal or error is answered in the dialect of its path, or else as an RFC 9457 problem.

Outside all dialects a browser is answered with a page (``browsers``). Each other answer is JSON; none reveals anything
internal but the request id. Not here: the dialects' tables.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, InternalServerError

from app.domain.audit import ADMINISTRATION_REFUSED
from app.domain.errors import (
    BadRequest,
    Conflict,
    FeatureOff,
    NotFound,
    NotPermitted,
    RateLimited,
    Refusal,
    TokenMalformed,
    TokenSuperseded,
    Unavailable,
)
from app.domain.masking import mask
from app.http.browsers import is_of_programs, wants_page
from app.http.context import caller, services
from app.http.guards import is_administrative
from app.http.hosts import MisdirectedRequest
from app.http.tracing import HEADERS
from app.services.idempotency import Repeated

LOG = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Dialect:
    """The error answers of paths under `prefix`: `refuse` for refusals, `fail` for HTTP errors.

    `repeat`: for a repeat under an Idempotency-Key. `is_one_path`: of that path alone, and of requests that
    browsers send for it: CONNECT has no path.
    """

    prefix: str
    refuse: Callable[[Refusal], Response]
    fail: Callable[[HTTPException], Response]
    repeat: Callable[[Repeated], Response] | None = None
    is_one_path: bool = False

    def is_of(self, path: str) -> bool:
        """Whether a request of this path is answered in it."""
        if self.is_one_path:
            return path == self.prefix and request.method in ("GET", "HEAD")
        return path.startswith(self.prefix)


def install_error_dispatch(app: Flask, dialects: Sequence[Dialect], pages: Dialect) -> None:
    """Register the handlers, after all others. `pages`: for browsers, where no dialect answers."""

    def answer_error(error: Exception) -> Response:
        dialect = _dialect(dialects, request.path)
        if dialect is not None or is_of_programs(request.path):
            return _answer(dialect or PROBLEMS, error)
        answer = _answer(pages if wants_page(request.environ) else PROBLEMS, error)
        answer.headers["Vary"] = f"{answer.headers.get('Vary', HEADERS['Vary'])}, Accept"
        return answer

    for kind in (Refusal, HTTPException, Exception):
        app.register_error_handler(kind, answer_error)


def _answer(dialect: Dialect, error: Exception) -> Response:
    if isinstance(error, Repeated) and dialect.repeat is not None:
        try:
            return dialect.repeat(error)
        except Refusal as refusal:  # such as while the database is away
            error = refusal
    if isinstance(error, Refusal):
        return _answer_refusal(dialect, error)
    if not isinstance(error, HTTPException):
        LOG.error("request_failed", exc_info=error)
        error = InternalServerError()
    answer = dialect.fail(error)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            answer.headers[name] = value
    return answer


def _answer_refusal(dialect: Dialect, refusal: Refusal) -> Response:
    g.reason = refusal.reason
    g.mistake = getattr(refusal, "mistake", None)
    if isinstance(refusal, TokenSuperseded | TokenMalformed):
        services().sightings.report(refusal, caller())
    elif isinstance(refusal, NotPermitted | FeatureOff) and is_administrative():
        act = ("act", f"{request.method} {request.url_rule}")
        services().sightings.note(ADMINISTRATION_REFUSED, act, caller(), reason=refusal.reason)
    answer = dialect.refuse(_masked(refusal))
    if isinstance(refusal, RateLimited | Unavailable):
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


def _masked(refusal: Refusal) -> Refusal:
    """The refusal without secrets: names of members and user names in it are the client's text."""
    if isinstance(refusal, BadRequest):
        fields = {mask(name): [*map(mask, messages)] for name, messages in refusal.fields.items()}
        return BadRequest(mask(refusal.message), fields)
    return replace(refusal, what=mask(refusal.what)) if isinstance(refusal, Conflict) else refusal


def _dialect(dialects: Sequence[Dialect], path: str) -> Dialect | None:
    # Case-insensitive paths have their canonical spelling by now (``app.api.v4.paths``).
    return next((each for each in dialects if each.is_of(path)), None)


def reason_of(error: HTTPException) -> str:
    """The reason of an HTTP error, such as ``method_not_allowed``."""
    # Werkzeug's name: Python's phrases differ between versions.
    return error.name.lower().replace(" ", "_").replace("-", "_")


def _problem(status: int, title: str, reason: str, detail: str | None = None) -> Response:
    """RFC 9457."""
    answer = jsonify(
        {
            "type": "about:blank",
            "title": title,
            "status": status,
            **({"detail": detail} if detail else {}),
            "reason": reason,
            "request_id": g.request_id,
        }
    )
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    return answer


def _fail(error: HTTPException) -> Response:
    code = error.code or 500
    detail = error.description if isinstance(error, MisdirectedRequest) else None
    return _problem(code, HTTPStatus(code).phrase, reason_of(error), detail)


def _refuse(error: Refusal) -> Response:
    if isinstance(error, Unavailable):
        return _problem(503, "Service Unavailable", error.reason)
    if isinstance(error, NotFound | FeatureOff):
        return _problem(404, "Not Found", error.reason)
    return _problem(400, "Bad Request", error.reason)


PROBLEMS = Dialect("", _refuse, _fail)
"""The answers outside all dialects."""

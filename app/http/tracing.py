"""Each request's id, its line in the log, and the headers every answer has.

Here belongs what happens around all requests alike. Not here: headers of one dialect.
"""

import time
import uuid
from datetime import UTC, datetime

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import BadRequest, NotFound

from app.domain.identity import Principal
from app.http.context import client_address, parts

LOG = structlog.get_logger(__name__)

QUERY_IS_MALFORMED = "daypass.query_is_malformed"

HEADERS = {
    "Cache-Control": "no-store",
    "Vary": "TOKEN, Authorization",
    "X-Content-Type-Options": "nosniff",
}


def _token_headers(known: Principal) -> dict[str, str]:
    """Which token was sent and when it ends, so that a script can renew in time; nothing for what never ends."""
    headers = {"Token-Id": known.token_public_id}
    if known.token_expires_at is not None:
        headers["Token-Expires-At"] = _utc(known.token_expires_at)
        left = known.token_expires_at - known.checked_at
        headers["Token-Expires-In"] = str(max(0, int(left.total_seconds())))
    if known.refresh_token_expires_at is not None:
        headers["Refresh-Token-Expires-At"] = _utc(known.refresh_token_expires_at)
    return headers


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def install_tracing(app: Flask) -> None:
    """Give every request an id and a log line, and every answer its headers."""

    def begin() -> None:
        g.request_id = uuid.uuid4().hex
        g.started = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        if request.environ.get(QUERY_IS_MALFORMED):
            raise BadRequest("The query string holds bytes that are not ASCII.")
        # Werkzeug takes several slashes at the beginning for one; elsewhere the routes themselves do not match.
        if request.environ.get("PATH_INFO", "").startswith("//"):
            raise NotFound

    def end(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = g.request_id
        known = g.get("principal")
        if known is not None:
            response.headers.update(_token_headers(known))
        LOG.info(
            "request",
            method=request.method,
            path=request.path,  # without the query, where people put what does not belong there
            status=response.status_code,
            reason=g.get("reason"),
            milliseconds=round((time.perf_counter() - g.started) * 1000, 1),
            address=client_address(request.environ, parts().proxies),
            user_id=known.user_id if known else None,
            token_id=known.token_public_id if known else None,
        )
        return response

    def forget(_error: BaseException | None) -> None:
        structlog.contextvars.unbind_contextvars("request_id")

    app.before_request(begin)
    app.after_request(end)
    app.teardown_request(forget)

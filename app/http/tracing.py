"""Each request's id, its line in the log, and the headers every answer has.

Here belongs what happens around all requests alike. Not here: headers of one dialect.
"""

import time
import uuid
from datetime import datetime

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import BadRequest, NotFound

from app.domain.clock import utc_text
from app.domain.identity import Principal
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.http.context import client_address, is_https, parts

LOG = structlog.get_logger(__name__)

QUERY_IS_MALFORMED = "daypass.query_is_malformed"

HEADERS = {
    "Cache-Control": "no-store",
    "Vary": "TOKEN, Authorization",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Pages and documents, which need more, say so themselves."""

STRICT_TRANSPORT = "max-age=31536000"
"""A year of HTTPS only, for whoever came by HTTPS."""


def tell_of(known: Principal | Issued[AccessToken] | Issued[RefreshToken] | RefreshToken) -> None:
    """Let the answer say when a token ends that was not in the headers: one from the body, or one just made."""
    match known:
        case Principal():
            g.token_headers = _of_principal(known)
        case Issued(token=AccessToken() as made):
            ends = (made.expires_at, known.refresh_token_expires_at)
            g.token_headers = _of_access_token(made.public_id, made.created_at, *ends)
        case Issued(token=RefreshToken() as made) | (RefreshToken() as made):
            g.token_headers = {"Refresh-Token-Expires-At": utc_text(made.expires_at, "seconds")}


def _of_principal(known: Principal) -> dict[str, str]:
    ends = (known.token_expires_at, known.refresh_token_expires_at)
    return _of_access_token(known.token_public_id, known.checked_at, *ends)


def _of_access_token(
    public_id: str, now: datetime, expires_at: datetime | None, refresh_token_expires_at: datetime | None
) -> dict[str, str]:
    """Which token it is and when it ends, so that a script can renew in time; nothing for what never ends."""
    headers = {"Token-Id": public_id}
    if expires_at is not None:
        headers["Token-Expires-At"] = utc_text(expires_at, "seconds")
        headers["Token-Expires-In"] = str(max(0, int((expires_at - now).total_seconds())))
    if refresh_token_expires_at is not None:
        headers["Refresh-Token-Expires-At"] = utc_text(refresh_token_expires_at, "seconds")
    return headers


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
        if is_https(request.environ, parts().proxies):
            response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
        response.headers["X-Request-Id"] = g.request_id
        known = g.get("principal")
        if known is not None:
            response.headers.update(_of_principal(known))
        response.headers.update(g.get("token_headers", {}))
        if response.is_sequence and not any(response.response):
            response.headers.pop("Content-Type", None)  # of no content; Werkzeug would say text/html
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

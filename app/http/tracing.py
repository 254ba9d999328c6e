"""Each request's id, its line in the log, and the headers of all answers. Not here: headers of one dialect."""

import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from app.domain.clock import utc_text
from app.domain.identity import Principal
from app.domain.tokens import AccessToken, Issued, RefreshToken, secret_made_at
from app.http.context import caller, parts, services
from app.http.proxies import TrustedProxies, client_address, is_https
from app.http.strays import look_for_strays

LOG = structlog.get_logger(__name__)

REFUSED = "daypass.refused"
"""In the environment of a request that a layer in front of Flask refuses: the error, to be answered in its dialect."""

HEADERS = {
    "Cache-Control": "no-store",
    "Vary": "TOKEN, Authorization",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Defaults; pages and documents set their own."""

STRICT_TRANSPORT = "max-age=31536000"
"""A year, in answers over HTTPS."""


def add_token_headers(known: Principal | Issued[AccessToken] | Issued[RefreshToken] | RefreshToken) -> None:
    """Add headers to the answer about a token that is not in the request's headers: one of the body, or a new one."""
    match known:
        case Principal():
            g.token_headers = headers_of(known)
        case Issued(token=AccessToken() as token):
            expiries = (token.expires_at, known.refresh_token_expires_at)
            g.token_headers = _of_access_token(token.public_id, known.reused_at or token.created_at, *expiries)
            g.token_headers |= _since(known.refresh_token_since)
        case Issued(token=RefreshToken() as token) | (RefreshToken() as token):
            g.token_headers = {"Refresh-Token-Expires-At": utc_text(token.expires_at, "seconds")}
            g.token_headers |= _since(secret_made_at(token.created_at, token.regenerated_at, token.rotated_at))


def headers_of(known: Principal) -> dict[str, str]:
    """The token's id and expiries, in the answer to a request that it authenticates."""
    expiries = (known.token_expires_at, known.refresh_token_expires_at)
    return _of_access_token(known.token_public_id, known.checked_at, *expiries)


def _of_access_token(
    public_id: str, now: datetime, expires_at: datetime | None, refresh_token_expires_at: datetime | None
) -> dict[str, str]:
    """The token's id and expiries, so that a script can renew it in time."""
    headers = {"Token-Id": public_id}
    if expires_at is not None:
        headers["Token-Expires-At"] = utc_text(expires_at, "seconds")
        headers["Token-Expires-In"] = str(max(0, int((expires_at - now).total_seconds())))
    if refresh_token_expires_at is not None:
        headers["Refresh-Token-Expires-At"] = utc_text(refresh_token_expires_at, "seconds")
    return headers


def _refuse_at_the_edge() -> None:
    refused: HTTPException | None = request.environ.get(REFUSED)
    if refused is not None:
        raise refused


def _since(made_at: datetime | None) -> dict[str, str]:
    """When the refresh token's present secret was made, so that a client can rotate it in time."""
    return {} if made_at is None else {"Refresh-Token-Since": utc_text(made_at, "seconds")}


def install_tracing(app: Flask) -> None:
    """Add the handlers that do this for every request."""

    def begin() -> None:
        g.request_id = uuid.uuid4().hex
        g.started = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        _refuse_at_the_edge()

    def end(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if is_https(request.environ, parts().proxies):
            response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
        response.headers["X-Request-Id"] = g.request_id
        known = g.get("principal")
        if known is not None:
            response.headers.update(headers_of(known))
        response.headers.update(g.get("token_headers", {}))
        if response.is_sequence and not any(response.response):
            response.headers.pop("Content-Type", None)  # Werkzeug sets text/html without content
        _trace(response, known)
        return response

    def forget(_error: BaseException | None) -> None:
        structlog.contextvars.unbind_contextvars("request_id")

    app.before_request(begin)
    app.after_request(end)
    app.teardown_request(forget)


def _trace(response: Response, known: Principal | None) -> None:
    """The request's line in the log; and secrets in the request where none belong."""
    look_for_strays(services().strays, request.environ, caller)
    LOG.info("request", **line_of(request.environ, request.path, g.started, known, parts().proxies),
             status=response.status_code, reason=g.get("reason"), mistake=g.get("mistake"))  # fmt: skip


def line_of(
    environ: Mapping[str, Any], path: str, started: float, known: Principal | None, proxies: TrustedProxies
) -> dict[str, Any]:
    """Members of a request's line in the log. `path`: without the query, which may hold a secret."""
    return {
        "method": environ["REQUEST_METHOD"],
        "path": path,
        "milliseconds": round((time.perf_counter() - started) * 1000, 1),
        "address": client_address(environ, proxies),
        "user_id": known.user_id if known else None,
        "token_id": known.token_public_id if known else None,
    }

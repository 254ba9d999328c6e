"""The bytes of the gate's answers to OAuth's introspection and revocation: those of Flask (``app.api.oauth``)."""

from functools import lru_cache
from http import HTTPStatus
from json import JSONEncoder
from typing import Any, NamedTuple

from app.domain.errors import RateLimited, Refusal, Unavailable
from app.gate.oauth_requests import Asked
from app.http.oauth_refusals import NO_STORE, not_permitted, refused
from app.http.proxies import TrustedProxies, is_https
from app.http.public_url import PublicUrl
from app.http.tracing import HEADERS, STRICT_TRANSPORT, headers_of

Headers = list[tuple[str, str]]

BEFORE: Headers = list(NO_STORE.items())
AFTER: Headers = [(name, value) for name, value in HEADERS.items() if name not in NO_STORE]

_JSON = ("Content-Type", "application/json")

encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Answer(NamedTuple):
    """`reason`, `mistake`: of a refusal, for the log."""

    status: int
    headers: Headers
    body: bytes
    reason: str | None = None
    mistake: str | None = None

    @property
    def line(self) -> str:
        """The status line."""
        return _line(self.status)


@lru_cache
def _line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase.upper()}"


class Answers:
    """Composes answers."""

    def __init__(self, public_url: PublicUrl | None, proxies: TrustedProxies) -> None:
        self._public_url = public_url
        self._proxies = proxies

    def success(self, asked: Asked, members: dict[str, Any] | None) -> Answer:
        """An answer with these members; without any, an empty one."""
        if members is None:
            return Answer(200, [*BEFORE, *self._of_all(asked), ("Content-Length", "0")], b"")
        headers, body = _with_body(members, BEFORE)
        return Answer(200, headers + self._of_all(asked), body)

    def refusal(self, asked: Asked, refusal: Refusal) -> Answer:
        """The error that a refusal is."""
        is_by_token = asked.principal is not None
        permission = not_permitted(is_by_token=is_by_token, is_introspection=asked.is_introspection)
        status, members, challenges = refused(refusal, permission, self._public_url)
        special = [("WWW-Authenticate", challenge) for challenge in challenges]
        if isinstance(refusal, RateLimited | Unavailable):
            special.append(("Retry-After", str(refusal.retry_after)))
        headers, body = _with_body(members, BEFORE + special)
        mistake = getattr(refusal, "mistake", None)
        return Answer(status, headers + self._of_all(asked), body, refusal.reason, mistake)

    def _of_all(self, asked: Asked) -> Headers:
        id = ("X-Request-Id", asked.id)
        is_secure = is_https(asked.environ, self._proxies)
        headers = [*AFTER, ("Strict-Transport-Security", STRICT_TRANSPORT), id] if is_secure else [*AFTER, id]
        if asked.principal is not None:
            headers += headers_of(asked.principal).items()
        return headers


def _with_body(members: dict[str, Any], headers: Headers) -> tuple[Headers, bytes]:
    body = f"{encode(members)}\n".encode("ascii")
    return [_JSON, ("Content-Length", str(len(body))), *headers], body

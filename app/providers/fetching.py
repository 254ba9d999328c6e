"""Requests to a provider, within limits: of time in all, of bytes, and of how many at once. No redirect is followed.

Not here: what the answers mean.
"""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from app.domain.errors import Unavailable
from app.domain.providers import ProviderRefused, Why

TOTAL_SECONDS = 10.0
"""For all requests of one sign-in together."""

LARGEST = 256 * 1024
"""Bytes of an answer."""

PATIENCE_SECONDS = 1.0
"""How long a sign-in waits for a place."""

ASIDE = 8
"""How many times as many sign-ins may wait as are talking: of many people at once, all get their turn."""

REDIRECTS = range(300, 400)


@dataclass(frozen=True)
class Answer:
    """An answer with a JSON object."""

    status: int
    body: dict[str, Any]


class Fetching:
    """Talks to one provider, at most `at_once` sign-ins at a time, so that a slow one occupies no more threads.

    `aside`: within it, this thread waits for another server, or for its place there, and keeps no check from its turn.
    """

    def __init__(
        self,
        at_once: int = 4,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
        seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._places = threading.BoundedSemaphore(at_once)
        self._all = threading.BoundedSemaphore(ASIDE * at_once)
        self._aside = aside
        self._seconds = seconds

    @contextmanager
    def exchange(self) -> Iterator["Exchange"]:
        """All requests of one sign-in. Refuses with BUSY, where no place is given back soon, or too many wait."""
        with ExitStack() as held:
            _take(held, self._all, 0)
            try:
                held.enter_context(self._aside())  # while it waits for a place, too
            except Unavailable:
                raise ProviderRefused(Why.BUSY) from None
            _take(held, self._places, PATIENCE_SECONDS)
            yield Exchange(time.monotonic() + self._seconds)


def _take(held: ExitStack, places: threading.BoundedSemaphore, patience: float) -> None:
    if not places.acquire(timeout=patience):
        raise ProviderRefused(Why.BUSY)
    held.callback(places.release)


class Exchange:
    """Requests until an instant of the monotonic clock.

    Each refuses with AWAY (no connection, or no whole answer in time), REDIRECTED, TOO_LARGE, and ANSWER (no JSON
    object, or compressed).
    """

    def __init__(self, until: float) -> None:
        self._until = until

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._send("GET", url, headers or {}, None)

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        return self._send("POST", url, headers or {}, form)

    def _send(self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Answer:
        left = self._until - time.monotonic()
        if left <= 0:
            raise ProviderRefused(Why.AWAY, "timeout")
        try:
            status, content = _run(_request(method, url, headers, form, left))
        except (TimeoutError, httpx.TimeoutException):
            raise ProviderRefused(Why.AWAY, "timeout") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ProviderRefused(Why.AWAY, type(error).__name__) from None
        if status in REDIRECTS:
            raise ProviderRefused(Why.REDIRECTED, str(status))
        return Answer(status, _json_object(content))


def _run(request: Any) -> tuple[int, bytes]:
    """On an event loop of its own, because only there one limit of time holds for all: names, TLS, headers, body.

    Closed without waiting for its threads: one that looks up a name can't be stopped.
    """
    loop = asyncio.new_event_loop()
    try:
        result: tuple[int, bytes] = loop.run_until_complete(request)
        return result
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _request(
    method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None, seconds: float
) -> tuple[int, bytes]:
    # Compressed, a few bytes could become many before they are counted.
    plain = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
    async with (
        asyncio.timeout(seconds),
        httpx.AsyncClient(verify=_certificates(), follow_redirects=False, timeout=seconds) as client,
        client.stream(method, url, headers=plain, data=form) as answer,
    ):
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise ProviderRefused(Why.ANSWER, "compressed")
        content = bytearray()
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) > LARGEST:
                raise ProviderRefused(Why.TOO_LARGE)
        return answer.status_code, bytes(content)


@cache
def _certificates() -> ssl.SSLContext:
    """Those of the certifi package, or of the file that ``SSL_CERT_FILE`` names."""
    return httpx.create_ssl_context()


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise ProviderRefused(Why.ANSWER, "no JSON") from None
    if not isinstance(found, dict):
        raise ProviderRefused(Why.ANSWER, "no JSON object")
    return found

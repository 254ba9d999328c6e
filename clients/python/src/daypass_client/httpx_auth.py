"""Support for ``httpx``, with and without async: ``pip install daypass-client[httpx]``."""

from collections.abc import AsyncGenerator, Generator
from typing import Any, Unpack

import anyio.to_thread
import httpx

from daypass_client.errors import WrongAddress
from daypass_client.origins import is_same_origin
from daypass_client.refusals import TRIES, needs_body, says_ended
from daypass_client.secrecy import Secret
from daypass_client.settings import Options
from daypass_client.tokens import TokenSource

BEARER, TOKEN = "Authorization", "TOKEN"
BOUND_TO = "daypass_client.url"
"""The request extension with the URL that the token is for; httpx copies extensions to redirected requests."""


class HttpxAuth(httpx.Auth):
    """``httpx.get(url, auth=HttpxAuth())``, or in a client. Options: see ``settings``.

    An ``Auth`` cannot control redirects, and httpx removes only ``Authorization`` from them: this is what is sent in
    httpx's own clients. In :class:`Client` and :class:`AsyncClient`, it is ``TOKEN``, as Alation needs.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        self._source = TokenSource(options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r})"

    @property
    def url(self) -> str:
        """The address of Daypass."""
        return self._source.settings.url

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Called by httpx; yields each request to send."""
        self._check(request)
        token, is_last = self._source.token(), False
        for _ in range(TRIES + 1):
            _put(request, token)
            response = yield request
            if needs_body(response.status_code, response.headers):
                response.read()
            if is_last or not self._may_repeat(request, response, token):
                return
            refused = token
            token, is_last = self._source.after_refusal(refused)
            if token == refused:
                return

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The same with async; what blocks runs in a thread."""
        self._check(request)
        token, is_last = await anyio.to_thread.run_sync(self._source.token), False
        for _ in range(TRIES + 1):
            _put(request, token)
            response = yield request
            if needs_body(response.status_code, response.headers):
                await response.aread()
            if is_last or not self._may_repeat(request, response, token):
                return
            refused = token
            token, is_last = await anyio.to_thread.run_sync(self._source.after_refusal, refused)
            if token == refused:
                return

    def _check(self, request: httpx.Request) -> None:
        self._source.settings.allowed.check(str(request.url))
        if BOUND_TO not in request.extensions and request.url.scheme == "http" and request.url.port in (None, 80):
            # httpx keeps Authorization on a redirect from http://host to https://host.
            raise WrongAddress("Over http on port 80, use daypass_client.httpx_auth.Client, or better https.")

    def _may_repeat(self, request: httpx.Request, response: httpx.Response, token: Secret) -> bool:
        """Whether the request had this token, the token is refused as inactive, and the body can be sent again."""
        header = _header(request)
        if response.request.headers.get(header) != _value(header, token):
            return False
        body = response.content if needs_body(response.status_code, response.headers) else b""
        if not says_ended(response.status_code, response.headers, body):
            return False
        try:
            _ = request.content
        except httpx.RequestNotRead:
            self._source.forget(token)
            return False
        return True


class Client(httpx.Client):
    """A client that sends the access token with each call, but not on a redirect to another origin."""

    def __init__(self, auth: HttpxAuth | None = None, **options: Any) -> None:
        super().__init__(auth=auth or HttpxAuth(), **options)

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """As in httpx."""
        request.extensions.setdefault(BOUND_TO, str(request.url))  # a redirected request already has it
        hooks = self.event_hooks["request"]
        if _strip_elsewhere not in hooks:
            hooks.append(_strip_elsewhere)
        return super().send(request, **options)


class AsyncClient(httpx.AsyncClient):
    """The same with async."""

    def __init__(self, auth: HttpxAuth | None = None, **options: Any) -> None:
        super().__init__(auth=auth or HttpxAuth(), **options)

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """As in httpx."""
        request.extensions.setdefault(BOUND_TO, str(request.url))  # a redirected request already has it
        hooks = self.event_hooks["request"]
        if _strip_elsewhere_async not in hooks:
            hooks.append(_strip_elsewhere_async)
        return await super().send(request, **options)


def _strip_elsewhere(request: httpx.Request) -> None:
    """Called by httpx before each request, redirected ones included."""
    if not is_same_origin(request.extensions.get(BOUND_TO), str(request.url)):
        request.headers.pop(TOKEN, None)


async def _strip_elsewhere_async(request: httpx.Request) -> None:
    _strip_elsewhere(request)


def _header(request: httpx.Request) -> str:
    return TOKEN if BOUND_TO in request.extensions else BEARER


def _value(header: str, token: Secret) -> str:
    return token if header == TOKEN else f"Bearer {token}"


def _put(request: httpx.Request, token: Secret) -> None:
    header = _header(request)
    request.headers[header] = _value(header, token)

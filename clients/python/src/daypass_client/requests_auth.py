"""Support for ``requests``: send the access token, replace it when it is refused, and keep it off foreign redirects."""

import os
from typing import Any, Unpack

import requests
from requests.exceptions import UnrewindableBodyError
from requests.utils import rewind_body

from daypass_client.origins import is_same_origin, redirects_elsewhere
from daypass_client.refusals import TRIES, needs_body, says_ended
from daypass_client.secrecy import Secret
from daypass_client.settings import Options
from daypass_client.tokens import TokenSource

HEADER = "TOKEN"


class DaypassAuth(requests.auth.AuthBase):
    """``requests.get(url, auth=DaypassAuth())``, or ``session.auth = DaypassAuth()``. Options: see ``settings``."""

    def __init__(self, **options: Unpack[Options]) -> None:
        self._source = TokenSource(options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r})"

    @property
    def url(self) -> str:
        """The address of Daypass."""
        return self._source.settings.url

    @property
    def check_path(self) -> str:
        """A path that every active access token may GET."""
        return self._source.settings.check_path

    def token(self) -> Secret:
        """An access token for other libraries. It is not checked whether it was revoked."""
        return self._source.token()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self._source.settings.allowed.check(request.url)
        request.headers[HEADER] = self._source.token()
        request.register_hook("response", self._answered)  # type: ignore[no-untyped-call]
        return request

    def _answered(self, response: requests.Response, **sending: Any) -> requests.Response:
        """Called by ``requests`` with each answer, before it follows a redirect with a copy of the request."""
        request = response.request
        if HEADER not in request.headers:
            return response
        answer = self._repeated(response, sending)
        request.headers[HEADER] = answer.request.headers[HEADER]
        if answer.is_redirect and redirects_elsewhere(answer.url, answer.headers["location"]):
            del request.headers[HEADER]
        return answer

    def _repeated(self, response: requests.Response, sending: dict[str, Any]) -> requests.Response:
        """The answer; if the token is refused as inactive, that to the request with another token."""
        for _ in range(TRIES):
            if not _says_ended(response):
                return response
            refused = response.request.headers[HEADER]
            again = _repeatable(response.request)
            if again is None:
                self._source.forget(refused)
                return response
            response.close()
            token, was_minted = self._source.after_refusal(refused)
            if token == refused:
                return response
            again.headers[HEADER] = token
            refusal, response = response, response.connection.send(again, **sending)
            response.history = [*refusal.history, refusal]
            if was_minted:
                return response
        return response


class Session(requests.Session):
    """A session that sends the access token with each call; ``get("/…")`` is relative to the server's address."""

    def __init__(self, auth: DaypassAuth | None = None) -> None:
        super().__init__()
        self._daypass = auth or DaypassAuth()
        self.auth = self._daypass
        self._process = os.getpid()

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """As in ``requests``."""
        is_path = isinstance(url, str) and url.startswith("/") and not url.startswith("//")
        return super().request(method, self._daypass.url + url if is_path else url, *args, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """As in ``requests``, but a forked process does not use its parent's connections."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self.close()
        return super().send(request, **kwargs)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Called by ``requests`` with the request that it sends on a redirect."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if not is_same_origin(response.request.url, prepared_request.url):
            prepared_request.headers.pop(HEADER, None)


def _says_ended(response: requests.Response) -> bool:
    status, headers = response.status_code, response.headers
    return says_ended(status, headers, response.content if needs_body(status, headers) else b"")


def _repeatable(request: requests.PreparedRequest) -> requests.PreparedRequest | None:
    """A copy to send; None if the body can be sent only once."""
    again = request.copy()
    body: object = again.body
    if body is None or isinstance(body, str | bytes):
        return again
    try:
        rewind_body(again)
    except UnrewindableBodyError:
        return None
    return again

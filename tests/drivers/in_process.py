"""The drivers' way to an application in this very process, without a server: for a clock that the test moves."""

from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from werkzeug.test import Client

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

URL = "http://daypass.test"


class InProcess(requests.Session):
    """A client of the application, at :data:`URL`, and of nothing else."""

    def __init__(self, application: "WSGIApplication") -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()
        self.mount(URL, _Transport(application))


class _Transport(BaseAdapter):
    def __init__(self, application: "WSGIApplication") -> None:
        super().__init__()
        self._client = Client(application, use_cookies=False)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        address = urlsplit(request.url or "")
        given = self._client.open(
            address.path,
            query_string=address.query,
            method=request.method,
            headers=list(request.headers.items()),
            data=request.body,
            environ_base={"REMOTE_ADDR": "127.0.0.1"},
        )
        answer = requests.Response()
        answer.request, answer.url, answer.status_code = request, request.url or "", given.status_code
        answer.headers.update({name: ", ".join(given.headers.getlist(name)) for name, _ in given.headers})
        answer.raw = BytesIO(given.data)
        return answer

    def close(self) -> None:
        """There is nothing to close."""

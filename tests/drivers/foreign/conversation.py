"""How a test talks with somebody else's client: an act in one line of JSON, its outcome in one line of JSON.

In: ``{"act": …, "with": {…}}``. Out: ``{"returned": …}`` or ``{"raised": {"type": …, "text": …, "said": …}}``, and
``requests``, what the client sent meanwhile. The client itself is unchanged; what `requests` hands over to the network
is written down on the way. Imports nothing of ours: it runs with the client's own packages.
"""

import json
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter

HEADERS = ("authorization", "token", "content-type")

sent: list[dict[str, Any]] = []


def _write_down(request: requests.PreparedRequest) -> None:
    url = urlsplit(request.url or "")
    body = request.body.decode() if isinstance(request.body, bytes) else request.body or ""
    is_form = (request.headers.get("Content-Type") or "").startswith("application/x-www-form-urlencoded")
    sent.append(
        {"line": f"{request.method} {url.path}{'?' if url.query else ''}{url.query}"}
        | {name: request.headers[name] for name in HEADERS if name in request.headers}
        | ({"form": dict(parse_qsl(body, keep_blank_values=True))} if is_form else {})
    )


def _listen() -> None:
    send = HTTPAdapter.send

    def written_down(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        _write_down(request)
        return send(self, request, *args, **kwargs)

    HTTPAdapter.send = written_down  # type: ignore[method-assign]


def converse(acts: dict[str, Callable[..., Any]]) -> None:
    """Do what standard input says until it ends."""
    _listen()
    answers, sys.stdout = sys.stdout, sys.stderr  # what the client prints is no answer
    for line in sys.stdin:
        asked = json.loads(line)
        sent.clear()
        try:
            outcome = {"returned": acts[asked["act"]](**asked["with"])}
        except Exception as error:  # noqa: BLE001 - whatever the client raises is its outcome
            said = error.to_dict() if hasattr(error, "to_dict") else None
            outcome = {"raised": {"type": type(error).__name__, "text": str(error), "said": said}}
        print(json.dumps(outcome | {"requests": sent}), file=answers, flush=True)

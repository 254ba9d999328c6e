"""Who reads an answer: a browser, which shows pages, or a program, which reads JSON.

The path decides where it is of one of them alone; elsewhere ``Accept`` does, because a browser names ``text/html``.
"""

from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

OF_PROGRAMS = (
    "/api", "/auth", "/healthz", "/integration", "/oauth", "/openapi", "/readyz", "/scim", "/v4",
    "/.well-known",
)  # fmt: skip
"""The beginnings of paths whose answers are for programs, whatever they accept."""

METHODS = ("GET", "HEAD", "POST")
"""Of links and forms."""

HTML, JSON = "text/html", ("application/json", "application/problem+json")


def is_of_programs(path: str) -> bool:
    """Whether only programs are answered there."""
    return f"/{path.lower().split('/', 2)[1]}" in OF_PROGRAMS if path.startswith("/") else False


def wants_page(environ: Mapping[str, Any]) -> bool:
    """Whether a request of no path in particular is a browser's: it names ``text/html``, and JSON not before it."""
    named = environ.get("HTTP_ACCEPT", "")
    if environ["REQUEST_METHOD"] not in METHODS or HTML not in named.lower():
        return False
    qualities = dict(parse_accept_header(named, MIMEAccept))
    html = qualities.get(HTML, 0)
    return html > 0 and html >= max(qualities.get(each, 0) for each in JSON)

"""Requests for OAuth's introspection and revocation: which of them the gate answers, and what is known of one.

Not here: who sent it (``oauth``).
"""

import time
from dataclasses import dataclass, field
from os import urandom
from typing import TYPE_CHECKING

from app.domain.identity import Principal
from app.domain.oauth_client import Client
from app.http.body import FORM, LARGEST_BODY
from app.http.context import CurrentUser
from app.http.hosts import Hosts
from app.services.introspecting import ReadRows

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

INTROSPECTIONS = tuple(f"/oauth{version}/introspect{slash}" for version in ("", "/v2") for slash in ("", "/"))
REVOCATIONS = tuple(f"/oauth{version}/revoke{slash}" for version in ("", "/v2") for slash in ("", "/"))
PATHS = INTROSPECTIONS + REVOCATIONS

PROTOCOLS = ("HTTP/1.1", "HTTP/1.0")

MOST_DIGITS = len(str(LARGEST_BODY))


@dataclass(slots=True)
class Asked:
    """One request, and whom it is from, as far as that is known by now.

    `path`: the one of :data:`PATHS` that it names. `id`: in the log and in its answer. `form`: what it sent.
    `rows`: of its client and of the token that it asks about, where they were read at once.
    """

    environ: "WSGIEnvironment"
    path: str
    started: float = field(default_factory=time.perf_counter)
    id: str = field(default_factory=lambda: urandom(16).hex())
    form: dict[str, str] = field(default_factory=dict)
    principal: Principal | None = None
    client: Client | None = None
    rows: ReadRows | None = None

    @property
    def is_introspection(self) -> bool:
        return self.path in INTROSPECTIONS

    @property
    def known(self) -> Principal | CurrentUser | None:
        """Whom it authenticates."""
        client = self.client
        if client is None:
            return self.principal
        return CurrentUser(client.owner_id, client.owner_name, client.role, client.credential)


def length_of_form(environ: "WSGIEnvironment", hosts: Hosts) -> int | None:
    """The length of the form in bytes; None where the request is not one that the gate answers."""
    length = environ.get("CONTENT_LENGTH", "")
    is_plain = (
        environ["REQUEST_METHOD"] == "POST"
        and environ.get("SERVER_PROTOCOL") in PROTOCOLS
        and environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == FORM
        and 0 < len(length) <= MOST_DIGITS
        and length.isascii()
        and length.isdecimal()
        and int(length) <= LARGEST_BODY
        and "HTTP_TRANSFER_ENCODING" not in environ
        and environ.get("QUERY_STRING", "").isascii()
        and hosts.refusal(environ) is None
    )
    return int(length) if is_plain else None

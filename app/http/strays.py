"""Searching the parts of a request where no secret belongs. Not here: what is done with one (``services.strays``)."""

from collections.abc import Callable, Mapping
from typing import Any

from app.domain.identity import Caller
from app.domain.masking import is_too_short_for_a_token
from app.services.strays import Strays

MEMBERS = "daypass.members"
"""The members of the body, in the environment of a request whose body was read."""

PLACES = {
    "PATH_INFO": "the path of a request",
    "QUERY_STRING": "the query of a request",
    "HTTP_USER_AGENT": "a user agent",
    "HTTP_REFERER": "a referrer",
    "HTTP_IDEMPOTENCY_KEY": "an Idempotency-Key",
}

CREDENTIALS = ("token", "secret", "password")
"""Members whose names hold one of these words are where secrets belong."""


def look_for_strays(strays: Strays, environ: Mapping[str, Any], caller: Callable[[], Caller]) -> None:
    """Search everything but the headers and members for credentials."""
    for name, place in PLACES.items():
        text = environ.get(name)
        if text and not is_too_short_for_a_token(text):
            strays.look_in(text, place, caller)
    members: Mapping[str, Any] = environ.get(MEMBERS) or {}
    for name, value in members.items():
        if not any(word in name for word in CREDENTIALS):
            strays.look_in(f"{name} {value}", "a field of a request", caller)

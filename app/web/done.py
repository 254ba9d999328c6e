"""What an act did, in the address of the page that is shown next.

The address is sealed for the session, so that a link of somebody else makes no page say that something was done.
"""

import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from flask import request

from app.domain.seals import Seal
from app.http.context import services
from app.web.list_view import is_of_an_act
from app.web.session import web_session

SEAL, SEAL_LENGTH = "done-seal", 16


def after_act(back: str, **about: str | int) -> str:
    """The address of the page `back` with what a message there is about: each becomes a parameter ``done-…``.

    `back`: without the public URL's own path.
    """
    named = {"done" if name == "done" else f"done-{name}": str(value) for name, value in about.items()}
    sealed = named | {SEAL: seal_of(named, _form_token())}
    return f"{request.script_root}{back}{'&' if '?' in back else '?'}{urlencode(sealed)}"


def what_was_done() -> dict[str, str]:
    """The parameters of :func:`after_act` in this request's address; none if it was not made in this session."""
    named = {name: value for name, value in request.args.items() if is_of_an_act(name)}
    seal = named.pop(SEAL, "")
    return named if hmac.compare_digest(seal.encode(), seal_of(named, _form_token()).encode()) else {}


def number_done(done: Mapping[str, str], name: str) -> int:
    """The number of this name. Zero where it is missing or none: who has the session can seal any text."""
    text = done.get(f"done-{name}", "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def seal_of(named: Mapping[str, str], form_token: str) -> str:
    """The seal of these parameters. `form_token`: the session's, which nobody else knows."""
    return Seal(form_token.encode(), "message").of(urlencode(sorted(named.items())))[:SEAL_LENGTH]


def _form_token() -> str:
    return services().sessions.form_token("", web_session())

"""Identifying a secret that somebody found: a field to paste it into, and what it is.

The secret is in no answer and no address. Not here: what is known of it (``app.services.identifying``).
"""

from typing import Any

from app.http.context import services
from app.http.guards import GuardedBlueprint
from app.web.forms import read_form
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page

identify = GuardedBlueprint("web_identify", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/identify",
                            template_folder="../templates")  # fmt: skip

WHY = {
    "token_unknown": "The checksum is right, but no token of this instance has this secret: it is made up, from "
                     "another instance, or the token was deleted long ago.",
    "token_expired": "Its time is over.",
    "token_revoked": "It was revoked, or regeneration has replaced this secret by another one.",
    "token_superseded": "A newer access token took its place.",
    "owner_disabled": "Its owner is disabled.",
    "owner_denied": "Its owner may have no API tokens.",
    "api_tokens_off": "API tokens without a refresh token are turned off.",
}  # fmt: skip
"""Why a secret does not work, by the refusal's reason."""


@identify.get("")
def ask() -> Any:
    """The field."""
    return page("admin_identify.html", found=None)


@identify.post("")
def answer() -> Any:
    """What it is. Nothing is changed."""
    pasted = read_form().get("secret", "")
    if not pasted.strip():
        return page("admin_identify.html", 400, found=None, error="Paste something first.")
    found = services().identifying.identify(pasted)
    why = WHY.get(found.refused_because or "", "It is refused.")
    return page("admin_identify.html", found=found, why=why)

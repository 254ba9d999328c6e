"""Identifying a secret: whose it is and whether it works. No response and no address holds the secret."""

from flask.typing import ResponseReturnValue

from app.http.acts import does
from app.http.context import services
from app.http.guards import GuardedBlueprint
from app.web.forms import read_form
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page

identify = GuardedBlueprint("web_identify", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/identify",
                            template_folder="../templates")  # fmt: skip

REASONS = {
    "token_unknown": "The checksum is valid, but this instance has no such token: it is made up, from another "
                     "instance, or was deleted.",
    "token_expired": "It has expired.",
    "token_revoked": "It was revoked, or its secret was replaced by regeneration.",
    "token_superseded": "A newer access token took its place.",
    "owner_disabled": "Its owner is disabled.",
    "owner_must_sign_in": "Its owner has not signed in with single sign-on for too long. Once they do, it works again.",
    "owner_denied": "Its owner may not have API tokens.",
    "api_tokens_off": "Single-tier API tokens are turned off.",
}  # fmt: skip
"""By the refusal's reason."""


@identify.get("")
def show_form() -> ResponseReturnValue:
    """The form for a secret."""
    return page("admin_identify.html", found=None)


@identify.post("")
@does()
def identify_secret() -> ResponseReturnValue:
    """The token of a secret, and whether it works. Nothing is changed."""
    secret = read_form().get("secret", "")
    if not secret.strip():
        return page("admin_identify.html", 400, found=None, error="Enter a secret.")
    found = services().identifying.identify(secret)
    reason = REASONS.get(found.refused_because or "", "It is refused.")
    return page("admin_identify.html", found=found, reason=reason)

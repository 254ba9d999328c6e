"""Ending the old secret of anybody's rotated refresh token."""

from flask.typing import ResponseReturnValue

from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.web.admin.revoked import HOME
from app.web.admin.tokens import tokens
from app.web.old_secrets import after_ending
from app.web.rendering import page
from app.web.returning import way_back

BLUEPRINT = tokens
"""The one of :mod:`app.web.admin.tokens`, with these routes too."""


@tokens.get("/<public_id>/end-old-secret")
def confirm_end_old_secret(public_id: str) -> ResponseReturnValue:
    """The dialog to end the old secret of a rotated refresh token."""
    secrets, listed = services().rotating.secrets(public_id), services().listing.find(public_id)
    return page(
        "admin_token_end_old_secret.html", token=listed.token, listed=listed, secrets=secrets, back=way_back(HOME)
    )


@tokens.post("/<public_id>/end-old-secret")
@does(Act.REVOKE_OF_OTHERS)
def end_old_secret(public_id: str) -> ResponseReturnValue:
    """End it, and lead back."""
    services().rotating.end_old_secret(public_id, caller())
    return after_ending(public_id, way_back(HOME))

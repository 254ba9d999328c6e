"""Rotating a user's refresh token, and ending the old secret of a rotated one."""

from flask.typing import ResponseReturnValue

from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.services.held_tokens import ByOwner
from app.web.account import account, own_token, token_page
from app.web.forms import idempotency_key
from app.web.new_secrets import reveal_refresh_token
from app.web.old_secrets import after_ending
from app.web.returning import way_back
from app.web.token_homes import home, token_owner

BLUEPRINT = account
"""The one of :mod:`app.web.account`, with these routes and those of :mod:`app.web.new_secrets`."""


@account.get("/refresh-tokens/<public_id>/rotate")
def confirm_rotate(public_id: str) -> ResponseReturnValue:
    """The dialog to rotate a refresh token."""
    secrets = services().rotating.secrets(public_id, only_of=token_owner().user.id)
    return token_page("refresh_token_rotate.html", public_id, secrets=secrets, back=way_back(home()))


@account.post("/refresh-tokens/<public_id>/rotate")
@does(Act.ROTATE)
def rotate(public_id: str) -> ResponseReturnValue:
    """Rotate it and show the new secret once."""
    claim = ByOwner(public_id, token_owner().user.id)
    return reveal_refresh_token(services().rotating.rotate(claim, caller(), idempotency_key()))


@account.get("/refresh-tokens/<public_id>/end-old-secret")
def confirm_end_old_secret(public_id: str) -> ResponseReturnValue:
    """The dialog to end the old secret of a rotated refresh token."""
    secrets = services().rotating.secrets(public_id, only_of=token_owner().user.id)
    return token_page("refresh_token_end_old_secret.html", public_id, secrets=secrets, back=way_back(home()))


@account.post("/refresh-tokens/<public_id>/end-old-secret")
@does(Act.REVOKE_OWN)
def end_old_secret(public_id: str) -> ResponseReturnValue:
    """End it, and lead back."""
    own_token(public_id)  # not an access token
    services().rotating.end_old_secret(public_id, caller(), only_of=token_owner().user.id)
    return after_ending(public_id, way_back(home()))

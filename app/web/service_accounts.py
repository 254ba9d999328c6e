"""The service accounts that a user answers for, and their tokens: the views of a user's own tokens, under their paths.

Administrators open every account. Not here: who may do what (``app.services``), and the account itself (``admin``).
"""

from typing import Any

from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import services
from app.http.guards import GuardedBlueprint
from app.web import account, new_secrets, own_changes, rotations
from app.web.guards import IN_SESSION
from app.web.rendering import page
from app.web.session import web_session
from app.web.token_homes import ACCOUNTS, OF_ACCOUNTS, token_owner

service_accounts = GuardedBlueprint(OF_ACCOUNTS, __name__, guard=IN_SESSION, url_prefix=ACCOUNTS,
                                    template_folder="templates")  # fmt: skip

TOKEN = "/<user_id>/refresh-tokens/<public_id>"


@service_accounts.before_request
def open_account() -> None:
    """Refuse with NotFound an account that the user does not answer for."""
    token_owner()


@service_accounts.get("")
def list_accounts() -> Any:
    """The accounts that the user answers for."""
    return page("service_accounts.html", accounts=services().service_accounts.of(web_session().user.id))


@service_accounts.get("/<user_id>")
def list_tokens(user_id: str) -> Any:
    """The refresh tokens of an account."""
    return account.list_tokens()


@service_accounts.get("/<user_id>/export")
def export_tokens(user_id: str) -> Any:
    """The same list, whole, as CSV."""
    return account.export_tokens()


@service_accounts.get("/<user_id>/refresh-tokens")
def new_refresh_token(user_id: str) -> Any:
    """The dialog to create a refresh token."""
    return new_secrets.new_refresh_token()


@service_accounts.post("/<user_id>/refresh-tokens")
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def create_refresh_token(user_id: str) -> Any:
    """Create a refresh token and show its secret once."""
    return new_secrets.create_refresh_token()


@service_accounts.get(TOKEN)
def show_token(user_id: str, public_id: str) -> Any:
    """A refresh token: facts, history, and what can be done with it."""
    return account.show_token(public_id)


@service_accounts.get(f"{TOKEN}/regenerate")
def confirm_regenerate(user_id: str, public_id: str) -> Any:
    """The dialog to regenerate it."""
    return new_secrets.confirm_regenerate(public_id)


@service_accounts.post(f"{TOKEN}/regenerate")
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def regenerate(user_id: str, public_id: str) -> Any:
    """Regenerate it and show the new secret once."""
    return new_secrets.regenerate(public_id)


@service_accounts.get(f"{TOKEN}/rotate")
def confirm_rotate(user_id: str, public_id: str) -> Any:
    """The dialog to rotate it."""
    return rotations.confirm_rotate(public_id)


@service_accounts.post(f"{TOKEN}/rotate")
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def rotate(user_id: str, public_id: str) -> Any:
    """Rotate it and show the new secret once."""
    return rotations.rotate(public_id)


@service_accounts.get(f"{TOKEN}/end-old-secret")
def confirm_end_old_secret(user_id: str, public_id: str) -> Any:
    """The dialog to end its old secret."""
    return rotations.confirm_end_old_secret(public_id)


@service_accounts.post(f"{TOKEN}/end-old-secret")
@does(Act.REVOKE_OF_SERVICE_ACCOUNT)
def end_old_secret(user_id: str, public_id: str) -> Any:
    """End its old secret."""
    return rotations.end_old_secret(public_id)


@service_accounts.get(f"{TOKEN}/access-token")
def confirm_mint(user_id: str, public_id: str) -> Any:
    """The dialog to mint an access token."""
    return new_secrets.confirm_mint(public_id)


@service_accounts.post(f"{TOKEN}/access-token")
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def mint(user_id: str, public_id: str) -> Any:
    """Mint it and show its secret once."""
    return new_secrets.mint(public_id)


@service_accounts.get(f"{TOKEN}/edit")
def edit_refresh_token(user_id: str, public_id: str) -> Any:
    """The dialog to rename and describe it."""
    return own_changes.edit_refresh_token(public_id)


@service_accounts.post(f"{TOKEN}/edit")
@does()
def rename_refresh_token(user_id: str, public_id: str) -> Any:
    """Rename and describe it."""
    return own_changes.rename_refresh_token(public_id)


@service_accounts.get(f"{TOKEN}/revoke")
def confirm_revoke(user_id: str, public_id: str) -> Any:
    """The dialog to revoke it."""
    return account.confirm_revoke(public_id)


@service_accounts.post(f"{TOKEN}/revoke")
@does(Act.REVOKE_OF_SERVICE_ACCOUNT)
def revoke(user_id: str, public_id: str) -> Any:
    """Revoke it and the access token under it."""
    return account.revoke(public_id)


@service_accounts.post("/<user_id>/test-token")
@does()
def test_token(user_id: str) -> Any:
    """Check a new token as an API would, and show the result."""
    return new_secrets.test_token()

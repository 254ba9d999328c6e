"""The single-tier API tokens of service accounts: the views of a user's own, under the accounts' paths."""

from typing import Any

from app.domain.ladder import Act
from app.http.acts import does
from app.web import own_changes
from app.web.preferences import confirm_delete, delete, export_tokens, generate, list_tokens, new_token, show_token
from app.web.service_accounts import service_accounts

BLUEPRINT = service_accounts
"""The one of :mod:`app.web.service_accounts`, with these routes too."""

TOKENS = "/<user_id>/api-tokens"


@service_accounts.get(TOKENS)
def list_api_tokens(user_id: str) -> Any:
    """The API tokens of an account, and why none may be generated."""
    return list_tokens()


@service_accounts.get(f"{TOKENS}/export")
def export_api_tokens(user_id: str) -> Any:
    """The same list, whole, as CSV."""
    return export_tokens()


@service_accounts.get(f"{TOKENS}/new")
def new_api_token(user_id: str) -> Any:
    """The dialog to generate a token."""
    return new_token()


@service_accounts.post(f"{TOKENS}/new")
@does(Act.CREATE_FOR_SERVICE_ACCOUNT)
def generate_api_token(user_id: str) -> Any:
    """Generate a token and show its value once."""
    return generate()


@service_accounts.get(f"{TOKENS}/<api_token>")
def show_api_token(user_id: str, api_token: str) -> Any:
    """A token, by its public id: facts and history."""
    return show_token(api_token)


@service_accounts.get(f"{TOKENS}/<api_token>/edit")
def edit_api_token(user_id: str, api_token: str) -> Any:
    """The dialog to describe it."""
    return own_changes.edit_api_token(api_token)


@service_accounts.post(f"{TOKENS}/<api_token>/edit")
@does()
def describe_api_token(user_id: str, api_token: str) -> Any:
    """Describe it."""
    return own_changes.describe_api_token(api_token)


@service_accounts.get(f"{TOKENS}/<uuid>/delete")
def confirm_delete_api_token(user_id: str, uuid: str) -> Any:
    """The dialog to delete it."""
    return confirm_delete(uuid)


@service_accounts.post(f"{TOKENS}/<uuid>/delete")
@does(Act.REVOKE_OF_SERVICE_ACCOUNT)
def delete_api_token(user_id: str, uuid: str) -> Any:
    """Revoke it; if the form says so, what was made with it."""
    return delete(uuid)

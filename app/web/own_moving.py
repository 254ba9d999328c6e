"""Moving a user's own tokens of both kinds to a service account that they answer for."""

from flask import Response, redirect
from flask.typing import ResponseReturnValue

from app.domain.errors import Refusal
from app.domain.ladder import Act, gains_rights
from app.http.acts import does
from app.http.context import caller, services
from app.services.listing import ListedToken
from app.web.account import own_token, page_of
from app.web.done import after_act
from app.web.forms import read_form
from app.web.own_changes import REFRESH, SINGLE_TIER, own_api_token, own_changes
from app.web.rendering import page
from app.web.returning import way_back
from app.web.session import web_session
from app.web.token_homes import OWN as HOME
from app.web.token_homes import PREFERENCES
from app.web.token_moves import REFUSALS, about_refusal

BLUEPRINT = own_changes
"""The one of :mod:`app.web.own_changes`, with these routes too."""


@own_changes.get(f"{REFRESH}/move")
def choose_owner_of_refresh_token(public_id: str) -> ResponseReturnValue:
    """The dialog to move a refresh token."""
    return _dialog(own_token(public_id))


@own_changes.post(f"{REFRESH}/move")
@does(Act.MOVE_OWN)
def move_refresh_token(public_id: str) -> ResponseReturnValue:
    """Move a refresh token."""
    return _move(own_token(public_id))


@own_changes.get(f"{SINGLE_TIER}/move")
def choose_owner_of_api_token(public_id: str) -> ResponseReturnValue:
    """The dialog to move an API token."""
    return _dialog(own_api_token(public_id))


@own_changes.post(f"{SINGLE_TIER}/move")
@does(Act.MOVE_OWN)
def move_api_token(public_id: str) -> ResponseReturnValue:
    """Move an API token."""
    return _move(own_api_token(public_id))


def _move(listed: ListedToken) -> ResponseReturnValue:
    public_id, owner_id = listed.token.public_id, web_session().user.id
    try:
        moved = services().moving.move(public_id, read_form().get("to", ""), caller(), only_of=owner_id)
    except REFUSALS as refusal:
        return _dialog(listed, refusal)
    return redirect(after_act(_home(listed), done="moved", token=public_id, after=str(moved.token.user_id)), 303)


def _dialog(listed: ListedToken, refusal: Refusal | None = None) -> Response:
    status, fields, error = about_refusal(refusal)
    public_id, home = listed.token.public_id, _home(listed)
    user = web_session().user
    accounts = [each.user for each in services().service_accounts.of(user.id)]
    possible = [each.username for each in accounts if each.is_active and not gains_rights(user.role, each.role)]
    return page(
        "own_token_move.html",
        status,
        listed=listed,
        accounts=[(name, name) for name in possible],
        to=read_form().get("to", "") if refusal else "",
        action=f"{page_of(public_id) if home == HOME else f'{home}/{public_id}'}/move",
        home=home,
        fields=fields,
        error=error,
        back=way_back(home),
    )


def _home(listed: ListedToken) -> str:
    return HOME if listed.kind == "refresh" else PREFERENCES

"""Renaming and describing a user's own tokens of both kinds."""

from flask import Response, redirect
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict, NotFound, Refusal
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.listing import ListedToken
from app.web.account import own_token, page_of
from app.web.done import after_act
from app.web.guards import IN_SESSION
from app.web.preferences import is_single_tier
from app.web.returning import way_back
from app.web.token_homes import api_crumbs, api_home, crumbs, home, token_owner
from app.web.token_labels import edit_dialog, labels

own_changes = GuardedBlueprint("web_own_changes", __name__, guard=IN_SESSION, template_folder="templates")

REFRESH, SINGLE_TIER = "/account/auth/refresh-tokens/<public_id>", "/preferences/access-tokens/<public_id>"


@own_changes.get(f"{REFRESH}/edit")
def edit_refresh_token(public_id: str) -> ResponseReturnValue:
    """The dialog to rename and describe a refresh token."""
    return _edit_refresh_token(public_id)


@own_changes.post(f"{REFRESH}/edit")
@does()
def rename_refresh_token(public_id: str) -> ResponseReturnValue:
    """Rename and describe a refresh token."""
    try:
        _change(own_token(public_id))
    except (BadRequest, Conflict) as refusal:
        return _edit_refresh_token(public_id, refusal)
    return redirect(after_act(page_of(public_id), done="edited", token=public_id), 303)


@own_changes.get(f"{SINGLE_TIER}/edit")
def edit_api_token(public_id: str) -> ResponseReturnValue:
    """The dialog to describe an API token."""
    return _edit_api_token(public_id)


@own_changes.post(f"{SINGLE_TIER}/edit")
@does()
def describe_api_token(public_id: str) -> ResponseReturnValue:
    """Describe an API token."""
    try:
        _change(own_api_token(public_id))
    except (BadRequest, Conflict) as refusal:
        return _edit_api_token(public_id, refusal)
    return redirect(after_act(f"{api_home()}/{public_id}", done="edited", token=public_id), 303)


def _change(listed: ListedToken) -> None:
    services().renaming.change(listed.token.public_id, labels(), caller(), token_owner().user.id)


def own_api_token(public_id: str) -> ListedToken:
    """A single-tier token of the user. Refuses with NotFound an unknown one and another user's."""
    listed = services().listing.find(public_id)
    if not is_single_tier(listed) or listed.token.user_id != token_owner().user.id:
        raise NotFound("token")
    return listed


def _edit_refresh_token(public_id: str, refusal: Refusal | None = None) -> Response:
    listed, back = own_token(public_id), way_back(home())
    action = f"{page_of(public_id)}/edit"
    return edit_dialog(listed, action, back, crumbs(), refusal)


def _edit_api_token(public_id: str, refusal: Refusal | None = None) -> Response:
    listed, back = own_api_token(public_id), way_back(api_home())
    action = f"{api_home()}/{public_id}/edit"
    return edit_dialog(listed, action, back, api_crumbs(), refusal)

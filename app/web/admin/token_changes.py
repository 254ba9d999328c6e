"""Changing any user's token: its name and description, and its owner."""

from flask import Response, redirect
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict, Refusal
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.moving import Proposal
from app.web.admin.revoked import HOME
from app.web.done import after_act
from app.web.forms import read_form
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page
from app.web.returning import way_back
from app.web.token_labels import edit_dialog, labels
from app.web.token_moves import REFUSALS, about_refusal

token_changes = GuardedBlueprint("web_token_changes", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix=HOME,
                                 template_folder="../templates")  # fmt: skip


@token_changes.get("/<public_id>/edit")
def edit_token(public_id: str) -> ResponseReturnValue:
    """The dialog to rename and describe a token."""
    return _edit(public_id)


@token_changes.post("/<public_id>/edit")
@does()
def rename(public_id: str) -> ResponseReturnValue:
    """Rename and describe a token."""
    try:
        services().renaming.change(public_id, labels(), caller())
    except (BadRequest, Conflict) as refusal:
        return _edit(public_id, refusal)
    return redirect(after_act(f"{HOME}/{public_id}", done="edited", token=public_id), 303)


@token_changes.get("/<public_id>/move")
def choose_owner(public_id: str) -> ResponseReturnValue:
    """The dialog to move a token."""
    return _move(public_id)


@token_changes.post("/<public_id>/move")
@does(Act.MOVE_OF_OTHERS)
def move(public_id: str) -> ResponseReturnValue:
    """Move a token; where anyone who knows its secret gains rights by it, only after a warning about this owner."""
    form = read_form()
    to = form.get("to", "").strip().lower()
    try:
        proposal = services().moving.propose(public_id, to, caller())
        if proposal.gains_rights and form.get("confirmed") != proposal.target.username:
            return _move(public_id, proposal=proposal)
        services().moving.move(public_id, to, caller(), form.get("reason", "").strip())
    except REFUSALS as refusal:
        return _move(public_id, refusal)
    about = {"token": public_id, "before": str(proposal.owner.id), "after": str(proposal.target.id)}
    return redirect(after_act(f"{HOME}/{public_id}", done="moved", **about), 303)


def _edit(public_id: str, refusal: Refusal | None = None) -> Response:
    listed, back = services().listing.find(public_id), way_back(HOME)
    home = ("Administration", "/admin"), ("Tokens", HOME)
    return edit_dialog(listed, f"{HOME}/{public_id}/edit", back, home, refusal)


def _move(public_id: str, refusal: Refusal | None = None, proposal: Proposal | None = None) -> Response:
    listed, form = services().listing.find(public_id), read_form()
    status, fields, error = about_refusal(refusal)
    return page(
        "admin_token_move.html",
        status,
        listed=listed,
        owner=services().accounts.by_id(listed.token.user_id),
        proposal=proposal,
        to=form.get("to", ""),
        reason=form.get("reason", ""),
        error=error,
        fields=fields,
        back=way_back(HOME),
    )

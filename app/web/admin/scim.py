"""Provisioning by SCIM: the tokens of directories, which group gives which role, and users who are handed to SCIM."""

from typing import Any

from flask import Response, redirect, request
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict, LimitReached, NotFound, Refusal
from app.domain.identity import Role
from app.domain.ladder import Act
from app.domain.masking import mask
from app.domain.scim_tokens import MOST_ACTIVE, ScimToken
from app.domain.text import count_of
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.admin import queries
from app.web.admin.user_dialogs import dialog, user_in_path
from app.web.admin.user_messages import shown_next
from app.web.admin.users import ROLES
from app.web.done import after_act, number_done, what_was_done
from app.web.forms import field_errors, idempotency_key, message, read_form, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import base_url, page

scim = GuardedBlueprint("web_scim", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin",
                        template_folder="../templates")  # fmt: skip

HOME = "/admin/scim"
LIFETIMES = [("", "No expiration"), ("365", "1 year"), ("180", "180 days"), ("90", "90 days")]
MAPPABLE = [(value, text) for value, text in ROLES if Role(value).has_pages]

TEXTS = {
    "revoked": "Revoked the SCIM token {name}. Requests with it are refused.",
    "mapped": "Members of {name} have the role {role}. Changed now: {roles}.",
    "unmapped": "{name} gives no role any more. Changed now: {roles}.",
}


@scim.get("/scim")
def show_scim() -> ResponseReturnValue:
    """What a directory needs, its tokens, and the groups that give roles."""
    return _page()


@scim.get("/scim/tokens/new")
def new_token() -> ResponseReturnValue:
    """The dialog to create a token."""
    return _new_token()


@scim.post("/scim/tokens/new")
@does(Act.CREATE_SCIM_TOKEN)
def create_token() -> ResponseReturnValue:
    """Create a token and show its text once."""
    name, days = read_form().get("name", ""), read_form().get("days", "")
    try:
        made, secret = services().scim.tokens.create(name, _days(days), caller(), idempotency_key())
    except (BadRequest, LimitReached) as refusal:
        return _new_token(refusal, name=name, days=days)
    return page("scim_token_reveal.html", token=made, secret=secret, address=_address(), back=HOME)


@scim.get("/scim/tokens/<public_id>/revoke")
def confirm_revoke(public_id: str) -> ResponseReturnValue:
    """The dialog to revoke a token."""
    return page("scim_token_revoke.html", token=_token(public_id), back=HOME)


@scim.post("/scim/tokens/<public_id>/revoke")
@does(Act.REVOKE_SCIM_TOKEN)
def revoke_token(public_id: str) -> ResponseReturnValue:
    """Revoke it, effective on the next request."""
    revoked = services().scim.tokens.revoke(public_id, caller())
    return redirect(after_act(HOME, done="revoked", name=revoked.name), 303)


@scim.get("/scim/groups/new")
def new_mapping() -> ResponseReturnValue:
    """The dialog to give a group a role; the query may name the group."""
    return _mapping(group=mask(request.args.get("group", "")), role=request.args.get("role", Role.VIEWER.value))


@scim.post("/scim/groups/new")
@does(Act.MAP_GROUP)
def map_group() -> ResponseReturnValue:
    """Give the members of a group a role, effective at once."""
    group, role = read_form().get("group", "").strip(), read_form().get("role", "")
    try:
        chosen = queries.word(read_form(), "role", Role) or Role.VIEWER
        changed = services().scim.roles.map(group, chosen, caller())
    except BadRequest as refusal:
        return _mapping(refusal, group=group, role=role)
    return redirect(after_act(HOME, done="mapped", name=group, role=chosen.value, roles=changed), 303)


@scim.get("/scim/groups/remove")
def confirm_unmap() -> ResponseReturnValue:
    """The dialog to take its role from a group, which the query names."""
    return page("scim_group_remove.html", group=mask(request.args.get("group", "")), back=HOME)


@scim.post("/scim/groups/remove")
@does(Act.UNMAP_GROUP)
def unmap_group() -> ResponseReturnValue:
    """Take its role from a group, effective at once."""
    group = read_form().get("group", "")
    changed = services().scim.roles.unmap(group, caller())
    return redirect(after_act(HOME, done="unmapped", name=group, roles=changed), 303)


@scim.get("/users/<user_id>/scim")
def confirm_hand_over(user_id: str) -> ResponseReturnValue:
    """The dialog to let SCIM manage a user, or no longer."""
    return dialog("admin_user_scim.html", user_in_path(user_id))


@scim.post("/users/<user_id>/scim")
@does(Act.HAND_TO_SCIM)
def hand_over(user_id: str) -> ResponseReturnValue:
    """Let SCIM manage a user, or no longer."""
    user, adoption = user_in_path(user_id), services().scim.adoption
    is_handed = read_form().get("managed") == "yes"
    try:
        (adoption.adopt if is_handed else adoption.release)(user.id, caller())
    except (BadRequest, Conflict) as refusal:
        return dialog("admin_user_scim.html", user, refusal)
    return shown_next(user, "handed-to-scim" if is_handed else "taken-from-scim")


def _page() -> Response:
    tokens = services().scim.tokens
    shown = [(each, tokens.status_of(each)) for each in tokens.list()]
    is_full = sum(status == "active" for _, status in shown) >= MOST_ACTIVE
    about: dict[str, Any] = {"groups": services().scim.roles.list(), "address": _address(), "told": _told()}
    return page("admin_scim.html", tokens=shown, is_full=is_full, **about)


def _told() -> str:
    args = what_was_done()
    text = TEXTS.get(args.get("done", ""), "")
    roles = count_of(number_done(args, "roles"), "role")
    return text.format(name=args.get("done-name", ""), role=args.get("done-role", ""), roles=roles)


def _token(public_id: str) -> ScimToken:
    """Refuses with NotFound."""
    found = next((each for each in services().scim.tokens.list() if each.public_id == public_id), None)
    if found is None:
        raise NotFound("SCIM token")
    return found


def _address() -> str:
    return f"{base_url()}/scim/v2"


def _days(text: str) -> int | None:
    """None where it works until it is revoked; refuses others than whole numbers."""
    if text and not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise BadRequest("A lifetime is a number of days.", {"days": ["A lifetime is a number of days."]})
    return int(text) if text else None


def _new_token(refusal: Refusal | None = None, name: str = "", days: str = "") -> Response:
    fields, error = field_errors(refusal) if refusal else {}, message(refusal) if refusal else ""
    if isinstance(refusal, LimitReached):
        error = f"There are {MOST_ACTIVE} active SCIM tokens, which is the limit. Revoke one first."
    values = {"error": "" if fields else error, "fields": fields, "options": LIFETIMES, "back": HOME}
    return page("scim_token_new.html", status_of(refusal) if refusal else 200, name=name, days=days, **values)


def _mapping(refusal: Refusal | None = None, group: str = "", role: str = "") -> Response:
    fields, error = field_errors(refusal) if refusal else {}, message(refusal) if refusal else ""
    named = {"group": fields.pop("displayName", ""), "role": fields.pop("role", "")}
    values = {"error": "" if any(named.values()) else error, "fields": named, "options": MAPPABLE, "back": HOME}
    return page("scim_group_new.html", status_of(refusal) if refusal else 200, group=group, role=role, **values)

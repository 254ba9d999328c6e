"""Who at which provider signs in as a user: an administrator links a person, and unlinks one."""

from flask import redirect, request
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict, Refusal
from app.domain.identity import User
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.linking import NamedPerson, named_person
from app.web.admin.user_dialogs import dialog, user_in_path
from app.web.admin.user_messages import began_in, shown_next
from app.web.forms import read_form
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.ways_in import providers

user_links = GuardedBlueprint("web_user_links", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/users",
                              template_folder="../templates")  # fmt: skip

FIELDS = ("issuer", "subject", "email")


@user_links.get("/<user_id>/link")
def edit_link(user_id: str) -> ResponseReturnValue:
    """The dialog to link a person at a provider."""
    return _form(user_in_path(user_id))


@user_links.post("/<user_id>/link")
@does(Act.LINK_USER)
def link(user_id: str) -> ResponseReturnValue:
    """Let a person at a provider sign in as the user."""
    user = user_in_path(user_id)
    try:
        services().linking.link(user.id, _person(read_form()), caller())
    except (BadRequest, Conflict) as refusal:
        return _form(user, refusal)
    return shown_next(user, "linked")


@user_links.get("/<user_id>/unlink")
def confirm_unlink(user_id: str) -> ResponseReturnValue:
    """The dialog to unlink a person: the one in the address. Without one, as after a fresh proof, the user's page."""
    user = user_in_path(user_id)
    if not request.args.get("issuer"):
        return redirect(f"{request.script_root}{began_in(user)}", 303)
    return dialog("admin_user_unlink.html", user, person=_person(request.args))


@user_links.post("/<user_id>/unlink")
@does(Act.UNLINK_USER)
def unlink(user_id: str) -> ResponseReturnValue:
    """No longer let a person at a provider sign in as the user."""
    user = user_in_path(user_id)
    services().linking.unlink(user.id, _person(read_form()), caller())
    return shown_next(user, "unlinked")


def _person(given: dict[str, str]) -> NamedPerson:
    return named_person(*(given.get(name, "") for name in FIELDS))


def _form(user: User, refusal: Refusal | None = None) -> ResponseReturnValue:
    form = read_form() if refusal else {}
    known = [(each.issuer, each.label) for each in providers()]
    entered = {name: form.get(name, "") for name in FIELDS}
    return dialog("admin_user_link.html", user, refusal, providers=known, **entered)

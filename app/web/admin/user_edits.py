"""What is stored about a person: editing e-mail, names and title, changing the user name, and deleting the user."""

from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict, Refusal
from app.domain.identity import User
from app.domain.ladder import Act
from app.domain.text import count_of, count_of_tokens
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.admin.user_dialogs import dialog, user_in_path
from app.web.admin.user_messages import numbers_of, shown_next
from app.web.forms import read_form
from app.web.guards import ADMINISTRATOR_IN_SESSION

user_edits = GuardedBlueprint("web_user_edits", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/users",
                              template_folder="../templates")  # fmt: skip

PROFILE = ("email", "first_name", "last_name", "title")


@user_edits.get("/<user_id>/edit")
def edit_profile(user_id: str) -> ResponseReturnValue:
    """The dialog to change a user's e-mail, names and title."""
    return _profile(user_in_path(user_id))


@user_edits.post("/<user_id>/edit")
@does(Act.EDIT_USER)
def change_profile(user_id: str) -> ResponseReturnValue:
    """Change a user's e-mail, names and title."""
    user, form = user_in_path(user_id), read_form()
    try:
        changed = services().accounts.change(user.id, {name: form.get(name, "").strip() for name in PROFILE}, caller())
    except BadRequest as refusal:
        return _profile(user, refusal)
    return shown_next(changed, "edited" if changed != user else "unchanged")


@user_edits.get("/<user_id>/rename")
def edit_username(user_id: str) -> ResponseReturnValue:
    """The dialog to change a user name."""
    return _username(user_in_path(user_id))


@user_edits.post("/<user_id>/rename")
@does(Act.RENAME_USER)
def rename(user_id: str) -> ResponseReturnValue:
    """Change a user name."""
    user = user_in_path(user_id)
    try:
        changed = services().accounts.change(user.id, {"username": read_form().get("username", "").strip()}, caller())
    except (BadRequest, Conflict) as refusal:
        return _username(user, refusal)
    return shown_next(changed, "renamed" if changed != user else "unchanged")


@user_edits.get("/<user_id>/delete")
def confirm_delete(user_id: str) -> ResponseReturnValue:
    """The dialog to delete a user."""
    return _deletion(user_in_path(user_id))


@user_edits.post("/<user_id>/delete")
@does(Act.DELETE_USER)
def delete(user_id: str) -> ResponseReturnValue:
    """Delete a user, for good."""
    user = user_in_path(user_id)
    try:
        deleted = services().deleting_users.delete(user.id, caller())
    except Conflict as refusal:
        return _deletion(user, refusal)
    return shown_next(deleted.user, "deleted", sessions=deleted.sessions, **numbers_of(deleted.revoked))


def _profile(user: User, refusal: Refusal | None = None) -> ResponseReturnValue:
    form = read_form() if refusal else vars(user)
    return dialog("admin_user_edit.html", user, refusal, **{name: form.get(name, "") for name in PROFILE})


def _username(user: User, refusal: Refusal | None = None) -> ResponseReturnValue:
    username = read_form().get("username", "") if refusal else user.username
    return dialog("admin_user_rename.html", user, refusal, username=username)


def _deletion(user: User, refusal: Refusal | None = None) -> ResponseReturnValue:
    revocable, sessions = services().overview.revocable_of(user.id), services().sessions.of_user(user.id)
    tokens = count_of_tokens(revocable.refresh_tokens, revocable.access_tokens)
    accounts = [each.user for each in services().service_accounts.left_by(user.id)]
    effects = [f"revokes {tokens}"] if any((revocable.refresh_tokens, revocable.access_tokens)) else []
    effects += [f"ends {count_of(len(sessions), 'session')}"] if sessions else []
    return dialog("admin_user_delete.html", user, refusal, effects=" and ".join(effects), accounts=accounts)

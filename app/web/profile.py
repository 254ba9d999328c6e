"""Account Settings: a user's own names. Administrators change the rest (``app.web.admin.user_edits``)."""

from typing import Any

from flask import Response, redirect
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest
from app.domain.identity import User
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.user_changes import OWN_NAMES
from app.web.done import after_act, what_was_done
from app.web.forms import field_errors, read_form, status_of
from app.web.guards import IN_SESSION
from app.web.rendering import page
from app.web.session import web_session

profile = GuardedBlueprint("web_profile", __name__, guard=IN_SESSION, url_prefix="/account/profile",
                           template_folder="templates")  # fmt: skip


@profile.get("")
def edit_names() -> ResponseReturnValue:
    """The form to change your own names, with what else is stored."""
    user = web_session().user
    names: dict[str, Any] = {"first_name": user.first_name, "last_name": user.last_name}
    return _page(user, done=what_was_done().get("done"), fields={}, **names)


@profile.post("")
@does()
def change_names() -> ResponseReturnValue:
    """Change your own names. No right depends on them."""
    user = web_session().user
    names: dict[str, Any] = {name: read_form().get(name, "").strip() for name in OWN_NAMES}
    try:
        services().accounts.change_own_names(user.id, names, caller())
    except BadRequest as refusal:
        return _page(user, status_of(refusal), fields=field_errors(refusal), **names)
    return redirect(after_act("/account/profile", done="changed"), 303)


def _page(user: User, status: int = 200, **values: Any) -> Response:
    links = services().linking.of(user.id)
    return page("account_profile.html", status, user=user, identities=links.identities, **values)

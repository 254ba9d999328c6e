"""Resetting the second factor of a user who has lost it."""

from flask.typing import ResponseReturnValue

from app.domain.errors import Conflict
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.admin.user_dialogs import dialog, user_in_path
from app.web.admin.user_messages import shown_next
from app.web.guards import ADMINISTRATOR_IN_SESSION

resetting = GuardedBlueprint("web_user_second_factor", __name__, guard=ADMINISTRATOR_IN_SESSION,
                             url_prefix="/admin/users", template_folder="../templates")  # fmt: skip

DIALOG = "admin_user_reset_second_factor.html"


@resetting.get("/<user_id>/reset-second-factor")
def confirm_reset(user_id: str) -> ResponseReturnValue:
    """The dialog to reset a user's second factor."""
    user = user_in_path(user_id)
    return dialog(DIALOG, user, factor=services().enrolling.own(user.id))


@resetting.post("/<user_id>/reset-second-factor")
@does(Act.RESET_SECOND_FACTOR)
def reset(user_id: str) -> ResponseReturnValue:
    """Remove it: the password alone signs in again."""
    user = user_in_path(user_id)
    try:
        services().enrolling.reset(user.id, caller())
    except Conflict as refusal:
        return dialog(DIALOG, user, refusal, factor=services().enrolling.own(user.id))
    return shown_next(user, "second-factor-reset")

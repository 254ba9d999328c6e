"""What all dialogs about a user have: the user in the path, and where they lead back to."""

from typing import Any

from flask import Response

from app.domain.errors import Conflict, Refusal
from app.domain.identity import User, parse_user_id
from app.http.context import services
from app.services.named_users import DELETED
from app.web.admin.user_messages import LIST, began_in
from app.web.forms import field_errors, message, status_of
from app.web.rendering import page


def user_in_path(user_id: str) -> User:
    """Refuses with NotFound, and with Conflict a deleted user, of whom nothing can be changed."""
    user = services().accounts.by_id(parse_user_id(user_id))
    if user.deleted_at is not None:
        raise Conflict(DELETED)
    return user


def dialog(template: str, user: User, refusal: Refusal | None = None, **values: Any) -> Response:
    """The dialog; after a refusal with its message, or the errors of its fields."""
    back = began_in(user)
    fields = field_errors(refusal) if refusal else {}
    error = message(refusal) if refusal and not fields else ""
    status = status_of(refusal) if refusal else 200
    crumbs = [("Administration", "/admin"), ("Users", LIST), (user.username, f"{LIST}/{user.id}")]
    values = {"error": error, "fields": fields, "crumbs": crumbs} | values
    return page(template, status, user=user, back=back, **values)

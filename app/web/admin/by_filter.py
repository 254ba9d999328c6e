"""Revoking by filter: a preview, and the form that revokes exactly what it showed."""

from urllib.parse import urlencode

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.admin import queries
from app.web.admin.queries import TOKEN_FIELDS, Form
from app.web.forms import field_errors, message, read_form, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page

by_filter = GuardedBlueprint("web_by_filter", __name__, guard=ADMINISTRATOR_IN_SESSION,
                             url_prefix="/admin/tokens/revoke-by-filter", template_folder="../templates")  # fmt: skip

SHOWN = 20


@by_filter.get("")
def preview() -> ResponseReturnValue:
    """The tokens that would be revoked."""
    return _preview(request.args)


@by_filter.post("")
@does(Act.REVOKE_OF_OTHERS)
def revoke() -> ResponseReturnValue:
    """Revoke them, unless others match than were shown."""
    form = read_form()
    try:
        criteria = queries.token_filter(form)
        reason, confirmation = queries.reason(form), form.get("confirmation", "")
        services().revoking_by_filter.revoke(criteria, confirmation, reason, caller())
    except (BadRequest, Conflict) as refusal:
        return _preview(form, status_of(refusal), message(refusal), field_errors(refusal))
    query = urlencode({**_entered(form), "done": "revoked"})
    return redirect(f"{url_for('web_tokens.list_tokens')}?{query}", 303)


def _entered(form: Form) -> dict[str, str]:
    """The criteria, as they were entered."""
    return {name: value for name, value in queries.entered(form, TOKEN_FIELDS).items() if value}


def _preview(form: Form, status: int = 200, error: str = "", fields: dict[str, str] | None = None) -> Response:
    """The criteria and the tokens they match, or the error of the criteria."""
    entered = _entered(form)
    preview = None
    try:
        preview = services().revoking_by_filter.preview(queries.token_filter(form))
    except BadRequest as refusal:
        status, error = status_of(refusal), message(refusal)
    is_about_reason = fields is not None and "reason" in fields
    return page(
        "admin_revoke_by_filter.html",
        status,
        criteria=[(TOKEN_FIELDS[name].label, value) for name, value in entered.items()],
        entered=entered,
        preview=preview,
        shown=SHOWN,
        reason=queries.entered_reason(),
        error="" if is_about_reason and preview else error,
        fields=fields or {},
    )

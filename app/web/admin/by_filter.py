"""Revoking by filter: a page that shows exactly what would be revoked, and the form that revokes exactly that.

Not here: what is bound by the confirmation, and when it no longer holds (``app.services.revoking_by_filter``).
"""

from typing import Any
from urllib.parse import urlencode

from flask import redirect, request, url_for

from app.domain.errors import BadRequest, Conflict
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.admin import queries
from app.web.admin.queries import TOKEN_FIELDS, Form
from app.web.forms import fields_of, read_form, said, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION, asking_again
from app.web.rendering import page

by_filter = GuardedBlueprint("web_by_filter", __name__, guard=ADMINISTRATOR_IN_SESSION,
                             url_prefix="/admin/tokens/revoke-by-filter", template_folder="../templates")  # fmt: skip

SHOWN = 20


@by_filter.get("")
def preview() -> Any:
    """What would be revoked."""
    return _preview(request.args)


@by_filter.post("")
@asking_again
def revoke() -> Any:
    """Revoke it, unless something else would be revoked than was shown."""
    form = read_form()
    try:
        criteria = queries.token_filter(form)
        reason, confirmation = queries.reason(form), form.get("confirmation", "")
        services().revoking_by_filter.revoke(criteria, confirmation, reason, caller())
    except (BadRequest, Conflict) as refusal:
        return _preview(form, status_of(refusal), said(refusal), fields_of(refusal))
    query = urlencode({**_entered(form), "done": "revoked"})
    return redirect(f"{url_for('web_tokens.every')}?{query}", 303)


def _entered(form: Form) -> dict[str, str]:
    """The criteria that were given, as they were entered."""
    return {name: value for name, value in queries.typed(form, TOKEN_FIELDS).items() if value}


def _preview(form: Form, status: int = 200, error: str = "", fields: dict[str, str] | None = None) -> Any:
    """The criteria, and what they match now; without criteria, or with bad ones, only what is wrong with them."""
    typed = _entered(form)
    found = None
    try:
        found = services().revoking_by_filter.preview(queries.token_filter(form))
    except BadRequest as refusal:
        status, error = status_of(refusal), said(refusal)
    is_about_reason = fields is not None and "reason" in fields
    return page(
        "admin_revoke_by_filter.html",
        status,
        criteria=[(TOKEN_FIELDS[name].label, value) for name, value in typed.items()],
        typed=typed,
        found=found,
        shown=SHOWN,
        reason=queries.typed_reason(),
        error="" if is_about_reason and found else error,
        fields=fields or {},
    )

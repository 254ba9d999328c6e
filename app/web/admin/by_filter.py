"""Revoking many tokens, all that match a filter or chosen ones: preview, the form for exactly that, and progress."""

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict
from app.domain.ladder import Act
from app.domain.token_filter import TokenFilter
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.bulk_revocations import parse_number
from app.services.revoking import Revoked
from app.services.revoking_by_filter import Preview
from app.web.admin import queries, token_queries
from app.web.admin.chosen import chosen, some_chosen
from app.web.admin.chosen import kept as kept_choice
from app.web.admin.queries import Form
from app.web.admin.revoked import HOME, after_revoking
from app.web.forms import field_errors, message, read_form, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page
from app.web.returning import way_back

by_filter = GuardedBlueprint("web_by_filter", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix=HOME,
                             template_folder="../templates")  # fmt: skip

SHOWN = 20


@by_filter.get("/revoke-by-filter")
def preview() -> ResponseReturnValue:
    """The tokens that match a filter and would be revoked."""
    return _preview(request.args)


@by_filter.post("/revoke-by-filter")
@does(Act.REVOKE_OF_OTHERS)
def revoke() -> ResponseReturnValue:
    """Revoke them, unless others match than were shown."""
    return _revoke()


@by_filter.get("/revoke-chosen")
def preview_chosen() -> ResponseReturnValue:
    """The chosen tokens that would be revoked."""
    return _preview(request.args)


@by_filter.post("/revoke-chosen")
@does(Act.REVOKE_OF_OTHERS)
def revoke_chosen() -> ResponseReturnValue:
    """Revoke the chosen tokens, unless others are active than were shown."""
    return _revoke()


@by_filter.get("/revocations/<number>")
def show_revocation(number: str) -> ResponseReturnValue:
    """How far a revocation of many tokens is."""
    revoked = services().bulk_revocations.find(parse_number(number))
    return page("admin_bulk_revocation.html", revoked=revoked, back=way_back(HOME))


def _revoke() -> ResponseReturnValue:
    form = read_form()
    try:
        reason, confirmation = queries.reason(form), form.get("confirmation", "")
        revoked = services().revoking_by_filter.revoke(_criteria(form), confirmation, reason, caller())
    except (BadRequest, Conflict) as refusal:
        return _preview(form, status_of(refusal), message(refusal), field_errors(refusal))
    if revoked.finished_at is not None:
        return after_revoking(Revoked(revoked.refresh_tokens, revoked.access_tokens), filter=confirmation[:16])
    services().bulk_revocations.finish_in_background(revoked)
    return redirect(url_for("web_by_filter.show_revocation", number=revoked.id, back=way_back(HOME)), 303)


def _is_of_chosen() -> bool:
    return request.path.endswith("/revoke-chosen")


def _criteria(form: Form) -> TokenFilter:
    if not _is_of_chosen():
        return token_queries.token_view(form).narrowed
    return TokenFilter(public_ids=some_chosen(form))


def _kept(form: Form) -> dict[str, str]:
    """What the form sends again: the chosen tokens, or the criteria as they were entered."""
    if _is_of_chosen():
        return kept_choice(form)
    return {name: value for name, value in queries.entered(form, token_queries.NAMES).items() if value}


def _preview(form: Form, status: int = 200, error: str = "", fields: dict[str, str] | None = None) -> Response:
    """The tokens that would be revoked, or what is wrong with the criteria."""
    preview: Preview | None = None
    try:
        preview = services().revoking_by_filter.preview(_criteria(form))
    except BadRequest as refusal:
        status, error = status_of(refusal), message(refusal)
    is_about_reason = fields is not None and "reason" in fields
    return page(
        "admin_revoke_by_filter.html",
        status,
        criteria=[] if _is_of_chosen() else token_queries.criteria_in_words(form),
        is_of_chosen=_is_of_chosen(),
        chosen=len(chosen(form)),
        kept=_kept(form),
        preview=preview,
        shown=SHOWN,
        back=way_back(HOME),
        reason=queries.entered_reason(),
        error="" if is_about_reason and preview else error,
        fields=fields or {},
    )

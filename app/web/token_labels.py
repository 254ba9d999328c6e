"""The dialog that renames and describes a token, and the fields of its form."""

from collections.abc import Sequence

from flask import Response, request

from app.domain.errors import Refusal
from app.domain.tokens import TokenKind
from app.services.listing import ListedToken
from app.web.done import what_was_done
from app.web.forms import field_errors, message, read_form, status_of
from app.web.rendering import page

FIELDS = {"token_name": "name", "description": "description"}
"""What each field of the form is. The list behind the dialog has a filter called name."""

Crumb = tuple[str, str]


def labels() -> dict[str, str]:
    """What the form changes: a field that it does not have stays."""
    form = read_form()
    return {name: form[field].strip() for field, name in FIELDS.items() if field in form}


def edited_text(public_id: str) -> str:
    """What the address of a token's page says was done to its labels."""
    done = what_was_done()
    return "Saved." if done.get("done") == "edited" and done.get("done-token") == public_id else ""


def edit_dialog(
    listed: ListedToken, action: str, back: str, home: Sequence[Crumb], refusal: Refusal | None = None
) -> Response:
    """The dialog; after a refusal, with what was entered. `action`: of its form; `home`: the lists above it."""
    stored = {"name": listed.name, "description": listed.token.description or ""}
    entered = labels() if request.method == "POST" else {}
    fields = {} if refusal is None else field_errors(refusal)
    return page(
        "token_edit.html",
        200 if refusal is None else status_of(refusal),
        listed=listed,
        has_name=listed.kind is TokenKind.REFRESH,
        values=stored | entered,
        action=action,
        home=home,
        back=back,
        fields=fields,
        error="" if refusal is None or fields else message(refusal),
    )

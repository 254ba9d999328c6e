"""The tokens that are chosen in a list: each is a field of the form."""

from app.domain.errors import BadRequest
from app.domain.secrets import PUBLIC_ID
from app.web.admin.queries import Form

PICK = "pick-"
"""How the name of each chosen token's field begins; its public id follows."""

NONE_CHOSEN = "No token was chosen. Select some in the list."


def chosen(form: Form) -> list[str]:
    """Their public ids, in order."""
    picked = (name.removeprefix(PICK) for name in form if name.startswith(PICK))
    return sorted(public_id for public_id in picked if PUBLIC_ID.fullmatch(public_id))


def some_chosen(form: Form) -> list[str]:
    """The same; refuses with BadRequest where none is."""
    if not chosen(form):
        raise BadRequest(NONE_CHOSEN, {"tokens": [NONE_CHOSEN]})
    return chosen(form)


def kept(form: Form) -> dict[str, str]:
    """The fields that a form sends again."""
    return {f"{PICK}{public_id}": "on" for public_id in chosen(form)}

"""Service accounts for administrators: creating one, who answers for it, and what a person hands over.

Not here: their tokens (``app.web.service_accounts``).
"""

from flask import Response, redirect
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, Conflict, NotFound, Refusal
from app.domain.identity import USER_ID, Role, User
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.moving import MOST_AT_ONCE, Proposal
from app.services.service_accounts import People
from app.web.admin import queries
from app.web.admin.user_dialogs import dialog, user_in_path
from app.web.admin.user_messages import LIST, shown_next
from app.web.admin.users import ROLES
from app.web.done import after_act
from app.web.forms import field_errors, idempotency_key, message, read_form, status_of
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page
from app.web.token_moves import REFUSALS

answering = GuardedBlueprint("web_answering", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix=LIST,
                             template_folder="../templates")  # fmt: skip

NEW = ("username", "responsible", "deputy", "new_role")

PICK, TO, OWNER = "pick-", "to-", "owner"
"""Fields: beginnings of those of tokens and accounts, and the one of the new owner."""
REASON = "handed over"


@answering.get("/new-service-account")
def new_account() -> ResponseReturnValue:
    """The dialog to create a service account."""
    return _new(None, new_role=Role.VIEWER)


@answering.post("/new-service-account")
@does(Act.CREATE_USER)
def create_account() -> ResponseReturnValue:
    """Create a service account, with who answers for it."""
    entered = queries.entered(read_form(), NEW)
    try:
        role = queries.word(read_form(), "new_role", Role) or Role.VIEWER
        people = People(entered["responsible"].strip(), entered["deputy"].strip() or None)
        name, add = entered["username"].strip(), services().service_accounts.add
        made = add(name, role, people, caller(), idempotency_key())
    except (BadRequest, Conflict) as refusal:
        return _new(refusal, **entered)
    return redirect(after_act(f"{LIST}/{made.id}", done="created"), 303)


@answering.get("/<user_id>/responsible")
def edit_responsible(user_id: str) -> ResponseReturnValue:
    """The dialog to change who answers for a service account."""
    return _responsible(_account(user_id))


@answering.post("/<user_id>/responsible")
@does(Act.MAKE_RESPONSIBLE)
def change_responsible(user_id: str) -> ResponseReturnValue:
    """Change it."""
    account, form = _account(user_id), read_form()
    people: dict[str, str | bool] = {name: form.get(name, "").strip() for name in ("responsible", "deputy")}
    try:
        changed = services().accounts.change(account.id, people, caller())
    except BadRequest as refusal:
        return _responsible(account, refusal)
    is_same = (changed.responsible_id, changed.deputy_id) == (account.responsible_id, account.deputy_id)
    return shown_next(account, "unchanged" if is_same else "responsible")


@answering.get("/<user_id>/hand-over")
def confirm_hand_over(user_id: str) -> ResponseReturnValue:
    """The dialog to move what a person answers for, and their tokens, to others."""
    return _hand_over(user_in_path(user_id))


@answering.post("/<user_id>/hand-over")
@does(Act.MAKE_RESPONSIBLE, Act.MOVE_OF_OTHERS)
def hand_over(user_id: str) -> ResponseReturnValue:
    """Let others answer for the person's service accounts, or move the chosen tokens to another owner."""
    person, form = user_in_path(user_id), read_form()
    try:
        return _hand_over_tokens(person, form) if OWNER in form else _hand_over_accounts(person, form)
    except REFUSALS as refusal:
        return _hand_over(person, refusal)


def _hand_over_accounts(person: User, form: queries.Form) -> ResponseReturnValue:
    """Those without a name stay."""
    named = {name.removeprefix(TO): value.strip() for name, value in form.items() if name.startswith(TO)}
    successors = {int(each): name for each, name in named.items() if name and USER_ID.fullmatch(each)}
    moved = services().service_accounts.hand_over(person.id, successors, caller())
    return shown_next(person, "handed-over" if moved else "unchanged", accounts=len(moved))


def _hand_over_tokens(person: User, form: queries.Form) -> ResponseReturnValue:
    """Where anyone who knows their secrets gains rights by it, only after a warning about this owner."""
    chosen = [name.removeprefix(PICK) for name in form if name.startswith(PICK)]
    proposal = services().moving.propose(chosen[0], form[OWNER], caller()) if chosen else None
    if proposal is not None and proposal.gains_rights and form.get("confirmed") != proposal.target.username:
        return _hand_over(person, proposal=proposal)
    moved = services().moving.move_each(chosen, form[OWNER], caller(), REASON) if chosen else []
    return shown_next(person, "moved" if moved else "unchanged", moved=len(moved))


def _account(user_id: str) -> User:
    user = user_in_path(user_id)
    if not user.is_service:
        raise NotFound("user")
    return user


def _new(refusal: Refusal | None, **entered: str) -> Response:
    fields = field_errors(refusal) if refusal else {}
    error, status = message(refusal) if refusal and not fields else "", status_of(refusal) if refusal else 200
    values = {name: entered.get(name, "") for name in NEW}
    return page("admin_service_account_new.html", status, error=error, fields=fields, roles=ROLES, **values)


def _responsible(account: User, refusal: Refusal | None = None) -> Response:
    form = read_form() if refusal else {}
    values = {name: form.get(name, getattr(account, name) or "") for name in ("responsible", "deputy")}
    return dialog("admin_user_responsible.html", account, refusal, **values)


def _hand_over(person: User, refusal: Refusal | None = None, proposal: Proposal | None = None) -> Response:
    form = read_form() if refusal or proposal else {}
    accounts = [each.user for each in services().service_accounts.of(person.id)]
    proposed = {each.id: (each.deputy or "") if each.responsible_id == person.id else "" for each in accounts}
    names = {account_id: form.get(f"{TO}{account_id}", name) for account_id, name in proposed.items()}
    tokens = services().token_lists.active_of(person.id, MOST_AT_ONCE)
    left_out = [each.public_id for each in tokens if OWNER in form and f"{PICK}{each.public_id}" not in form]
    values = {"accounts": accounts, "names": names, "tokens": tokens, "owner": form.get(OWNER, "")}
    return dialog("admin_user_hand_over.html", person, refusal, **values, left_out=left_out, proposal=proposal)

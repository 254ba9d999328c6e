"""The forms of a user's refresh tokens that show a secret: creating, regenerating, minting; and testing one."""

from collections.abc import Callable
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, LimitReached, NotPermitted, RateLimited, Refusal
from app.domain.ladder import Act
from app.domain.masking import mask
from app.domain.reissue import Reissue
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind
from app.http.acts import does
from app.http.context import caller, parts, services
from app.services.held_tokens import ByOwner, BySecret
from app.web.account import account, own_token, token_page
from app.web.forms import field_errors, idempotency_key, is_checked, message, read_form, status_of
from app.web.lifetimes import chosen_days, lifetimes
from app.web.rendering import page, retry_after
from app.web.returning import way_back
from app.web.token_homes import home, token_owner

LIFETIME = "expires"
"""The field of the lifetime."""


@account.get("/refresh-tokens")
def new_refresh_token() -> ResponseReturnValue:
    """The dialog to create a refresh token; the query may hold its name."""
    return _form(mask(request.args.get("name", "")))


@account.post("/refresh-tokens")
@does(Act.CREATE_REFRESH_TOKEN)
def create_refresh_token() -> ResponseReturnValue:
    """Create a refresh token and show its secret once."""
    form = read_form()
    name, description = form.get("name", "").strip(), form.get("description", "")
    reissue = Reissue.REUSE if is_checked("is_shared") else None
    try:
        issued = services().issuing.issue(
            token_owner().user.id, name, caller(), idempotency_key(),
            reissue=reissue, lifetime_days=_lifetime_days(), description=description,
        )  # fmt: skip
    except (BadRequest, LimitReached, NotPermitted, RateLimited) as refusal:
        return retry_after(_form(name, refusal), refusal)
    return reveal_refresh_token(issued)


@account.get("/refresh-tokens/<public_id>/regenerate")
def confirm_regenerate(public_id: str) -> ResponseReturnValue:
    """The dialog to regenerate a refresh token."""
    return token_page("refresh_token_regenerate.html", public_id, back=way_back(home()))


@account.post("/refresh-tokens/<public_id>/regenerate")
@does(Act.REGENERATE)
def regenerate(public_id: str) -> ResponseReturnValue:
    """Regenerate it and show the new secret once."""
    return reveal_refresh_token(services().issuing.regenerate(_claim(public_id), caller(), idempotency_key()))


@account.get("/refresh-tokens/<public_id>/access-token")
def confirm_mint(public_id: str) -> ResponseReturnValue:
    """The dialog to mint an access token from a refresh token."""
    return token_page("access_token_new.html", public_id, back=way_back(home()))


@account.post("/refresh-tokens/<public_id>/access-token")
@does(Act.MINT)
def mint(public_id: str) -> ResponseReturnValue:
    """Mint it and show its secret once."""
    issued: Issued[AccessToken] = services().minting.mint(_claim(public_id), caller(), idempotency_key())
    about: dict[str, Any] = {"name": own_token(public_id).name, "parent": public_id, "back": way_back(home())}
    return page("access_token_reveal.html", token=issued.token, secret=issued.secret, **about)


@account.post("/test-token")
@does()
def test_token() -> ResponseReturnValue:
    """Check a new token as an API would, and show the result."""
    form, user_id = read_form(), token_owner().user.id
    kind = TokenKind.REFRESH if form.get("kind") == TokenKind.REFRESH else TokenKind.ACCESS
    tests: dict[TokenKind, Callable[[str], object]] = {
        TokenKind.REFRESH: lambda secret: services().held_tokens.validate(BySecret(secret, user_id)),
        TokenKind.ACCESS: lambda secret: services().verifier.verify(secret, user_id),
    }
    try:
        tests[kind](form.get("secret", ""))
    except Refusal as refusal:
        return page("tested.html", status_of(refusal), works=False, error=message(refusal), reason=refusal.reason)
    return page("tested.html", works=True, kind=kind)


def _claim(public_id: str) -> ByOwner:
    return ByOwner(public_id, token_owner().user.id)


def _longest() -> int:
    return int(services().instance_settings.policy().refresh_token_lifespan.days)


def _lifetime_days() -> int | None:
    """The lifetime that the form chooses; None where it is the instance's, also whatever that becomes."""
    form = read_form()
    if LIFETIME not in form:
        return None
    days = chosen_days(form, LIFETIME, parts().clock()) or 0  # never is as wrong as no days at all
    return None if days == _longest() else days


def _form(name: str, refusal: Refusal | None = None) -> Response:
    form, longest = read_form() if request.method == "POST" else {}, _longest()
    return page(
        "refresh_token_new.html",
        200 if refusal is None else status_of(refusal),
        name=name,
        is_shared=form.get("is_shared") == "on",
        description=form.get("description", ""),
        options=lifetimes((longest,), longest, form, LIFETIME, str(longest), parts().clock()),
        error="" if refusal is None else message(refusal),
        fields={} if refusal is None else field_errors(refusal),
    )


def reveal_refresh_token(issued: Issued[RefreshToken]) -> Response:
    """The secret, in the response to the form itself."""
    return page("refresh_token_reveal.html", token=issued.token, secret=issued.secret, back=way_back(home()))

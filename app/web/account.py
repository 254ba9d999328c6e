"""Account Settings: a user's refresh tokens, and the access token under each."""

from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, LimitReached, NotFound, NotPermitted, RateLimited, Refusal
from app.domain.ladder import Act
from app.domain.masking import mask
from app.domain.policy import Reissue
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.held_tokens import ByOwner, BySecret
from app.services.listing import ListedToken
from app.web.forms import field_errors, idempotency_key, is_checked, message, read_form, status_of
from app.web.guards import IN_SESSION, web_session
from app.web.rendering import page, retry_after

account = GuardedBlueprint("web_account", __name__, guard=IN_SESSION, url_prefix="/account/auth",
                           template_folder="templates")  # fmt: skip

BY_OWNER = "revoked by its owner"

IssuedToken = Issued[RefreshToken] | Issued[AccessToken]


@account.get("")
def list_tokens() -> ResponseReturnValue:
    """The user's refresh tokens."""
    cursor = request.args.get("cursor")
    items, next_cursor = services().overview.own_refresh_tokens(web_session().user.id, cursor)
    return page("account_tokens.html", items=items, cursor=cursor, next_cursor=next_cursor)


@account.get("/refresh-tokens")
def new_refresh_token() -> ResponseReturnValue:
    """The dialog to create a refresh token; the query may hold its name."""
    policy = services().instance_settings.policy()
    return page(
        "refresh_token_new.html", name=mask(request.args.get("name", "")), days=policy.refresh_token_lifespan.days
    )


@account.post("/refresh-tokens")
@does(Act.CREATE_REFRESH_TOKEN)
def create_refresh_token() -> ResponseReturnValue:
    """Create a refresh token and show its secret once."""
    name = read_form().get("name", "").strip()
    is_shared = is_checked("is_shared")
    try:
        reissue = Reissue.REUSE if is_shared else None
        issued = services().issuing.issue(web_session().user.id, name, caller(), idempotency_key(), reissue=reissue)
    except (BadRequest, LimitReached, NotPermitted, RateLimited) as refusal:
        policy = services().instance_settings.policy()
        values = {"name": name, "is_shared": is_shared, "error": message(refusal), "fields": field_errors(refusal)}
        answer = page("refresh_token_new.html", status_of(refusal), days=policy.refresh_token_lifespan.days, **values)
        return retry_after(answer, refusal)
    return _reveal(issued)


@account.get("/refresh-tokens/<public_id>/regenerate")
def confirm_regenerate(public_id: str) -> ResponseReturnValue:
    """The dialog to regenerate a refresh token."""
    return _confirm("refresh_token_regenerate.html", public_id)


@account.post("/refresh-tokens/<public_id>/regenerate")
@does(Act.REGENERATE)
def regenerate(public_id: str) -> ResponseReturnValue:
    """Regenerate it and show the new secret once."""
    return _reveal(services().issuing.regenerate(_claim(public_id), caller(), idempotency_key()))


@account.get("/refresh-tokens/<public_id>/access-token")
def confirm_mint(public_id: str) -> ResponseReturnValue:
    """The dialog to mint an access token from a refresh token."""
    return _confirm("access_token_new.html", public_id)


@account.post("/refresh-tokens/<public_id>/access-token")
@does(Act.MINT)
def mint(public_id: str) -> ResponseReturnValue:
    """Mint it and show its secret once."""
    return _reveal(services().minting.mint(_claim(public_id), caller(), idempotency_key()), parent=public_id)


@account.get("/refresh-tokens/<public_id>/revoke")
def confirm_revoke(public_id: str) -> ResponseReturnValue:
    """The dialog to revoke a refresh token."""
    made = services().revoking.descendants(public_id, only_of=web_session().user.id)
    return _confirm("refresh_token_revoke.html", public_id, made=made)


@account.post("/refresh-tokens/<public_id>/revoke")
@does(Act.REVOKE_OWN)
def revoke(public_id: str) -> ResponseReturnValue:
    """Revoke it and the access token under it; if the form says so, what was made with them."""
    owner_id, with_descendants = web_session().user.id, is_checked("with_descendants")
    services().revoking.revoke(public_id, BY_OWNER, caller(), owner_id, with_descendants=with_descendants)
    done = "all-revoked" if with_descendants else "revoked"
    return redirect(url_for("web_account.list_tokens", done=done), 303)


@account.post("/test-token")
@does()
def test_token() -> ResponseReturnValue:
    """Check a new token as an API would, and show the result."""
    secret = read_form().get("secret", "")
    try:
        if read_form().get("kind") == TokenKind.REFRESH:
            token = services().held_tokens.validate(BySecret(secret, web_session().user.id))[0]
            return page("tested.html", works=True, public_id=token.public_id, expires_at=token.expires_at)
        principal = services().verifier.verify(secret, web_session().user.id)
    except Refusal as refusal:
        return page("tested.html", status_of(refusal), works=False, error=message(refusal), reason=refusal.reason)
    return page("tested.html", works=True, public_id=principal.token_public_id, expires_at=principal.token_expires_at)


def _claim(public_id: str) -> ByOwner:
    return ByOwner(public_id, web_session().user.id)


def _own(public_id: str) -> ListedToken:
    """A refresh token of the user. Refuses with NotFound an unknown one and another user's."""
    listed = services().listing.find(public_id)
    if listed.kind is not TokenKind.REFRESH or listed.token.user_id != web_session().user.id:
        raise NotFound("token")
    return listed


def _confirm(template: str, public_id: str, **values: Any) -> Response:
    token = _own(public_id).token
    assert isinstance(token, RefreshToken)
    policy = services().instance_settings.policy()
    access_token = services().overview.access_token_under(token.id)
    overlap = policy.overlap_under(policy.reissue_of(token.access_token_reissue))
    return page(template, token=token, access_token=access_token, policy=policy, overlap=overlap, **values)


def _reveal(issued: IssuedToken, parent: str | None = None) -> Response:
    """The secret, in the response to the form itself."""
    if isinstance(issued.token, RefreshToken):
        return page("refresh_token_reveal.html", token=issued.token, secret=issued.secret)
    name = _own(parent).name if parent is not None else ""
    return page("access_token_reveal.html", token=issued.token, secret=issued.secret, name=name)

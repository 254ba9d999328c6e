"""Account Settings: one's refresh tokens with the access token under each, and one's password.

Not here: single-tier tokens (``preferences``), and a rule (``app.services``).
"""

from typing import Any

from flask import redirect, request, url_for

from app.domain.errors import BadCredentials, BadRequest, LimitReached, NotFound, NotPermitted, RateLimited, Refusal
from app.domain.policy import Reissue
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.held_tokens import ByOwner, BySecret
from app.services.listing import ListedToken
from app.web.forms import fields_of, once, read_form, said, status_of
from app.web.guards import IN_SESSION, asking_again, web_session
from app.web.rendering import page

account = GuardedBlueprint("web_account", __name__, guard=IN_SESSION, url_prefix="/account/auth",
                           template_folder="templates")  # fmt: skip
passwords = GuardedBlueprint("web_passwords", __name__, guard=IN_SESSION, url_prefix="/account/password",
                             template_folder="templates")  # fmt: skip

BY_OWNER = "revoked by its owner"

Made = Issued[RefreshToken] | Issued[AccessToken]


@account.get("")
def own_tokens() -> Any:
    """One's refresh tokens."""
    cursor = request.args.get("cursor")
    items, following = services().overview.own_refresh_tokens(web_session().user.id, cursor)
    return page("account_tokens.html", items=items, cursor=cursor, following=following)


@account.get("/refresh-tokens")
def ask_name() -> Any:
    """The dialog to create one; a name may come with the address."""
    policy = services().instance_settings.policy()
    return page("refresh_token_new.html", name=request.args.get("name", ""), days=policy.refresh_token_lifespan.days)


@account.post("/refresh-tokens")
@asking_again
def create() -> Any:
    """Make one and show its secret, once."""
    name = read_form().get("name", "").strip()
    is_shared = read_form().get("is_shared") == "on"
    try:
        reissue = Reissue.REUSE if is_shared else None
        made = services().issuing.issue(web_session().user.id, name, caller(), once(), reissue=reissue)
    except (BadRequest, LimitReached, NotPermitted) as refusal:
        policy = services().instance_settings.policy()
        values = {"name": name, "is_shared": is_shared, "error": said(refusal), "fields": fields_of(refusal)}
        return page("refresh_token_new.html", status_of(refusal), days=policy.refresh_token_lifespan.days, **values)
    return _reveal(made)


@account.get("/refresh-tokens/<public_id>/regenerate")
def ask_regenerate(public_id: str) -> Any:
    """The dialog to give one a new secret."""
    return _confirm("refresh_token_regenerate.html", public_id)


@account.post("/refresh-tokens/<public_id>/regenerate")
@asking_again
def regenerate(public_id: str) -> Any:
    """Do so, and show it, once."""
    return _reveal(services().issuing.regenerate(_claim(public_id), caller(), once()))


@account.get("/refresh-tokens/<public_id>/access-token")
def ask_mint(public_id: str) -> Any:
    """The dialog to create or replace the access token under one."""
    return _confirm("access_token_new.html", public_id)


@account.post("/refresh-tokens/<public_id>/access-token")
def mint(public_id: str) -> Any:
    """Do so, and show it, once."""
    return _reveal(services().minting.mint(_claim(public_id), caller(), once()), parent=public_id)


@account.get("/refresh-tokens/<public_id>/revoke")
def ask_revoke(public_id: str) -> Any:
    """The dialog to end one."""
    return _confirm("refresh_token_revoke.html", public_id)


@account.post("/refresh-tokens/<public_id>/revoke")
def revoke(public_id: str) -> Any:
    """End it, and the access token under it."""
    services().revoking.revoke(public_id, BY_OWNER, caller(), only_of=web_session().user.id)
    return redirect(url_for("web_account.own_tokens", done="revoked"), 303)


@account.post("/test-token")
def test_token() -> Any:
    """Run the check on a token that was just made, as an API would, and show what it says."""
    secret = read_form().get("secret", "")
    try:
        if read_form().get("kind") == TokenKind.REFRESH:
            found = services().held_tokens.validate(BySecret(secret, web_session().user.id))[0]
            return page("tested.html", works=True, public_id=found.public_id, expires_at=found.expires_at)
        known = services().verifier.verify(secret, web_session().user.id)
    except Refusal as refusal:
        return page("tested.html", status_of(refusal), works=False, why=said(refusal), reason=refusal.reason)
    return page("tested.html", works=True, public_id=known.token_public_id, expires_at=known.token_expires_at)


@passwords.get("")
def ask_password() -> Any:
    """The form to change one's password."""
    return page("account_password.html")


@passwords.post("")
def change_password() -> Any:
    """Change it; one's other sessions end, one's tokens are not touched."""
    form = read_form()
    try:
        if form.get("password") != form.get("again"):
            raise BadRequest("", {"again": ["This is not the same as the new password above."]})
        services().sessions.change_password(web_session(), form.get("present", ""), form.get("password", ""), caller())
    except BadCredentials as refusal:
        return page("account_password.html", status_of(refusal), fields={"present": "This is not your password."})
    except (BadRequest, RateLimited) as refusal:
        error = "" if fields_of(refusal) else said(refusal)
        answer = page("account_password.html", status_of(refusal), error=error, fields=fields_of(refusal))
        if isinstance(refusal, RateLimited):
            answer.headers["Retry-After"] = str(refusal.retry_after)
        return answer
    return redirect(url_for("web_passwords.ask_password", done="changed"), 303)


def _claim(public_id: str) -> ByOwner:
    return ByOwner(public_id, web_session().user.id)


def _own(public_id: str) -> ListedToken:
    """One of the user's refresh tokens; refuses with NotFound, for others' as well."""
    found = services().listing.find(public_id)
    if found.kind is not TokenKind.REFRESH or found.token.user_id != web_session().user.id:
        raise NotFound("token")
    return found


def _confirm(template: str, public_id: str) -> Any:
    found = _own(public_id).token
    assert isinstance(found, RefreshToken)
    policy = services().instance_settings.policy()
    under = services().overview.access_token_under(found.id)
    overlap = policy.overlap_under(policy.reissue_of(found.access_token_reissue))
    return page(template, token=found, under=under, policy=policy, overlap=overlap)


def _reveal(made: Made, parent: str | None = None) -> Any:
    """The secret, shown in the answer of the form itself."""
    if isinstance(made.token, RefreshToken):
        return page("refresh_token_reveal.html", token=made.token, secret=made.secret)
    name = _own(parent).name if parent is not None else ""
    return page("access_token_reveal.html", token=made.token, secret=made.secret, name=name)

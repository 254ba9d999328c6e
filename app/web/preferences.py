"""Preferences: a user's single-tier API tokens."""

from datetime import timedelta

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest, FeatureOff, LimitReached, NotPermitted, RateLimited
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.forms import field_errors, idempotency_key, is_checked, message, read_form, status_of
from app.web.guards import IN_SESSION, web_session
from app.web.rendering import page, retry_after

preferences = GuardedBlueprint("web_preferences", __name__, guard=IN_SESSION, url_prefix="/preferences/access-tokens",
                               template_folder="templates")  # fmt: skip

PAGE = 50
NEVER = "-1"
DAYS = "A lifetime is a whole number of days, or -1 for never."


@preferences.get("")
def list_tokens() -> ResponseReturnValue:
    """The user's tokens, and why they may not generate any."""
    offset = request.args.get("offset", "0")
    if not offset.isascii() or not offset.isdigit() or len(offset) > 7:
        raise BadRequest("The offset is not one of a previous page.", {"offset": ["Not an offset."]})
    begin = int(offset)
    own = services().single_tier.list_tokens(web_session().user.id, PAGE, begin, counted=True)
    return page("preferences_tokens.html", own=own, begin=begin, size=PAGE, denial=_denial())


@preferences.get("/new")
def new_token() -> ResponseReturnValue:
    """The dialog to generate a token."""
    return _form(200)


@preferences.post("/new")
@does(Act.CREATE_API_TOKEN)
def generate() -> ResponseReturnValue:
    """Generate a token and show its value once."""
    form = read_form()
    try:
        lifetime = _lifetime(form.get("lifetime", "").strip())
        description = form.get("description", "").strip() or None
        issued = services().single_tier.generate(
            web_session().user.id, lifetime, description, caller(), idempotency_key()
        )
    except (BadRequest, FeatureOff, LimitReached, NotPermitted, RateLimited) as refusal:
        entered = {name: form[name] for name in ("lifetime", "description") if name in form}
        answer = _form(status_of(refusal), error=message(refusal), fields=field_errors(refusal), **entered)
        return retry_after(answer, refusal)
    return page("api_token_reveal.html", token=issued.token, secret=issued.secret)


@preferences.get("/<uuid>/delete")
def confirm_delete(uuid: str) -> ResponseReturnValue:
    """The dialog to delete a token."""
    token = services().single_tier.get(uuid, web_session().user.id)
    made = services().revoking.descendants(token.public_id, token.user_id)
    return page("api_token_delete.html", token=token, made=made)


@preferences.post("/<uuid>/delete")
@does(Act.REVOKE_OWN)
def delete(uuid: str) -> ResponseReturnValue:
    """Revoke it; if the form says so, what was made with it."""
    with_descendants = is_checked("with_descendants")
    services().single_tier.delete(uuid, caller(), web_session().user.id, with_descendants=with_descendants)
    return redirect(url_for("web_preferences.list_tokens", done="all-deleted" if with_descendants else "deleted"), 303)


def _form(status: int, error: str = "", fields: dict[str, str] | None = None, **entered: str) -> Response:
    policy = services().instance_settings.policy()
    return page(
        "api_token_new.html",
        status,
        error="" if fields else error,
        fields=fields or {},
        lifetime=entered.get("lifetime", str(policy.proposed_api_token_lifetime.days)),
        description=entered.get("description", ""),
        longest=policy.api_token_max_lifetime,
        denial=_denial(),
    )


def _denial() -> str:
    """Why the user may not generate tokens, as a sentence; empty where they may."""
    try:
        services().single_tier.refuse_unless_may_generate(web_session().user.id)
    except (FeatureOff, NotPermitted) as refusal:
        return refusal.what
    return ""


def _lifetime(days: str) -> timedelta | None:
    if days == NEVER:
        return None
    if not days.isascii() or not days.isdigit() or len(days) > 6:
        raise BadRequest(DAYS, {"lifetime": [DAYS]})
    return timedelta(days=int(days))

"""Preferences: one's API tokens of a single tier, with a lifetime of one's choice.

Not here: refresh tokens (``account``), and a rule (``app.services.single_tier``).
"""

from datetime import timedelta
from typing import Any

from flask import redirect, request, url_for

from app.domain.errors import BadRequest, FeatureOff, NotPermitted
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.web.forms import fields_of, once, read_form, said, status_of
from app.web.guards import IN_SESSION, asking_again, web_session
from app.web.rendering import page

preferences = GuardedBlueprint("web_preferences", __name__, guard=IN_SESSION, url_prefix="/preferences/access-tokens",
                               template_folder="templates")  # fmt: skip

PAGE = 50
NEVER = "-1"
DAYS = "A lifetime is a whole number of days, or -1 for never."


@preferences.get("")
def own_tokens() -> Any:
    """One's API tokens; who may not generate any sees why."""
    offset = request.args.get("offset", "0")
    begin = int(offset) if offset.isascii() and offset.isdigit() and len(offset) < 8 else 0
    own = services().single_tier.own(web_session().user.id, PAGE, begin, counted=True)
    return page("preferences_tokens.html", own=own, begin=begin, size=PAGE, why_not=_why_not())


@preferences.get("/new")
def ask_lifetime() -> Any:
    """The dialog to generate one."""
    return _form(200)


@preferences.post("/new")
@asking_again
def generate() -> Any:
    """Make one and show its value, once."""
    form = read_form()
    try:
        lifetime = _lifetime(form.get("lifetime", "").strip())
        description = form.get("description", "").strip() or None
        made = services().single_tier.generate(web_session().user.id, lifetime, description, caller(), once())
    except (BadRequest, FeatureOff, NotPermitted) as refusal:
        typed = {name: form[name] for name in ("lifetime", "description") if name in form}
        return _form(status_of(refusal), error=said(refusal), fields=fields_of(refusal), **typed)
    return page("api_token_reveal.html", token=made.token, secret=made.secret)


@preferences.get("/<uuid>/delete")
def ask_delete(uuid: str) -> Any:
    """The dialog to delete one."""
    return page("api_token_delete.html", token=services().single_tier.get(uuid, web_session().user.id))


@preferences.post("/<uuid>/delete")
def delete(uuid: str) -> Any:
    """End it for good."""
    services().single_tier.delete(uuid, caller(), web_session().user.id)
    return redirect(url_for("web_preferences.own_tokens", done="deleted"), 303)


def _form(status: int, error: str = "", fields: dict[str, str] | None = None, **typed: str) -> Any:
    policy = services().instance_settings.policy()
    return page(
        "api_token_new.html",
        status,
        error="" if fields else error,
        fields=fields or {},
        lifetime=typed.get("lifetime", str(policy.proposed_api_token_lifetime.days)),
        description=typed.get("description", ""),
        longest=policy.api_token_max_lifetime,
        why_not=_why_not(),
    )


def _why_not() -> str:
    """Why this user may not generate any, as a sentence; empty where they may."""
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

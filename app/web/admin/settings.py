"""Instance settings: the table, and changing one after seeing what that affects.

Not here: what a setting may be and affects (``app.domain.policy``).
"""

from typing import Any

from flask import redirect, request, url_for

from app.domain.errors import BadRequest
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.setting_effects import Forecast
from app.web.forms import read_form, said
from app.web.guards import ADMINISTRATOR_IN_SESSION, asking_again
from app.web.rendering import page

settings = GuardedBlueprint("web_settings", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/settings",
                            template_folder="../templates")  # fmt: skip


@settings.get("")
def every() -> Any:
    """All of them."""
    return page("admin_settings.html", items=services().instance_settings.show())


@settings.get("/<key>")
def ask(key: str) -> Any:
    """The dialog to change one; with a value, what setting it to that would affect."""
    value = request.args.get("value")
    if value is None:
        return _dialog(key)
    try:
        return _dialog(key, value, services().setting_effects.preview(key, value.strip()))
    except BadRequest as refusal:
        return _dialog(key, value, error=said(refusal))


@settings.post("/<key>")
@asking_again
def change(key: str) -> Any:
    """Change it, on all workers without a restart."""
    value = read_form().get("value", "")
    try:
        changed = services().instance_settings.change(key, value.strip(), caller())
    except BadRequest as refusal:
        return _dialog(key, value, error=said(refusal))
    return redirect(url_for("web_settings.every", done=changed.setting.key), 303)


def _dialog(key: str, value: str | None = None, forecast: Forecast | None = None, error: str = "") -> Any:
    present = services().instance_settings.get(key)
    return page(
        "admin_setting.html",
        400 if error else 200,
        setting=present.setting,
        present=present.value,
        value=present.value if value is None else value,
        forecast=forecast,
        error=error,
    )

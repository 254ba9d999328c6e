"""Instance settings: the list, and a change with its preview."""

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.setting_effects import Forecast
from app.web.forms import message, read_form
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page

settings = GuardedBlueprint("web_settings", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/settings",
                            template_folder="../templates")  # fmt: skip


@settings.get("")
def list_settings() -> ResponseReturnValue:
    """All settings."""
    return page("admin_settings.html", items=services().instance_settings.show())


@settings.get("/<key>")
def edit_setting(key: str) -> ResponseReturnValue:
    """The dialog to change a setting; with a value, the preview of the change."""
    value = request.args.get("value")
    if value is None:
        return _dialog(key)
    try:
        return _dialog(key, value, services().setting_effects.preview(key, value.strip()))
    except BadRequest as refusal:
        return _dialog(key, value, error=message(refusal))


@settings.post("/<key>")
@does(Act.WIDEN_SETTING, Act.CHANGE_SETTING)
def change_setting(key: str) -> ResponseReturnValue:
    """Change it on all workers, without a restart."""
    value = read_form().get("value", "")
    try:
        changed = services().instance_settings.change(key, value.strip(), caller())
    except BadRequest as refusal:
        return _dialog(key, value, error=message(refusal))
    return redirect(url_for("web_settings.list_settings", done=changed.setting.key), 303)


def _dialog(key: str, value: str | None = None, forecast: Forecast | None = None, error: str = "") -> Response:
    current = services().instance_settings.get(key)
    return page(
        "admin_setting.html",
        400 if error else 200,
        setting=current.setting,
        current=current.value,
        value=current.value if value is None else value,
        forecast=forecast,
        error=error,
    )

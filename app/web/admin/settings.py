"""Instance settings: the list by groups, and a change with its preview in place."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from flask import Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import BadRequest
from app.domain.ladder import Act
from app.http.acts import does
from app.http.context import caller, services
from app.http.guards import GuardedBlueprint
from app.services.instance_settings import SettingValue
from app.web.forms import message, read_form
from app.web.guards import ADMINISTRATOR_IN_SESSION
from app.web.rendering import page

settings = GuardedBlueprint("web_settings", __name__, guard=ADMINISTRATOR_IN_SESSION, url_prefix="/admin/settings",
                            template_folder="../templates")  # fmt: skip

SWITCH_FIELD = "switch"
"""A hidden field beside a checkbox, of which browsers send nothing where it is not checked."""


@settings.get("")
def list_settings() -> ResponseReturnValue:
    """All settings; after a change, with the values before and after it."""
    done = request.args.get("done")
    return _page(change=services().instance_settings.last_change(done) if done else None)


@settings.get("/<key>")
def edit_setting(key: str) -> ResponseReturnValue:
    """The same, at one setting; with a value, the preview of that change."""
    opened = services().instance_settings.get(key)
    value = _value(request.args)
    if value is None:
        return _page(opened=opened)
    try:
        return _page(opened=opened, value=value, forecast=services().setting_effects.preview(key, value))
    except BadRequest as refusal:
        return _page(400, opened=opened, value=value, error=message(refusal))


@settings.post("/<key>")
@does(Act.WIDEN_SETTING, Act.CHANGE_SETTING)
def change_setting(key: str) -> ResponseReturnValue:
    """Change it on all workers, without a restart."""
    value = _value(read_form()) or ""
    try:
        changed = services().instance_settings.change(key, value, caller()).setting.key
    except BadRequest as refusal:
        return _page(400, opened=services().instance_settings.get(key), value=value, error=message(refusal))
    return redirect(url_for("web_settings.list_settings", done=changed, _anchor=changed), 303)


def _value(fields: Mapping[str, str]) -> str | None:
    """What was entered; None where the request has no value."""
    return fields.get("value", "off" if SWITCH_FIELD in fields else "").strip() or None


def _page(status: int = 200, opened: SettingValue | None = None, **values: Any) -> Response:
    """`opened`: the setting that is shown with `value`, `forecast` and `error`."""
    items = services().instance_settings.show()
    groups = [(group, list(each)) for group, each in groupby(items, lambda each: each.setting.group)]
    return page("admin_settings.html", status, groups=groups, opened=opened and opened.setting.key, **values)

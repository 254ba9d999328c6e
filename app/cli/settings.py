"""``daypass conf``: instance settings, for all workers without a restart."""

import click

from app.cli.launching import RefusingCommand, operator, services
from app.cli.output import Row, as_json, show_one, show_result, show_table
from app.domain.setting import UNLIMITED
from app.services.instance_settings import SettingValue

COLUMNS = ("group", "key", "value", "unit", "default", "takes_effect", "label")


@click.command("conf", cls=RefusingCommand)
@click.argument("key", required=False)
@click.option("-s", "--set", "value", help="The new value.")
@as_json
def conf(key: str | None, value: str | None, as_json: bool) -> None:
    """Show all instance settings or one, or set it. The keys of Alation's alation_conf work too."""
    settings = services().instance_settings
    if key is None:
        if value is not None:
            raise click.UsageError("Name the setting to change.")
        show_table(map(_row, settings.show()), COLUMNS, as_json)
    elif value is None:
        show_one(_row(settings.get(key)), as_json)
    else:
        changed = settings.change(key, value, operator())
        setting = changed.setting
        sentence = f"{setting.key} = {setting.spell(changed.value)}, effective {setting.effective}."
        show_result(_row(changed), sentence, as_json)


def _row(each: SettingValue) -> Row:
    setting = each.setting
    span = " | ".join(setting.choices) if setting.choices else f"{setting.low} to {setting.high}"
    if setting.may_be_unlimited:
        span += f", or {UNLIMITED}"
    return {
        "key": setting.key,
        "value": each.value,
        "unit": setting.unit,
        "default": setting.default,
        "range": span,
        "alias": setting.alias,
        "group": setting.group.title,
        "label": setting.label,
        "takes_effect": str(setting.effective),
        "help": setting.help,
        "changed_at": each.changed_at,
        "changed_by": each.changed_by,
    }

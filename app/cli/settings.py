"""``daypass conf``: instance settings, effective at once on all workers and never retroactive."""

import click

from app.cli.launching import RefusingCommand, operator, services
from app.cli.output import Row, as_json, say, show_one, show_table
from app.domain.policy import ON_OFF, UNLIMITED
from app.services.instance_settings import SettingValue


@click.command("conf", cls=RefusingCommand)
@click.argument("key", required=False)
@click.option("-s", "--set", "value", help="The new value.")
@as_json
def conf(key: str | None, value: str | None, as_json: bool) -> None:
    """Show all instance settings, or one, or set it. The names Alation's alation_conf uses work too."""
    settings = services().instance_settings
    if key is None:
        if value is not None:
            raise click.UsageError("Name the setting to set.")
        show_table((_row(each) for each in settings.show()), ("key", "value", "unit", "default", "help"), as_json)
    elif value is None:
        show_one(_row(settings.get(key)), as_json)
    else:
        changed = settings.change(key, value, operator())
        row = _row(changed)
        since = "from the next request on" if changed.setting.choices == ON_OFF else "for tokens from now on"
        say(row, f"{row['key']} = {row['value']} {row['unit']}".rstrip() + f", {since}.", as_json)


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
        "help": setting.help,
    }

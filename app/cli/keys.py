"""``daypass keys …``: the keys that sign tokens, by id; their values are never shown."""

import click

from app.cli.launching import RefusingGroup, operator, services
from app.cli.output import as_json, show_result, show_table
from app.domain.text import count_of
from config import load_settings, read_keys
from config.keys import rotate_keys


@click.group("keys", cls=RefusingGroup)
def keys() -> None:
    """The keys that sign tokens."""


@keys.command("status")
@as_json
def status(as_json: bool) -> None:
    """Show the keys, which one signs, and how many active tokens need each."""
    in_use, ring = services().listing.keys_in_use(), services().ring
    known = [{"key": key, "signs": key == ring.current, "active_tokens": in_use.pop(key, 0)} for key in ring.ids]
    lost: list[dict[str, object]] = [
        {"key": key, "signs": None, "active_tokens": number} for key, number in in_use.items()
    ]
    show_table(known + lost, ("key", "signs", "active_tokens"), as_json)
    if unreadable := services().enrolling.unreadable():
        raise click.ClickException(
            f"{count_of(unreadable, 'second factor')} can't be read with this host's pepper: reset each with "
            "`daypass user reset-second-factor`, or give this host the right keys."
        )
    if lost:
        raise click.ClickException("Active tokens are signed with a key that is missing: they do not work.")


@keys.command("rotate")
@as_json
def rotate(as_json: bool) -> None:
    """Rotate the keys in two steps: the first adds a key that verifies, the second lets it sign."""
    settings = load_settings()
    key_id, signs = rotate_keys(settings.instance_folder, read_keys(settings))
    if signs:
        sentence = f"{key_id} signs after the next start. `daypass keys status` shows which earlier keys to remove."
    else:
        sentence = f"{key_id} verifies after the next start. When every server has restarted, run this again."
    show_result({"key": key_id, "signs": signs}, sentence, as_json)


@keys.command("adopt")
@click.option("--yes", is_flag=True, help="Do it: tokens and passwords of other keys stay useless.")
@as_json
def adopt(yes: bool, as_json: bool) -> None:
    """Make this host's keys the database's, where the earlier ones are lost or a wrong host was the first."""
    if not yes:
        raise click.ClickException(
            "Hosts with other keys will be refused, and tokens and passwords made with other keys do not work: "
            "add --yes if this host's keys are the right ones."
        )
    service = services()
    service.key_fingerprints.adopt(operator())
    sentence = "The database is used with this host's keys from now on. Restart every server."
    show_result({"keys": list(service.ring.ids)}, sentence, as_json)

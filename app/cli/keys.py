"""``daypass keys …``: the keys that sign tokens, by id; the keys themselves are never shown."""

import click

from app.cli.launching import RefusingGroup, services
from app.cli.output import as_json, say, show_table
from config import load_settings, read_keys
from config.keys import rotate_keys


@click.group("keys", cls=RefusingGroup)
def keys() -> None:
    """The keys that sign tokens."""


@keys.command("status")
@as_json
def status(as_json: bool) -> None:
    """Which keys there are, which one signs, and how many living tokens need each."""
    made = services()
    in_use = made.listing.keys_in_use()
    known = [
        {"key": key, "signs": key == made.ring.current, "living_tokens": in_use.pop(key, 0)} for key in made.ring.ids
    ]
    lost: list[dict[str, object]] = [
        {"key": key, "signs": None, "living_tokens": number} for key, number in in_use.items()
    ]
    show_table(known + lost, ("key", "signs", "living_tokens"), as_json)
    if lost:
        raise click.ClickException("Living tokens are signed with a key that is missing: they do not work.")


@keys.command("rotate")
@as_json
def rotate(as_json: bool) -> None:
    """Take the next step of a rotation: add a key that verifies, and the next time let it sign."""
    settings = load_settings()
    key_id, signs = rotate_keys(settings.instance_folder, read_keys(settings))
    if signs:
        told = f"{key_id} signs after the next start. `daypass keys status` says which earlier keys can go."
    else:
        told = f"{key_id} verifies after the next start. When every server has restarted, run this once more."
    say({"key": key_id, "signs": signs}, told, as_json)

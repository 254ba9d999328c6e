"""Which place of the refresh token the settings name."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from daypass_client.command_place import CommandPlace
from daypass_client.errors import ConfigurationError
from daypass_client.file_place import FilePlace
from daypass_client.keyring_place import KeyringPlace
from daypass_client.places import Place
from daypass_client.secrecy import public_id_of

CHOICES = ("DAYPASS_ROTATE_COMMAND", "DAYPASS_ENV_FILE", "DAYPASS_KEYRING")


def chosen_place(values: Mapping[str, str], secret: str) -> Place | None:
    """The place that one of :data:`CHOICES` names; None without. `secret`: what is given elsewhere, empty if nothing.

    Raises ConfigurationError for two, a value that names none, and a file without this refresh token.
    """
    chosen = [name for name in CHOICES if values.get(name, "").strip()]
    if len(chosen) > 1:
        raise ConfigurationError(f"{chosen[0]} and {chosen[1]} are set: the refresh token is in one place. Keep one.")
    if not chosen:
        return None
    value = values[chosen[0]].strip()
    if chosen[0] == "DAYPASS_ENV_FILE":
        return _env_file(value, secret)
    words = _words(chosen[0], value)
    if chosen[0] == "DAYPASS_ROTATE_COMMAND":
        return CommandPlace(words)
    return _keyring(words, secret)


def file_place(path: Path | None, secret: str) -> Place | None:
    """The file that the setting is in, for a refresh token of Daypass."""
    public_id = public_id_of(secret)
    return FilePlace(path, public_id) if path is not None and public_id is not None else None


def _env_file(value: str, secret: str) -> Place | None:
    place = file_place(Path(value).expanduser(), secret)
    if secret and place is not None and place.read() is None:
        raise ConfigurationError(
            f"DAYPASS_ENV_FILE: {value} cannot be read, or has no line NAME=value with this refresh token."
        )
    return place


def _keyring(words: list[str], secret: str) -> Place:
    if len(words) != 2:
        raise ConfigurationError("DAYPASS_KEYRING must be two words, as for keyring set: the service and the name.")
    place = KeyringPlace(*words)
    found = place.read()
    if found is None or (secret and public_id_of(found) != public_id_of(secret)):
        raise ConfigurationError(
            f"{place} does not have the refresh token: keyring set {shlex.join(words)}".replace("the k", "The k", 1)
        )
    return place


def _words(name: str, value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        raise ConfigurationError(f"{name} has a quotation mark that is not closed: close or remove it.") from None

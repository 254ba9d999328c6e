"""Find and check the settings: from arguments, a file that only its owner can read, and the environment."""

import hashlib
import logging
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from daypass_client.errors import ConfigurationError
from daypass_client.machine_clock import Clock
from daypass_client.mistakes import mistake_in
from daypass_client.origins import Allowed
from daypass_client.place_settings import chosen_place, file_place
from daypass_client.places import Place
from daypass_client.secrecy import Secret, public_id_of, remember, without_secrets
from daypass_client.settings_file import Line, read_settings

LOG = logging.getLogger("daypass_client")


class Options(TypedDict, total=False):
    """The arguments.

    `url`, `refresh_token`, `user_id`, `apis`: as in the environment (README). `file`: a file with them.
    `patience`: how many seconds to wait, at most, for an unavailable server. `on_expiring`: called with the seconds
    left, once a day, in the last week of the refresh token. `cache_folder`: where the machine's processes share
    the access token. `verify`: as in ``requests``. `clock`: seconds, the same for all processes of the machine.
    `allow_http`: whether to send tokens without encryption to other machines. `rotate`: whether to give the refresh
    token a new secret in time, and write that to where the old one is: `env_file`, `keyring` (service and name),
    `rotate_command`, or `file`. `rotate_at`: when, as a part of its life.
    """

    url: str
    refresh_token: str
    user_id: int | str
    apis: Sequence[str]
    file: str | Path
    patience: float
    on_expiring: Callable[[float], None]
    cache_folder: str | Path
    verify: bool | str
    clock: Clock
    allow_http: bool
    rotate: bool
    rotate_at: float
    rotate_command: str | Sequence[str]
    env_file: str | Path
    keyring: str | Sequence[str]


@dataclass(frozen=True)
class Settings:
    """The server and the refresh token. `user_id` None: use Daypass's own API, which needs none."""

    url: str
    refresh_token: Secret = field(repr=False)
    user_id: int | None
    allowed: Allowed = field(repr=False)
    rotates: bool = False
    place: Place | None = None

    @property
    def page(self) -> str:
        """The page on which users create, regenerate and revoke refresh tokens."""
        return f"{self.url}/account/auth"

    @property
    def check_path(self) -> str:
        """A path, in the dialect in use, that every active access token may GET."""
        return "/api/v1/me" if self.user_id is None else "/integration/v1/userinfo/"

    @property
    def key(self) -> str:
        """A hash of server and refresh token, for file names; the same after a rotation."""
        token = public_id_of(self.refresh_token) or self.refresh_token
        return hashlib.sha256(f"daypass-client|{self.url}|{token}".encode()).hexdigest()[:32]


def settings_from(options: Options) -> Settings:
    """The settings; arguments take precedence over the file, and the file over the environment."""
    file = options.get("file") or os.environ.get("DAYPASS_FILE")
    found = {name: Line(value, "the environment") for name, value in os.environ.items()}
    found |= read_settings(_path(file)) if file else {}
    arguments = {name: value for name, value in options.items() if name in _PLAIN and value}
    found |= {f"DAYPASS_{name.upper()}": Line(_text(value), "the arguments") for name, value in arguments.items()}
    url = _needed(found, "DAYPASS_URL").rstrip("/")
    if "@" in url or "?" in url or "#" in url:
        raise ConfigurationError("DAYPASS_URL must be an address with no password, no query and no fragment.")
    apis = options["apis"] if "apis" in options else _optional(found, "DAYPASS_APIS").replace(",", " ").split()
    allows_http = options["allow_http"] if "allow_http" in options else _switch(found, "DAYPASS_ALLOW_HTTP")
    user_id = _user_id(_optional(found, "DAYPASS_USER_ID"))
    secret, place = _secret_and_place(found)
    rotates = options["rotate"] if "rotate" in options else _switch(found, "DAYPASS_ROTATE")
    if rotates and place is None and public_id_of(secret) is not None:
        raise ConfigurationError(NOWHERE.format(found["DAYPASS_REFRESH_TOKEN"].place))
    return Settings(url, remember(secret), user_id, Allowed([url, *apis], allows_http), rotates, place)


_SWITCHES = {"": False, "false": False, "no": False, "0": False, "true": True, "yes": True, "1": True}

_PLAIN = ("url", "refresh_token", "user_id", "env_file", "keyring", "rotate_command")

NOWHERE = (
    "The refresh token is to be rotated, but comes from {}, where a new secret cannot be written. Put it in a file and"
    " name that in DAYPASS_FILE, or say where it is from: the .env file of the application in DAYPASS_ENV_FILE, an"
    " entry of the keyring in DAYPASS_KEYRING, or a command that stores it in DAYPASS_ROTATE_COMMAND."
)


def _secret_and_place(found: dict[str, Line]) -> tuple[Secret, Place | None]:
    """The refresh token, as it is in its place now, and that place; None if nothing can be written to where it is."""
    given = found.get("DAYPASS_REFRESH_TOKEN")
    chosen = chosen_place({name: line.value for name, line in found.items()}, given.value.strip() if given else "")
    if given is None and chosen is not None and (kept := chosen.read()):
        found["DAYPASS_REFRESH_TOKEN"] = Line(kept, str(chosen))
    secret = _refresh_token(found)
    place = chosen or file_place(found["DAYPASS_REFRESH_TOKEN"].path, secret)
    now = place.read() if place is not None else None
    return (now if now is not None and public_id_of(now) == public_id_of(secret) else secret), place


def _text(value: object) -> str:
    """An argument as its variable has it."""
    return shlex.join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _path(file: str | Path) -> Path:
    try:
        return Path(file).expanduser()
    except RuntimeError:  # for ~, if the home folder is unknown
        raise ConfigurationError(f"{file} cannot be read: the home folder is unknown. Give the whole path.") from None


def _needed(found: Mapping[str, Line], name: str) -> str:
    value = _optional(found, name)
    if value:
        return value
    raise ConfigurationError(
        f"{name} is not set. Set it in the environment, or in the file that DAYPASS_FILE names; create a"
        " refresh token on the page Account Settings → Authentication of your Daypass."
    )


def _optional(found: Mapping[str, Line], name: str) -> str:
    return found[name].value.strip() if name in found else ""


def _switch(found: Mapping[str, Line], name: str) -> bool:
    word = _optional(found, name).lower()
    if word not in _SWITCHES:
        raise ConfigurationError(f"{name} must be true or false.")
    return _SWITCHES[word]


def _refresh_token(found: Mapping[str, Line]) -> Secret:
    name = "DAYPASS_REFRESH_TOKEN"
    secret, line = Secret(_needed(found, name)), found[name]
    if mistake := mistake_in(secret):
        raise ConfigurationError(f"{name} (in {line.place}) {mistake}")
    if secret != line.value:
        LOG.warning("%s (in %s) has white space around it, which is ignored: remove it", name, line.place)
    return secret


def _user_id(text: str) -> int | None:
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise ConfigurationError(f"DAYPASS_USER_ID must be a whole number, not {without_secrets(repr(text))}.")

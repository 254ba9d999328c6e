"""Where the address and the refresh token come from: arguments, a file that only its owner reads, the environment.

Here belongs finding and checking them. Not here: using them.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from daypass_client.errors import ConfigurationError
from daypass_client.machine_clock import Clock
from daypass_client.origins import Allowed
from daypass_client.secrecy import Secret, remember


class Options(TypedDict, total=False):
    """What can be given as an argument.

    `url`, `refresh_token`, `user_id`, `apis`: as in the environment (README). `file`: where to read them instead.
    `patience`: how many seconds to wait, at most, for a server that is away. `on_expiring`: called with the seconds
    left, once a day, while the refresh token has less than a week. `cache_folder`: where the machine's processes share
    the access token. `verify`: as in ``requests``. `clock`: seconds, the same for all processes of the machine.
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


@dataclass(frozen=True)
class Settings:
    """Which server, and as whom. `user_id` None: by Daypass's own API, which needs none."""

    url: str
    refresh_token: Secret = field(repr=False)
    user_id: int | None
    allowed: Allowed = field(repr=False)

    @property
    def page(self) -> str:
        """Where a person makes, renews and ends refresh tokens."""
        return f"{self.url}/account/auth"

    @property
    def check_path(self) -> str:
        """What everybody with a good access token may get: in the dialect that is spoken."""
        return "/api/v1/me" if self.user_id is None else "/integration/v1/userinfo/"

    @property
    def key(self) -> str:
        """What stands for server and refresh token in names of files. It leads to neither."""
        return hashlib.sha256(f"daypass-client|{self.url}|{self.refresh_token}".encode()).hexdigest()[:32]


def settings_from(options: Options) -> Settings:
    """The settings: an argument before the file, the file before the environment."""
    file = options.get("file") or os.environ.get("DAYPASS_FILE")
    found = dict(os.environ) | (_read(Path(file).expanduser()) if file else {})
    found |= {f"DAYPASS_{name.upper()}": str(value) for name, value in options.items() if name in _PLAIN and value}
    url = _needed(found, "DAYPASS_URL").rstrip("/")
    if "@" in url or "?" in url or "#" in url:
        raise ConfigurationError("DAYPASS_URL is an address alone: no password, no question mark, no fragment.")
    apis = options["apis"] if "apis" in options else found.get("DAYPASS_APIS", "").replace(",", " ").split()
    secret = _needed(found, "DAYPASS_REFRESH_TOKEN")
    return Settings(url, remember(secret), _user_id(found.get("DAYPASS_USER_ID", "")), Allowed([url, *apis]))


_PLAIN = ("url", "refresh_token", "user_id")


def _needed(found: Mapping[str, str], name: str) -> str:
    value = found.get(name, "").strip()
    if value:
        return value
    raise ConfigurationError(
        f"{name} is not set. Set it in the environment, or name in DAYPASS_FILE a file that holds it; make a"
        " refresh token on the page Account Settings → Authentication of your Daypass."
    )


def _user_id(text: str) -> int | None:
    if not text.strip():
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return int(text)
    raise ConfigurationError(f"DAYPASS_USER_ID must be a whole number, not {text!r}.")


def _read(path: Path) -> dict[str, str]:
    """``NAME=value`` lines; quotes, ``export`` and comments are as in a shell."""
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_open_to_others(path, os.fstat(file.fileno()))
            lines = [line.strip().removeprefix("export ") for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} can't be read: {type(error).__name__}.") from None
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _refuse_open_to_others(path: Path, about: os.stat_result) -> None:
    if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"{path} can be read by others, and holds a secret: chmod 600 {path}")
    if about.st_uid not in (0, os.geteuid()):
        raise ConfigurationError(f"{path} belongs to somebody else: make it your own.")

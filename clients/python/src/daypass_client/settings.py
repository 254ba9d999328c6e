"""Find and check the settings: from arguments, a file that only its owner can read, and the environment."""

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
    """The arguments.

    `url`, `refresh_token`, `user_id`, `apis`: as in the environment (README). `file`: a file with them.
    `patience`: how many seconds to wait, at most, for an unavailable server. `on_expiring`: called with the seconds
    left, once a day, in the last week of the refresh token. `cache_folder`: where the machine's processes share
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
    """The server and the refresh token. `user_id` None: use Daypass's own API, which needs none."""

    url: str
    refresh_token: Secret = field(repr=False)
    user_id: int | None
    allowed: Allowed = field(repr=False)

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
        """A hash of server and refresh token, for file names."""
        return hashlib.sha256(f"daypass-client|{self.url}|{self.refresh_token}".encode()).hexdigest()[:32]


def settings_from(options: Options) -> Settings:
    """The settings; arguments take precedence over the file, and the file over the environment."""
    file = options.get("file") or os.environ.get("DAYPASS_FILE")
    found = dict(os.environ) | (_read(Path(file).expanduser()) if file else {})
    found |= {f"DAYPASS_{name.upper()}": str(value) for name, value in options.items() if name in _PLAIN and value}
    url = _needed(found, "DAYPASS_URL").rstrip("/")
    if "@" in url or "?" in url or "#" in url:
        raise ConfigurationError("DAYPASS_URL must be an address with no password, no query and no fragment.")
    apis = options["apis"] if "apis" in options else found.get("DAYPASS_APIS", "").replace(",", " ").split()
    secret = _needed(found, "DAYPASS_REFRESH_TOKEN")
    return Settings(url, remember(secret), _user_id(found.get("DAYPASS_USER_ID", "")), Allowed([url, *apis]))


_PLAIN = ("url", "refresh_token", "user_id")


def _needed(found: Mapping[str, str], name: str) -> str:
    value = found.get(name, "").strip()
    if value:
        return value
    raise ConfigurationError(
        f"{name} is not set. Set it in the environment, or in the file that DAYPASS_FILE names; create a"
        " refresh token on the page Account Settings → Authentication of your Daypass."
    )


def _user_id(text: str) -> int | None:
    if not text.strip():
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return int(text)
    raise ConfigurationError(f"DAYPASS_USER_ID must be a whole number, not {text!r}.")


def _read(path: Path) -> dict[str, str]:
    """Read ``NAME=value`` lines, with quotes, ``export`` and comments as in a shell."""
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_open_to_others(path, os.fstat(file.fileno()))
            lines = [line.strip().removeprefix("export ") for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}.") from None
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _refuse_open_to_others(path: Path, about: os.stat_result) -> None:
    if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"{path} can be read by others, and contains a secret: chmod 600 {path}")
    if about.st_uid not in (0, os.geteuid()):
        raise ConfigurationError(f"{path} belongs to another user: use a file of your own.")

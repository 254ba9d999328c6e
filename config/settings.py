"""The ``DAYPASS_*`` variables: one field each, from which parsing, refusals and documents derive."""

import ipaddress
import re
from dataclasses import Field, dataclass
from pathlib import Path
from typing import Any

from config import oidc
from config.database_url import engine_url, sqlite_url
from config.declaring import setting, settings_of, words_of
from config.environment import PREFIX as PREFIX
from config.environment import read_values, refuse_misspelt, secret_values, unknown_variables
from config.networks import parse_network
from config.public_url import is_host, normalized_url
from config.remote_user import refuse_unusable_header
from config.security_txt import refuse_unusable

UNIX_SOCKET = "unix:"
"""Before the path, in the host."""
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORWARDED_HEADERS = ("x-forwarded-for", "forwarded")
UNIX = "unix"
"""In the trusted proxies: the peers of a Unix socket, which have no address."""


class SettingsError(Exception):
    """A setting is missing, out of range or unknown; the message is one line."""


@dataclass(frozen=True)
class Settings:
    """The deployment settings; created by :func:`load_settings`. `providers`: of single sign-on (``oidc``)."""

    instance: str = setting("instance", "Folder of the keys and, with SQLite, the database.")
    database_url: str = setting(
        "",
        "`postgresql://user:password@host/name`, as for `psql`, also with several hosts; or `sqlite:///path`. Empty: "
        "`daypass.db` in that folder.",
        secret=True,
    )
    host: str = setting(
        "127.0.0.1",
        "Address to listen on, or `unix:/path` for a Unix socket. Off loopback, put a buffering proxy in front.",
    )
    port: int = setting(8080, "Port to listen on.", low=1, high=65535)
    socket_mode: str = setting(
        "0660", "Permissions of the Unix socket, in octal: clients need to be able to write to it."
    )
    workers: int = setting(2, "Server processes.", low=1, high=256)
    threads: int = setting(
        16,
        "Requests that each process works on at once. Passwords can occupy less than half of them, slow bodies none.",
        low=4,
        high=256,
    )
    one_core_per_worker: bool = setting(
        True,
        "Whether each worker uses only one core, its own (Linux): several times as many checks. Turn it off where "
        "other programs or containers keep the cores busy.",
    )
    http2: bool = setting(
        False,
        "Whether HTTP/2 is spoken besides HTTP/1.1, for proxies that need it. No shipped configuration does.",
    )
    scheduler: bool = setting(
        True, "Whether `daypass serve` also runs the jobs. Turn it off where `daypass scheduler` does."
    )
    token_keys: str = setting(
        "",
        "Keys that sign tokens, `id:hex[,id:hex…]`: the first signs, all verify. Empty: read from the keys file.",
        secret=True,
    )
    password_pepper: str = setting(
        "", "Key mixed into every password, in hex. Empty: read from the keys file.", secret=True
    )
    token_prefixes: str = setting(
        "dp", "Prefixes of token text, `new[,earlier…]`: the first is issued, all are accepted."
    )
    bcrypt_cost: int = setting(12, "Cost of a password hash, as a power of two.", low=10, high=14)
    public_url: str = setting(
        "",
        "Address of Daypass for users, such as `https://tools.example.com/daypass`. Needed below a path; makes links, "
        "examples and cookies right behind any proxy. Empty: the address that each request names.",
    )
    other_hosts: str = setting(
        "",
        "Names under which requests are answered besides that of `DAYPASS_PUBLIC_URL`, such as those that clients in a "
        "cluster use: `daypass,daypass.tools.svc[,…]`, without ports; `*`: all. Health, `/auth/verify` and static "
        "files are answered under any name.",
    )
    trusted_proxies: str = setting(
        "",
        "Proxies whose headers name the client: addresses and networks, `10.0.0.0/8,192.0.2.1[,…]`, and `unix` for the "
        "peers of a Unix socket. Empty: none.",
    )
    forwarded_header: str = setting(
        "x-forwarded-for",
        "Header of those proxies that is believed: `x-forwarded-for`, with `X-Forwarded-Proto`, or `forwarded` "
        "(RFC 7239). The other is ignored.",
        choices=FORWARDED_HEADERS,
    )
    remote_user_header: str = setting(
        "",
        "Header in which those proxies name the user who is signed in there, such as `Remote-User`: it signs in on the "
        "pages, and never in APIs. Needs `DAYPASS_TRUSTED_PROXIES`. Empty: none.",
    )
    remote_user_sign_out: str = setting(
        "", "Address of the proxy's own sign-out, to which the pages link after signing out. Empty: not known."
    )
    admin_username: str = setting("admin", "`daypass init`: name of the first administrator.")
    admin_password: str = setting(
        "",
        "`daypass init`: password of the first administrator. Empty: one is generated and shown once.",
        secret=True,
        verbatim=True,
    )
    security_contact: str = setting(
        "",
        "Where to report a vulnerability of this instance: addresses that begin with `mailto:`, `https:` or `tel:`, "
        "`preferred[,other…]`, for `/.well-known/security.txt` (RFC 9116). Empty: there is no such file.",
    )
    security_policy: str = setting("", "Address of the policy for such reports, `https:`, for the same file.")
    security_languages: str = setting("en", "Languages that such reports are read in, `en[,de…]`, for the same file.")
    log_level: str = setting("INFO", "Lowest level that is logged.", choices=LOG_LEVELS)
    providers: tuple[oidc.ProviderSettings, ...] = ()

    @property
    def socket_path(self) -> Path | None:
        """Of the Unix socket to listen on, if `host` names one."""
        return Path(self.host.removeprefix(UNIX_SOCKET)).absolute() if self.host.startswith(UNIX_SOCKET) else None

    @property
    def socket_permissions(self) -> int:
        return int(self.socket_mode, 8)

    @property
    def instance_folder(self) -> Path:
        return Path(self.instance).absolute()

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL for SQLAlchemy, with psycopg 3 for PostgreSQL. Raises ValueError for one of no use."""
        if not self.database_url:
            return sqlite_url(self.instance_folder / "daypass.db")
        return engine_url(self.database_url)

    @property
    def prefixes(self) -> tuple[str, ...]:
        return words_of(self.token_prefixes)

    @property
    def other_names(self) -> tuple[str, ...]:
        return words_of(self.other_hosts.lower())

    @property
    def proxies(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        return tuple(parse_network(word) for word in words_of(self.trusted_proxies) if word.lower() != UNIX)

    @property
    def trusts_unix_peers(self) -> bool:
        return UNIX in words_of(self.trusted_proxies.lower())

    @property
    def security_txt(self) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
        """Its contacts, policy and languages."""
        return words_of(self.security_contact), self.security_policy, words_of(self.security_languages)

    @property
    def normal_public_url(self) -> str:
        """The public URL in its one spelling, without a slash at the end; empty if there is none."""
        return normalized_url(self.public_url) if self.public_url else ""


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises :class:`SettingsError` for a misspelt ``DAYPASS_*`` name, and for a value of the wrong type or out of bounds.
    """
    try:
        refuse_misspelt(_declared() | oidc.variables())
        oidc.refuse_misspelt(ignored_variables())
        settings = Settings(**read_values(_declared()), providers=oidc.read_providers())
        oidc.refuse_doubled(settings.providers)
        refuse_unusable(*settings.security_txt)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    _check(settings)
    return settings


def ignored_variables() -> list[str]:
    """The unknown ``DAYPASS_*`` variables that are near no setting."""
    return unknown_variables(_declared() | oidc.variables())


def without_secret_settings(text: str) -> str:
    """The text without any value of a secret setting that the environment holds, nor the password in a URL."""
    for secret in secret_values(_declared() | oidc.variables()):
        if len(secret) > 4:  # a shorter one is part of many words
            text = text.replace(secret, "***")
    return re.sub(r"(\w://[^\s:/@]*):[^\s@]*@", r"\1:***@", text)


def _declared() -> "dict[str, Field[Any]]":
    return {variable(each): each for each in settings_of(Settings)}


def variable(declared: "Field[Any]") -> str:
    """The environment variable of a field of :class:`Settings`."""
    return PREFIX + declared.name.upper()


def _check(settings: Settings) -> None:
    """The checks beyond bounds."""
    try:
        _ = settings.instance_folder
    except OSError:
        raise SettingsError(
            f"the working folder is gone: go to another, or set {PREFIX}INSTANCE to a full path"
        ) from None
    if not settings.prefixes or not all(re.fullmatch(r"[a-z]{1,12}", word) for word in settings.prefixes):
        raise SettingsError(f"{PREFIX}TOKEN_PREFIXES must be words of 1 to 12 letters a-z, joined by commas")
    try:
        _ = settings.sqlalchemy_url
    except ValueError as error:
        raise SettingsError(f"{PREFIX}DATABASE_URL {error}") from None
    if not re.fullmatch(r"0?[67][0-7]{2}", settings.socket_mode):
        raise SettingsError(f"{PREFIX}SOCKET_MODE must be octal permissions from 0600 to 0777, such as 0660")
    if settings.host.startswith(UNIX_SOCKET) and settings.host.rpartition("/")[2] in ("", UNIX_SOCKET):
        raise SettingsError(f"{PREFIX}HOST has no path of a socket: unix:/run/daypass/daypass.sock")
    try:
        _ = settings.proxies
    except ValueError as error:
        raise SettingsError(f"{PREFIX}TRUSTED_PROXIES: {error}") from error
    try:
        _ = settings.normal_public_url
    except ValueError as error:
        raise SettingsError(f"{PREFIX}PUBLIC_URL {error}") from None
    _check_other_hosts(settings)
    try:
        refuse_unusable_header(settings.remote_user_header, settings.trusted_proxies, settings.remote_user_sign_out)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}REMOTE_USER_{error}") from None


def _check_other_hosts(settings: Settings) -> None:
    if settings.other_names and not settings.public_url:
        raise SettingsError(
            f"{PREFIX}OTHER_HOSTS needs {PREFIX}PUBLIC_URL: without it, requests are answered under every name"
        )
    if not all(name == "*" or is_host(name) for name in settings.other_names):
        raise SettingsError(
            f"{PREFIX}OTHER_HOSTS must be names or addresses without ports, joined by commas, or * for all"
        )

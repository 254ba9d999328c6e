"""Deployment settings: defaults, bounds, refusals in one line, and the pages derived from them."""

import io
import ipaddress
import os
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from dotenv import dotenv_values

from config import __main__ as derived
from config.declaring import settings_of
from config.settings import Settings, SettingsError, load_settings, variable

ROOT = Path(__file__).parent.parent.parent.parent

DEFAULTS = {
    "DAYPASS_INSTANCE": "instance", "DAYPASS_DATABASE_URL": "", "DAYPASS_HOST": "127.0.0.1", "DAYPASS_PORT": 8080,
    "DAYPASS_SOCKET_MODE": "0660",
    "DAYPASS_WORKERS": 2, "DAYPASS_THREADS": 16, "DAYPASS_ONE_CORE_PER_WORKER": True, "DAYPASS_SCHEDULER": True,
    "DAYPASS_HTTP2": False, "DAYPASS_OTHER_HOSTS": "",
    "DAYPASS_TOKEN_KEYS": "", "DAYPASS_PASSWORD_PEPPER": "", "DAYPASS_TOKEN_PREFIXES": "dp", "DAYPASS_BCRYPT_COST": 12,
    "DAYPASS_PUBLIC_URL": "", "DAYPASS_TRUSTED_PROXIES": "", "DAYPASS_FORWARDED_HEADER": "x-forwarded-for",
    "DAYPASS_REMOTE_USER_HEADER": "", "DAYPASS_REMOTE_USER_SIGN_OUT": "",
    "DAYPASS_ADMIN_USERNAME": "admin", "DAYPASS_ADMIN_PASSWORD": "",
    "DAYPASS_SECURITY_CONTACT": "", "DAYPASS_SECURITY_POLICY": "", "DAYPASS_SECURITY_LANGUAGES": "en",
    "DAYPASS_LOG_LEVEL": "INFO",
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DAYPASS_"):
            monkeypatch.delenv(name)


def refusal() -> str:
    """What loading the settings is refused with; always one line."""
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def values() -> dict[str, object]:
    settings = load_settings()
    return {variable(each): getattr(settings, each.name) for each in settings_of(Settings)}


def test_what_is_not_set_or_set_to_nothing_has_its_documented_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert values() == DEFAULTS
    for name in DEFAULTS:
        monkeypatch.setenv(name, "")
    assert load_settings() == Settings()
    with pytest.raises(FrozenInstanceError):
        load_settings().port = 1  # type: ignore[misc]


def test_a_variable_sets_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"DAYPASS_INSTANCE": "/srv/daypass", "DAYPASS_DATABASE_URL": "postgresql://u:p%40$s@db/x",
             "DAYPASS_HOST": "::1", "DAYPASS_TOKEN_KEYS": "k1:00", "DAYPASS_LOG_LEVEL": "DEBUG"}  # fmt: skip
    for name, text in (given | {"DAYPASS_PORT": "9090"}).items():
        monkeypatch.setenv(name, text)
    for text, is_on in (("false", False), ("off", False), ("1", True)):
        monkeypatch.setenv("DAYPASS_SCHEDULER", text)
        assert values() == DEFAULTS | given | {"DAYPASS_PORT": 9090, "DAYPASS_SCHEDULER": is_on}


BOUNDS = {"PORT": (1, 65535), "WORKERS": (1, 256), "THREADS": (4, 256), "BCRYPT_COST": (10, 14)}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_has_its_documented_bounds(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (low, high), name = BOUNDS[name], f"DAYPASS_{name}"
    for inside in (low, high):
        monkeypatch.setenv(name, str(inside))
        assert values()[name] == inside
    for outside in (low - 1, high + 1, -low, "eighty", "80.5", "1e3", "80\n81"):
        monkeypatch.setenv(name, str(outside))
        assert name in refusal()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("DAYPASS_SCHEDULER", text) for text in ("maybe", "2")),
        *(("DAYPASS_LOG_LEVEL", text) for text in ("info", "LOUD")),
        *(("DAYPASS_TOKEN_PREFIXES", text) for text in (",", "DP", "d1", "dp,d_p", "dp,.*", "abcdefghijklm")),
        *(("DAYPASS_TRUSTED_PROXIES", text) for text in ("proxy.example", "10.0.0.1/8", "10.0.0.0/8,10.0.0.0/99")),
        ("DAYPASS_TRUSTED_PROXIES", "unix:"),
        *(("DAYPASS_FORWARDED_HEADER", text) for text in ("X-Forwarded-For", "x-real-ip", "forwarded,x-forwarded-for")),
        *(("DAYPASS_PUBLIC_URL", text) for text in ("tools.example.com", "https://u:hidden-word@tools.example.com/",
          "https://u:hidden-word/@x:y", "https://tools.example.com/?hidden-word", "https://[hidden-word")),
        ("DAYPASS_OTHER_HOSTS", "daypass"),  # without a public URL
        *(("DAYPASS_SOCKET_MODE", text) for text in ("660x", "0880", "0440", "0066", "rw-rw-rw-", "432", "01660")),
        *(("DAYPASS_HOST", text) for text in ("unix:", "unix:/", "unix:/run/daypass/")),
        *(("DAYPASS_DATABASE_URL", text) for text in ("daypass.db", "sqlite://", "sqlite:///", "sqlite:///:memory:")),
        *(("DAYPASS_DATABASE_URL", text) for text in ("mysql://u:p@db/x", "postgresql+psycopg2://u:p@db/x")),
        # An address may hold a password, and the refusal goes to a log. Such characters are left in by mistake.
        *(("DAYPASS_DATABASE_URL", text) for text in ("mysql://u:hidden-word@db/x", "postgresql://u:p@db:hidden-word/x",
          "postgresql://u:hidden-word/slash@db/x", "postgresql://u:p@db:99999/hidden-word")),
    ],
)  # fmt: skip
def test_a_value_that_will_not_do_is_refused_by_name_and_without_a_password(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    assert name in refusal()
    assert "hidden-word" not in refusal()


def test_no_repr_holds_a_secret() -> None:
    secrets = ("database_url", "token_keys", "password_pepper", "admin_password")
    settings = Settings(**dict.fromkeys(secrets, "postgresql://u:hidden-word@db/x"))
    assert "hidden-word" not in f"{settings!r} {settings}"


def test_settings_are_read_as_a_file_in_the_instance_folder_words_and_networks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings().sqlalchemy_url == f"sqlite:///{tmp_path}/instance/daypass.db"
    assert Settings(instance="/srv/d").sqlalchemy_url == "sqlite:////srv/d/daypass.db"
    assert Settings(token_prefixes=" new, dp,,abcdefghijkl ").prefixes == ("new", "dp", "abcdefghijkl")
    assert Settings().socket_path is None
    assert Settings(host="unix:/run/d.sock").socket_path == Path("/run/d.sock")
    assert Settings(host="unix:d.sock").socket_path == tmp_path / "d.sock"
    assert [Settings(socket_mode=text).socket_permissions for text in ("0660", "666")] == [0o660, 0o666]
    assert Settings().proxies == ()
    networks = ("10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32")
    found = Settings(trusted_proxies="10.0.0.0/8, 192.0.2.1,2001:db8::/32").proxies
    assert found == tuple(map(ipaddress.ip_network, networks))
    mixed = Settings(trusted_proxies="Unix, ::ffff:192.0.2.1, ::ffff:10.0.0.0/104,fe80::1%eth0")
    assert [str(each) for each in mixed.proxies] == ["192.0.2.1/32", "10.0.0.0/8", "fe80::1/128"]
    assert mixed.trusts_unix_peers and not Settings(trusted_proxies="10.0.0.0/8").trusts_unix_peers


def test_the_settings_page_and_the_example_environment_are_derived() -> None:
    page = derived.settings_page()
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == page
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == derived.example_env()
    assert [page.count(f"| `{name}` |") for name in DEFAULTS] == [1] * len(DEFAULTS)


def test_the_example_environment_states_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every line of it switched on, nothing changes."""
    lines = [line.removeprefix("#") for line in derived.example_env().splitlines() if line.startswith("#DAYPASS_")]
    stated = dotenv_values(stream=io.StringIO("\n".join(lines)), interpolate=False)
    assert {name for name in stated if "_OIDC_" not in name} == set(DEFAULTS)
    for name, text in stated.items():
        monkeypatch.setenv(name, text or "")
    assert load_settings() == Settings()

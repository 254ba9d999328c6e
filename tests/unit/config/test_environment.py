"""Variables of the environment: whose they are, secrets in files, and what is left around a value."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from config import SettingsError, ignored_variables, load_settings, without_secret_settings
from config.declaring import settings_of
from config.environment import CLIENT
from config.settings import Settings, variable
from tests.variables import DOCKER, KUBERNETES

ROOT = Path(__file__).parent.parent.parent.parent

SECRETS = ("DATABASE_URL", "TOKEN_KEYS", "PASSWORD_PEPPER", "ADMIN_PASSWORD")


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DAYPASS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """What a variable with this value is refused with; one line without the value."""

    def refuse(name: str, value: str) -> str:
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            with pytest.raises(SettingsError) as refused:
                load_settings()
        line = str(refused.value)
        assert name in line and "\n" not in line and "hidden" not in line
        return line

    return refuse


def test_variables_of_others_are_ignored_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("PORT", "XDAYPASS_PORT", "DAYPASSPORT", "DAYPASS_TEST_POSTGRES_URL", "DAYPASS_FUZZ_EXAMPLES", *CLIENT)
    for name, value in (KUBERNETES | DOCKER | dict.fromkeys(names, "whatever")).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == Settings()
    assert ignored_variables() == []


def test_the_client_reads_these_variables() -> None:
    """And they are in its README. Fails when it gets another: a server beside it would not start."""
    sources = [path.read_text() for path in (ROOT / "clients/python/src").rglob("*.py")]
    assert {name for source in sources for name in re.findall(r"DAYPASS_[A-Z_]+", source)} == CLIENT
    readme = (ROOT / "clients/python/README.md").read_text()
    assert set(re.findall(r"DAYPASS_[A-Z_]+", readme)) >= CLIENT


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PROT", "PORT"), ("port", "PORT"), ("TOKEN_KEY", "TOKEN_KEYS"), ("THREAD", "THREADS"), ("WORKER", "WORKERS"),
        ("LOGLEVEL", "LOG_LEVEL"), ("DATABASE", "DATABASE_URL"), ("DATABASE_URI", "DATABASE_URL"),
        ("DB_URL", "DATABASE_URL"), ("PEPPER", "PASSWORD_PEPPER"), ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("PROXIES", "TRUSTED_PROXIES"), ("TOKENKEYS_FILE", "TOKEN_KEYS_FILE"), ("PORT_FILE", "PORT"),
        ("PEPPER_FILE", "PASSWORD_PEPPER_FILE"), ("KEYS_FILE", "TOKEN_KEYS_FILE"), ("DB_URI_FILE", "DATABASE_URL_FILE"),
        ("token_keys_file", "TOKEN_KEYS_FILE"), ("PROXIES_FILE", "TRUSTED_PROXIES"),
        ("ADMIN_PASSWD", "ADMIN_PASSWORD"), ("BCRYPT_COSTS", "BCRYPT_COST"), ("INSTANCES", "INSTANCE"),
    ],
)  # fmt: skip
def test_a_misspelt_setting_is_refused_with_the_nearest_name(
    refusal: Callable[[str, str], str], name: str, nearest: str
) -> None:
    line = refusal(f"DAYPASS_{name}", "a hidden value")
    assert line.startswith(f"unknown setting DAYPASS_{name}: did you mean DAYPASS_{nearest}?")


def test_a_variable_unlike_all_settings_is_ignored_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    unlike = ("DAYPASS_", "DAYPASS_DIR", "DAYPASS_IMAGE", "DAYPASS_TOKEN", "DAYPASS_USER", "DAYPASS_VERSION")
    for name in unlike:
        monkeypatch.setenv(name, "whatever")
    assert load_settings() == Settings()
    assert ignored_variables() == list(unlike)


def test_a_port_may_be_a_link_and_no_other_number(refusal: Callable[[str, str], str]) -> None:
    assert refusal("DAYPASS_PORT", "http://10.0.0.7:8080") == "DAYPASS_PORT must be a whole number from 1 to 65535"
    assert refusal("DAYPASS_DB_PORT", "5432")  # as somebody would write who misreads DATABASE_URL


def test_every_secret_can_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert tuple(variable(each)[8:] for each in settings_of(Settings) if each.metadata["secret"]) == SECRETS
    values = ("postgresql://u:p@db/x", "k1:00", "ab", "p w")
    for name, value in zip(SECRETS, values, strict=True):
        file = tmp_path / name
        file.write_bytes(f"\ufeff{value}\r\n".encode())
        monkeypatch.setenv(f"DAYPASS_{name}_FILE", str(file))
        monkeypatch.setenv(f"DAYPASS_{name}", "")
    settings = load_settings()
    assert tuple(getattr(settings, name.lower()) for name in SECRETS) == values


def test_a_file_of_no_use_is_refused_by_its_name_and_without_its_content(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refusal: Callable[[str, str], str]
) -> None:
    name, file = "DAYPASS_PASSWORD_PEPPER_FILE", tmp_path / "secret"
    assert refusal(name, str(file)) == f"{name}: can't read {file} (No such file or directory)"
    for content, reason in ((b"", "is empty"), (b" \n\n", "is empty"), (b"hidden\xff", "is not UTF-8 text"),
                            (b"hidden" * 20000, "has more than 65536 bytes")):  # fmt: skip
        file.write_bytes(content)
        assert refusal(name, str(file)) == f"{name}: {file} {reason}"
    assert refusal(name, str(tmp_path)) == f"{name}: can't read {tmp_path} (Is a directory)"
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refusal(name, str(tmp_path / "pipe"))
    # A value in the wrong place
    assert refusal(name, "hidden") == refusal(name, "postgresql://u:hidden@db/x")
    file.write_text("hidden\nhidden")
    assert "line break" in refusal(name, str(file))
    file.write_text("abcd")
    monkeypatch.setenv("DAYPASS_PASSWORD_PEPPER", "hidden")
    assert refusal(name, str(file)) == f"both DAYPASS_PASSWORD_PEPPER and {name} are set: keep one of them"


def test_white_space_and_quotes_around_a_value_do_not_count(
    monkeypatch: pytest.MonkeyPatch, refusal: Callable[[str, str], str]
) -> None:
    """As docker's --env-file leaves them. A password may have them, so that they are refused there."""
    for around in ("{}", ' "{}" ', "'{}'", "{}\r\n", '" {} "'):
        monkeypatch.setenv("DAYPASS_PORT", around.format(9090))
        monkeypatch.setenv("DAYPASS_LOG_LEVEL", around.format("DEBUG"))
        monkeypatch.setenv("DAYPASS_DATABASE_URL", around.format("postgresql://u:p@db/x"))
        assert load_settings() == Settings(port=9090, log_level="DEBUG", database_url="postgresql://u:p@db/x")
    for text in ('"hidden"', "'hidden'", " hidden", "hidden\n"):
        assert "white space or quotes around it" in refusal("DAYPASS_ADMIN_PASSWORD", text)
    for text in ("hid\nden", "hid\x1bden", "hid\x7fden"):
        assert "control character" in refusal("DAYPASS_HOST", text)
    monkeypatch.setenv("DAYPASS_INSTANCE", os.fsdecode(b"/srv/\xff"))
    with pytest.raises(SettingsError, match="DAYPASS_INSTANCE is not UTF-8 text"):
        load_settings()


def test_secrets_are_taken_out_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYPASS_ADMIN_PASSWORD", "hidden-word")
    text = without_secret_settings("x hidden-word postgresql+psycopg://u:other@db/x http://db/a:b@c")
    assert text == "x *** postgresql+psycopg://u:***@db/x http://db/a:b@c"

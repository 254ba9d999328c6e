"""A keyring and a command as places of a refresh token, and which place the settings name."""

import sys
from pathlib import Path

import keyring
import pytest

from clients.python.tests.keyring_backend import FileKeyring
from clients.python.tests.test_file_place import NEW, OLD, OTHER
from daypass_client import ConfigurationError
from daypass_client.command_place import CommandPlace
from daypass_client.file_place import FilePlace
from daypass_client.keyring_place import SPARE, KeyringPlace
from daypass_client.places import Place
from daypass_client.settings import Options, settings_from

URL = "https://daypass.example.com"


@pytest.fixture
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileKeyring:
    """The real library, with a backend whose entries are in a file."""
    monkeypatch.setenv("DAYPASS_TEST_KEYRING", str(tmp_path / "keyring.json"))
    backend = FileKeyring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


def rotate(place: Place) -> None:
    with place.opened(OLD, began_elsewhere=False) as keep:
        keep(NEW)


def stored(path: Path, *more: str) -> list[str]:
    """The words of a command that appends what it gets to a file, one a line, and does `more` before."""
    code = "\n".join(
        ["import sys", "secret = sys.stdin.read()", f"open({str(path)!r}, 'a').write(secret + '\\n')", *more]
    )
    return [sys.executable, "-c", code]


def test_an_entry_of_the_keyring_is_replaced(entries: FileKeyring) -> None:
    entries.set_password("daypass", "nightly", OLD)
    place = KeyringPlace("daypass", "nightly")
    assert place.read() == OLD
    rotate(place)
    assert place.read() == NEW
    assert entries._entries() == {"daypass/nightly": NEW}


def test_the_spare_entry_counts_where_a_process_was_killed_between(entries: FileKeyring) -> None:
    """A keyring may delete an entry before it writes it again, as that of macOS does."""
    entries.set_password("daypass", "nightly" + SPARE, NEW)
    assert KeyringPlace("daypass", "nightly").read() == NEW


def test_nothing_is_begun_where_the_keyring_cannot_be_written(entries: FileKeyring, tmp_path: Path) -> None:
    entries.set_password("daypass", "nightly", OLD)
    (tmp_path / "keyring.locked").touch()
    with (
        pytest.raises(ConfigurationError, match="entry daypass nightly cannot be used: the keyring is locked"),
        KeyringPlace("daypass", "nightly").opened(OLD, began_elsewhere=False),
    ):
        raise AssertionError("must not be entered")


def test_another_refresh_token_in_the_keyring_stays(entries: FileKeyring) -> None:
    entries.set_password("daypass", "nightly", OTHER)
    with pytest.raises(ConfigurationError, match="another refresh token"):
        rotate(KeyringPlace("daypass", "nightly"))
    assert entries.get_password("daypass", "nightly") == OTHER


def test_a_command_gets_the_secret_it_has_and_then_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    rotate(CommandPlace(stored(path)))
    assert path.read_text() == f"{OLD}\n{NEW}\n"


def test_a_command_never_gets_an_old_secret_where_another_machine_may_have_stored_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    with CommandPlace(stored(path)).opened(OLD, began_elsewhere=True) as keep:
        keep(NEW)
    assert path.read_text() == f"{NEW}\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (
            [sys.executable, "-c", "import sys; sys.exit('permission denied for ' + sys.stdin.read())"],
            "exit code 1: .*",
        ),
        (["/nowhere/vault", "kv"], "No such file or directory"),
        (["a\0b"], "ValueError"),
    ],
)
def test_nothing_is_begun_where_a_command_stores_nothing(words: list[str], why: str) -> None:
    place = CommandPlace(words)
    with pytest.raises(ConfigurationError, match=f"did not store the refresh token \\({why}\\)") as caught:
        rotate(place)
    assert OLD not in str(caught.value)


# Which place the settings name


def test_the_settings_name_a_place(tmp_path: Path, entries: FileKeyring, monkeypatch: pytest.MonkeyPatch) -> None:
    file, env = tmp_path / "daypass.env", tmp_path / ".env"
    file.write_text(f"DAYPASS_URL={URL}\nDAYPASS_REFRESH_TOKEN={OLD}\n")
    file.chmod(0o600)
    env.write_text(f"DJANGO_SECRET=x\nREPORTS_TOKEN={NEW}\n")
    assert isinstance(settings_from({"file": file, "rotate": True}).place, FilePlace)
    monkeypatch.setenv("DAYPASS_URL", URL)
    monkeypatch.setenv("DAYPASS_ROTATE", "true")
    found = settings_from({"refresh_token": OLD, "env_file": env})
    assert (str(found.place), found.refresh_token) == (str(env), NEW)  # what another process has written
    entries.set_password("daypass", "nightly", NEW)
    found = settings_from({"keyring": ("daypass", "nightly")})
    assert (str(found.place), found.refresh_token) == ("the keyring's entry daypass nightly", NEW)
    monkeypatch.setenv("DAYPASS_ROTATE_COMMAND", "vault kv put -mount=secret daypass value=-")
    monkeypatch.setenv("DAYPASS_REFRESH_TOKEN", OLD)
    assert str(settings_from({}).place) == "the command vault"
    assert settings_from({}).refresh_token == OLD
    file.write_text(f"DAYPASS_REFRESH_TOKEN={OLD}\nDAYPASS_ROTATE_COMMAND=vault kv put x=-\n")
    assert isinstance(settings_from({"file": file}).place, CommandPlace)


@pytest.mark.parametrize("given", [{}, {"refresh_token": OLD}])
def test_a_place_where_nothing_can_be_written_is_an_error_that_says_what_to_do(
    given: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYPASS_REFRESH_TOKEN", OLD)
    with pytest.raises(
        ConfigurationError, match=r"comes from the \w+, where a new secret cannot be written.*DAYPASS_FILE"
    ):
        settings_from(Options(url=URL, rotate=True) | given)
    assert settings_from(Options(url=URL) | given).place is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"env_file": "/nowhere/.env"}, "cannot be read, or has no line"),
        ({"keyring": "daypass"}, "must be two words"),
        ({"keyring": "daypass nobody"}, "keyring set daypass nobody"),
        ({"rotate_command": "vault 'kv"}, "a quotation mark that is not closed"),
        ({"rotate_command": "vault", "env_file": ".env"}, "Keep one"),
    ],
)
def test_a_place_that_is_none_is_an_error(entries: FileKeyring, options: Options, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        settings_from(Options(url=URL, refresh_token=OLD, rotate=True) | options)

"""Where the settings come from, and which are refused."""

from pathlib import Path

import pytest

from clients.python.tests import processes
from daypass_client import ConfigurationError, DaypassAuth
from daypass_client.settings import Options, Settings, settings_from

URL, SECRET = "https://daypass.example.com", "opaque-refresh-token"


def private_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "daypass.env"
    path.write_text(text)
    path.chmod(mode)
    return path


def found(settings: Settings) -> tuple[str, str, int | None]:
    return settings.url, settings.refresh_token, settings.user_id


def test_arguments_take_precedence_over_the_file_and_the_file_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYPASS_URL", "https://environment.example.com/")
    monkeypatch.setenv("DAYPASS_REFRESH_TOKEN", "of-the-environment")
    monkeypatch.setenv("DAYPASS_USER_ID", "7")
    assert found(settings_from({})) == ("https://environment.example.com", "of-the-environment", 7)
    text = f"# nightly\nexport DAYPASS_URL='{URL}'\n\nDAYPASS_REFRESH_TOKEN=\"of-the-file\"\n"
    options: Options = {"file": private_file(tmp_path, text)}
    assert found(settings_from(options)) == (URL, "of-the-file", 7)
    monkeypatch.setenv("DAYPASS_FILE", str(options["file"]))
    assert found(settings_from({})) == (URL, "of-the-file", 7)
    assert found(settings_from({"refresh_token": "of-the-call", "user_id": "8"})) == (URL, "of-the-call", 8)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = private_file(tmp_path, f"DAYPASS_URL={URL}\nDAYPASS_REFRESH_TOKEN={SECRET}\n", mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {path}"):
        DaypassAuth(file=path)


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = private_file(tmp_path, f"DAYPASS_URL={URL}\nDAYPASS_REFRESH_TOKEN={SECRET}\n")
    processes.make_somebody_elses(path)
    with pytest.raises(ConfigurationError, match=r"belongs to another user|read by others"):
        DaypassAuth(file=path)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"refresh_token": SECRET}, "DAYPASS_URL is not set"),
        ({"url": URL}, "DAYPASS_REFRESH_TOKEN is not set"),
        ({"url": "daypass.example.com", "refresh_token": SECRET}, "must begin with https://"),
        ({"url": "https://:443", "refresh_token": SECRET}, "is not a URL"),
        ({"url": "https://me:pass@daypass.example.com", "refresh_token": SECRET}, "no password"),
        ({"url": URL, "refresh_token": SECRET, "apis": ["api.example.com"]}, "must begin with https://"),
        ({"url": URL, "refresh_token": SECRET, "user_id": "seven"}, "must be a whole number"),
        ({"file": "/nowhere/daypass.env"}, "cannot be read: FileNotFoundError"),
    ],
)
def test_errors_name_the_setting_but_not_the_secret(options: Options, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        DaypassAuth(**options)
    assert SECRET not in str(caught.value)


def test_apis_are_separated_by_spaces_or_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYPASS_APIS", "https://one.example.com, https://two.example.com:8443")
    allowed = settings_from({"url": URL, "refresh_token": SECRET}).allowed
    for url in (f"{URL}:443/x", "https://ONE.example.com/", "https://two.example.com:8443/y"):
        allowed.check(url)

"""Where the settings come from, and which are refused."""

from pathlib import Path

import pytest

from clients.python.tests import processes
from daypass_client import ConfigurationError, DaypassAuth
from daypass_client.settings import Options, Settings, settings_from

URL, SECRET = "https://daypass.example.com", "opaque-refresh-token"
REFRESH = "dpr_k3v9x0a1b2c3_" + "s3cr3tTh" * 6 + "x"


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


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o620])
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
        ({"file": "/"}, "cannot be read: IsADirectoryError"),
        ({"file": "a\0b"}, "cannot be read: ValueError"),
        ({"file": "~nobody-of-that-name/x"}, "home folder is unknown"),
        ({"url": "https://daypass.example.com x", "refresh_token": SECRET}, "is not a URL"),
        ({"url": "'https://daypass.example.com'", "refresh_token": SECRET}, "is not a URL"),
        ({"url": "https://b\u00fccher.example", "refresh_token": SECRET}, "in ASCII"),
        ({"url": REFRESH, "refresh_token": URL}, "'dpr_k3v9x0a1b2c3_<hidden>' is not a URL"),
        ({"url": URL, "refresh_token": SECRET, "user_id": REFRESH}, "not 'dpr_k3v9x0a1b2c3_<hidden>'"),
    ],
)
def test_errors_name_the_setting_but_not_the_secret(options: Options, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        DaypassAuth(**options)
    assert SECRET not in str(caught.value)
    assert REFRESH[20:] not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (f'"{REFRESH}"', "has quotation marks around it"), (f"\u201c{REFRESH}\u201d", "has quotation marks around it"),
        (f"'{REFRESH}", "has quotation marks around it"), (f"Bearer {REFRESH}", "has other text around the token"),
        (f"DAYPASS_REFRESH_TOKEN={REFRESH}", "has other text around the token"),
        (f"{REFRESH[:30]}\n{REFRESH[30:]}", "has white space or an invisible character in it"),
        (f"\ufeff{REFRESH}", "has white space or an invisible character in it"),
        (f"opaque-{SECRET} x", "has white space or an invisible character in it"),
        (REFRESH.replace("dpr", "dpa"), "is an access token: set it to the refresh token"),
        (f"{REFRESH.replace('dpr', 'acmea')}\n", "is an access token"), (REFRESH[:16], "is the id of a token"),
        (f"{REFRESH[:16]}_<hidden>", "is the id of a token"), (REFRESH[4:16], "is the id of a token"),
        ("dpr_\u2026", "is a placeholder"), ("<your token>", "is a placeholder"), ("${TOKEN}", "is a placeholder"),
        ("None", "is a placeholder"), ("YOUR-TOKEN", "is a placeholder"), ("dpr_xxxxx", "is a placeholder"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_refresh_token_is_said_before_anything_is_sent(
    text: str, mistake: str, tmp_path: Path
) -> None:
    """For text that cannot be a token of Alation either."""
    with pytest.raises(ConfigurationError, match=rf"DAYPASS_REFRESH_TOKEN \(in the arguments\) {mistake}") as caught:
        DaypassAuth(url=URL, refresh_token=text)
    assert REFRESH[20:] not in str(caught.value)
    if text.isprintable() and text[0] not in "'\"\u201c" and " " not in text:
        path = private_file(tmp_path, f"DAYPASS_URL={URL}\nDAYPASS_REFRESH_TOKEN={text}\n")
        with pytest.raises(ConfigurationError, match=rf"\(in line 2 of {path}\) {mistake}"):
            DaypassAuth(file=path)


def test_white_space_around_the_refresh_token_is_ignored_with_a_warning(log_lines: list[str]) -> None:
    for text in (f"{REFRESH}\n", f" {REFRESH}", f"{REFRESH}\r\n"):
        assert settings_from({"url": URL, "refresh_token": text}).refresh_token == REFRESH
    assert len(log_lines) == 3
    assert {"WARNING daypass_client DAYPASS_REFRESH_TOKEN (in the arguments) has white space around it, which is"
            " ignored: remove it"} == set(log_lines)  # fmt: skip
    settings_from({"url": URL, "refresh_token": REFRESH})
    assert len(log_lines) == 3


@pytest.mark.parametrize("secret", [REFRESH, "u-7Hk/s3cret+of=Alation", "eyJhbGciOi.eyJzdWIi.abc", "$ecret-1"])
def test_other_texts_may_be_tokens_of_some_server(secret: str) -> None:
    assert settings_from({"url": URL, "refresh_token": secret}).refresh_token == secret


def test_apis_are_separated_by_spaces_or_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYPASS_APIS", "https://one.example.com, https://two.example.com:8443")
    allowed = settings_from({"url": URL, "refresh_token": SECRET}).allowed
    for url in (f"{URL}:443/x", "https://ONE.example.com/", "https://two.example.com:8443/y"):
        allowed.check(url)


@pytest.mark.parametrize(
    "host", ["daypass.example.com", "10.0.0.7:8080", "[2001:db8::7]", "127.0.0.1.example.com", "localhost.example.com"]
)
def test_an_address_of_another_machine_without_encryption_is_refused_unless_it_is_allowed(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ Also one of an API, and before anything is sent. Fails without the look at the scheme."""
    plain = f"http://{host}"
    for options in (Options(url=plain), Options(url=URL, apis=[plain])):
        with pytest.raises(ConfigurationError, match=r"is not encrypted.*use https://.*DAYPASS_ALLOW_HTTP=true"):
            settings_from(options | Options(refresh_token=SECRET))
        assert settings_from(options | Options(refresh_token=SECRET, allow_http=True))
        monkeypatch.setenv("DAYPASS_ALLOW_HTTP", "true")
        assert settings_from(options | Options(refresh_token=SECRET))
        with pytest.raises(ConfigurationError, match="is not encrypted"):
            settings_from(options | Options(refresh_token=SECRET, allow_http=False))
        monkeypatch.setenv("DAYPASS_ALLOW_HTTP", "perhaps")
        with pytest.raises(ConfigurationError, match="DAYPASS_ALLOW_HTTP must be true or false"):
            settings_from(options | Options(refresh_token=SECRET))
        monkeypatch.delenv("DAYPASS_ALLOW_HTTP")


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST", "127.0.0.1", "127.8.8.8:1", "[::1]:8080", "daypass.localhost"]
)
def test_this_machine_needs_no_encryption(host: str) -> None:
    assert settings_from(Options(url=f"http://{host}", refresh_token=SECRET)).url == f"http://{host}"

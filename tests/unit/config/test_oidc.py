"""The settings of OpenID providers: how they are named, what is refused at start, and in which words."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.identity import Role
from config.oidc import ROLES, ProviderSettings
from config.settings import Settings, SettingsError, ignored_variables, load_settings, without_secret_settings

CORP = {"DAYPASS_OIDC_CORP_ISSUER": "https://id.example.com/realms/corp", "DAYPASS_OIDC_CORP_CLIENT_ID": "daypass"}

Loaded = Callable[[dict[str, str]], Settings]


@pytest.fixture(name="loaded")
def settings_of_an_environment(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    def loaded(variables: dict[str, str]) -> Settings:
        for name in [name for name in os.environ if name.startswith("DAYPASS_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return loaded


def refusal(loaded: Loaded, variables: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        loaded(variables)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_each_name_is_a_provider_and_stands_in_addresses_in_small_letters(loaded: Loaded) -> None:
    other = {"DAYPASS_OIDC_EXAMPLE_SSO_ISSUER": "http://localhost:8081", "DAYPASS_OIDC_EXAMPLE_SSO_CLIENT_ID": "d"}
    providers = loaded(CORP | other | {"DAYPASS_OIDC_EXAMPLE_SSO_LABEL": "Example SSO"}).providers
    assert [(each.name, each.label) for each in providers] == [("corp", ""), ("example-sso", "Example SSO")]
    assert providers[0] == ProviderSettings(
        issuer="https://id.example.com/realms/corp", client_id="daypass", name="corp"
    )
    assert providers[0].scope_words == ("openid", "profile", "email")


def test_without_providers_nothing_is_read_and_empty_variables_are_as_unset(loaded: Loaded) -> None:
    assert loaded({}).providers == ()
    assert loaded(dict.fromkeys(CORP, " ") | {"DAYPASS_OIDC_CORP_SCOPES": "openid profile email"}) == Settings()
    assert ignored_variables() == []


def test_roles_and_domains_are_lists(loaded: Loaded) -> None:
    given = {"ROLE_CLAIM": "groups", "ROLE_MAP": "cn=dba=SERVER_ADMIN, staff = VIEWER",
             "ALLOWED_DOMAINS": "Example.com, sub.example.org"}  # fmt: skip
    provider = loaded(CORP | {f"DAYPASS_OIDC_CORP_{name}": text for name, text in given.items()}).providers[0]
    assert provider.roles == (("cn=dba", "SERVER_ADMIN"), ("staff", "VIEWER"))
    assert provider.domains == ("example.com", "sub.example.org")
    assert set(ROLES) == {role.value for role in Role}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("DAYPASS_OIDC_CORP_ISUER", "DAYPASS_OIDC_CORP_ISSUER"),
        ("DAYPASS_OIDC_CORP_CLIENT_SECRT_FILE", "DAYPASS_OIDC_CORP_CLIENT_SECRET_FILE"),
        ("DAYPASS_OIDC_CORP_SCOPE", "DAYPASS_OIDC_CORP_SCOPES"),
        ("DAYPASS_OIDC_CORP", "DAYPASS_OIDC_CORP_ISSUER"),
        ("DAYPASS_OIDC_CORP_LABEL_FILE", "DAYPASS_OIDC_CORP_LABEL"),
        ("DAYPASS_ODIC_CORP_LABEL", "DAYPASS_OIDC_CORP_LABEL"),
        ("DAYPASS_OPENID_CORP_CLIENT_ID", "DAYPASS_OIDC_CORP_CLIENT_ID"),
    ],
)
def test_a_misspelt_setting_of_a_provider_is_refused_with_what_was_meant(
    loaded: Loaded, given: str, meant: str
) -> None:
    expected = f"unknown setting {given}: did you mean {meant}? See docs/settings.md"
    assert refusal(loaded, CORP | {given: "x"}) == expected


def test_a_service_of_kubernetes_of_that_name_is_no_setting(loaded: Loaded) -> None:
    link = {"DAYPASS_OIDC_SERVICE_HOST": "10.0.0.7", "DAYPASS_OIDC_PORT": "tcp://10.0.0.7:80"}
    assert len(loaded(CORP | link).providers) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ISSUER": ""}, "DAYPASS_OIDC_CORP_ISSUER is missing"),
        ({"CLIENT_ID": ""}, "DAYPASS_OIDC_CORP_CLIENT_ID is missing"),
        ({"ISSUER": "http://id.example.com"}, "DAYPASS_OIDC_CORP_ISSUER must begin with https://"),
        ({"ISSUER": "id.example.com"}, "DAYPASS_OIDC_CORP_ISSUER must begin with https://"),
        ({"ISSUER": "https://u:hidden-word@id.example.com"}, "DAYPASS_OIDC_CORP_ISSUER must not hold"),
        ({"SCOPES": "profile email"}, "DAYPASS_OIDC_CORP_SCOPES must be words"),
        ({"ROLE_MAP": "a=VIEWER"}, "need each other"),
        ({"ROLE_CLAIM": "groups", "ROLE_MAP": "a=OWNER"}, "DAYPASS_OIDC_CORP_ROLE_MAP must be value=ROLE"),
        ({"ROLE_CLAIM": "groups", "ROLE_MAP": "VIEWER"}, "DAYPASS_OIDC_CORP_ROLE_MAP must be value=ROLE"),
        ({"ALLOWED_DOMAINS": "@example.com"}, "DAYPASS_OIDC_CORP_ALLOWED_DOMAINS must be domains"),
    ],
)
def test_what_will_not_do_is_refused_by_name(loaded: Loaded, changes: dict[str, str], words: str) -> None:
    told = refusal(loaded, CORP | {f"DAYPASS_OIDC_CORP_{name}": text for name, text in changes.items()})
    assert words in told
    assert "hidden-word" not in told


def test_a_name_has_one_spelling_and_a_client_one_provider(loaded: Loaded) -> None:
    for name in ("corp", "A__B", "_A", "X" * 41):
        assert "the name of a provider has" in refusal(loaded, {f"DAYPASS_OIDC_{name}_ISSUER": "https://a.example"})
    twice = CORP | {name.replace("CORP", "OTHER"): value for name, value in CORP.items()}
    assert "the providers corp and other have the same issuer and client id" in refusal(loaded, twice)


def test_the_client_secret_can_be_in_a_file_and_is_in_no_message(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden-word\n")
    settings = loaded(CORP | {"DAYPASS_OIDC_CORP_CLIENT_SECRET_FILE": str(tmp_path / "secret")})
    assert settings.providers[0].client_secret == "hidden-word"
    assert "hidden-word" not in repr(settings)
    settings = loaded(CORP | {"DAYPASS_OIDC_CORP_CLIENT_SECRET": "hidden-word"})
    assert without_secret_settings("it is hidden-word") == "it is ***"

"""``daypass conf`` on both databases: instance settings, shown and set under either of their names."""

from datetime import timedelta

from sqlalchemy import text

from app.domain.policy import INSTANCE_SETTINGS
from app.services import Services
from app.storage.database import Database
from tests.factories import issue, make_user
from tests.integration.cli.conftest import CommandLine

MEMBERS = ["key", "value", "unit", "default", "range", "alias", "help"]
ALIASES = {
    "alation.authentication.token.refresh_token_lifespan": "refresh_token_lifespan",
    "alation.authentication.token.access_token_lifespan": "access_token_lifespan",
}


def test_all_settings_are_shown_with_defaults_and_ranges(daypass: CommandLine) -> None:
    shown = daypass.json("conf")
    assert all(list(each) == MEMBERS for each in shown)
    assert {each["key"]: (each["value"], each["default"], each["unit"], each["range"]) for each in shown} == {
        "refresh_token_lifespan": ("60", "60", "days", "1 to 3650"),
        "access_token_lifespan": ("24", "24", "hours", "1 to 720"),
        "access_token_reissue": ("replace", "replace", "", "replace | overlap | reuse"),
        "access_token_overlap_seconds": ("60", "60", "seconds", "1 to 86400"),
        "refresh_tokens_for_users": ("on", "on", "", "on | off"),
        "password_api_enabled": ("on", "on", "", "on | off"),
        "api_can_create_refresh_tokens": ("off", "off", "", "on | off"),
        "api_tokens_enabled": ("on", "on", "", "on | off"),
        "api_tokens_for_users": ("off", "off", "", "on | off"),
        "api_token_default_lifetime_days": ("365", "365", "days", "1 to 36500"),
        "api_token_max_lifetime_days": ("-1", "-1", "days", "1 to 36500, or -1"),
        "openapi_enabled": ("on", "on", "", "on | off"),
        "retention_days": ("90", "90", "days", "0 to 3650"),
        "max_refresh_tokens_per_user": ("10000", "10000", "tokens", "1 to 1000000"),
    }
    heading, *lines = daypass.text("conf").splitlines()
    assert heading.split() == ["KEY", "VALUE", "UNIT", "DEFAULT", "HELP"]
    assert [line.split()[0] for line in lines] == [each.key for each in INSTANCE_SETTINGS]


def test_a_switch_is_said_to_hold_for_tokens_that_exist_too(daypass: CommandLine) -> None:
    said = daypass.text("conf", "api_tokens_enabled", "-s", "off")
    assert said == "api_tokens_enabled = off, from the next request on.\n"
    assert "api_token_max_lifetime_days = -1" in daypass.text("conf", "api_token_max_lifetime_days", "-s", "-1")


def test_a_setting_is_set_and_shown_and_effective_at_once(daypass: CommandLine, services: Services) -> None:
    anna = make_user(services, "anna")
    before = issue(services, anna)
    said = daypass.text("conf", "refresh_token_lifespan", "-s", "7")
    assert said == "refresh_token_lifespan = 7 days, for tokens from now on.\n"
    after = issue(services, anna)
    lives = [issued.token.expires_at - issued.token.created_at for issued in (before, after)]
    assert lives == [timedelta(days=60), timedelta(days=7)]
    answers = [
        daypass.json("conf", "refresh_token_lifespan"),
        daypass.json("conf", "refresh_token_lifespan", "--set", "007"),
        next(each for each in daypass.json("conf") if each["key"] == "refresh_token_lifespan"),
    ]
    assert all(list(answer) == MEMBERS and answer["value"] == "7" for answer in answers)
    lines = daypass.text("conf", "refresh_token_lifespan").splitlines()
    assert [line.split(maxsplit=1)[:2] for line in lines][:3] == [
        ["key", "refresh_token_lifespan"], ["value", "7"], ["unit", "days"],
    ]  # fmt: skip


def test_alations_names_are_the_same_settings(daypass: CommandLine) -> None:
    for alias, key in ALIASES.items():
        assert daypass.json("conf", alias, "-s", "5")["key"] == key
        assert daypass.json("conf", key) == daypass.json("conf", alias)
        assert daypass.json("conf", key)["alias"] == alias
        assert daypass.json("conf", key)["value"] == "5"


def test_a_value_out_of_range_is_refused_and_changes_nothing(daypass: CommandLine, services: Services) -> None:
    before = daypass.json("conf")
    for key, bad in (
        ("refresh_token_lifespan", "0"),
        ("refresh_token_lifespan", "3651"),
        ("refresh_token_lifespan", "-1"),
        ("refresh_token_lifespan", "1.5"),
        ("refresh_token_lifespan", ""),
        ("refresh_token_lifespan", "٣"),
        ("refresh_token_lifespan", "9" * 5000),
        ("access_token_lifespan", "721"),
        ("access_token_overlap_seconds", "86401"),
        ("retention_days", "3651"),
        ("max_refresh_tokens_per_user", "0"),
        ("password_api_enabled", "ON"),
        ("access_token_reissue", "\x1b[31m"),
        (next(iter(ALIASES)), "0"),
    ):
        said = daypass.refusal("conf", key, "-s", bad)
        assert ALIASES.get(key, key) in said and said.isprintable()
    assert daypass.json("conf") == before
    assert services.listing.audit_events(action="instance_setting.changed").items == []


def test_each_reissue_policy_can_be_set_and_no_other(daypass: CommandLine) -> None:
    for policy in ("overlap", "reuse", "replace"):
        assert daypass.json("conf", "access_token_reissue", "-s", policy)["value"] == policy
    assert "replace or overlap or reuse" in daypass.refusal("conf", "access_token_reissue", "-s", "keep")


def test_a_setting_that_there_is_not_is_refused(daypass: CommandLine) -> None:
    for unknown in ("lifespan", "REFRESH_TOKEN_LIFESPAN", ""):
        assert daypass.refusal("conf", unknown) == "There is no such instance setting."
        assert daypass.refusal("conf", unknown, "-s", "5") == "There is no such instance setting."
    assert "Name the setting" in daypass.misuse("conf", "-s", "5")


def test_a_change_is_audited_and_no_change_is_not(daypass: CommandLine, services: Services) -> None:
    for value in ("30", "30", "60"):
        daypass.text("conf", "retention_days", "-s", value)
    events = services.listing.audit_events(action="instance_setting.changed").items
    assert [(event.object_id, event.detail) for event in events] == [
        ("retention_days", {"after": "60", "before": "30"}),
        ("retention_days", {"after": "30", "before": "90"}),
    ]


def test_a_value_that_was_planted_in_the_database_is_shown_harmlessly(daypass: CommandLine, database: Database) -> None:
    daypass.text("conf", "retention_days", "-s", "30")
    with database.transaction() as session:
        session.execute(text("UPDATE instance_settings SET value = :evil"), {"evil": "\x1b[2J9"})
    for words in (["conf"], ["conf", "retention_days"]):
        assert "\x1b" not in daypass.text(*words)
        assert "\x1b" not in daypass.text(*words, "--json")

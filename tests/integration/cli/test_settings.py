"""``daypass conf``: instance settings, shown and set under either of their names.

Not here: what each may be (``tests/unit/domain/test_policy``), and that a change is audited (``tests/unit/services``).
"""

import pytest
from sqlalchemy import text

from app.domain.policy import INSTANCE_SETTINGS
from app.storage.database import Database
from tests.integration.cli.conftest import CommandLine

MEMBERS = ["key", "value", "unit", "default", "range", "alias", "group", "label", "takes_effect", "help"]
MEMBERS += ["changed_at", "changed_by"]
ALIAS = "alation.authentication.token.refresh_token_lifespan"
BAD = "\x1b[31m"


def test_all_settings_are_shown_as_they_are_declared(daypass: CommandLine) -> None:
    shown = daypass.json("conf")
    assert all(list(each) == MEMBERS for each in shown)
    names = ("key", "unit", "default", "alias", "label", "help")
    assert [[each[name] for name in names] for each in shown] == [
        [getattr(setting, name) for name in names] for setting in INSTANCE_SETTINGS
    ]
    assert [each["group"] for each in shown] == [setting.group.title for setting in INSTANCE_SETTINGS]
    assert [each["takes_effect"] for each in shown] == [setting.effective for setting in INSTANCE_SETTINGS]
    ranges = {each["key"]: each["range"] for each in shown}
    assert ranges["retention_days"] == "0 to 3650"
    assert ranges["access_token_reissue"] == "replace | overlap | reuse"
    assert ranges["api_token_max_lifetime_days"] == "1 to 36500, or -1"
    heading, *lines = daypass.text("conf").splitlines()
    assert heading.split() == ["GROUP", "KEY", "VALUE", "UNIT", "DEFAULT", "TAKES", "EFFECT", "LABEL"]
    for line, each in zip(lines, INSTANCE_SETTINGS, strict=True):
        assert line.startswith(each.group.title) and each.key in line.split() and line.endswith(each.label)


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("api_token_max_lifetime_days", "-1", "api_token_max_lifetime_days = unlimited, effective for new tokens."),
        ("access_token_reissue", "reuse", "access_token_reissue = reuse, effective at the next request."),
        ("max_refresh_tokens_per_user", "1", "max_refresh_tokens_per_user = 1 token, effective at once."),
        ("retention_days", "0", "retention_days = 0 days, effective at the next purge."),
    ],
)
def test_a_change_states_when_it_takes_effect(daypass: CommandLine, key: str, value: str, sentence: str) -> None:
    assert daypass.text("conf", key, "-s", value) == f"{sentence}\n"


def test_a_setting_is_set_and_shown_by_either_of_its_names(daypass: CommandLine) -> None:
    answers = [
        daypass.json("conf", ALIAS, "--set", "7"),
        daypass.json("conf", ALIAS),
        daypass.json("conf", "refresh_token_lifespan"),
        daypass.json("conf", "refresh_token_lifespan", "-s", "07"),
        next(each for each in daypass.json("conf") if each["alias"] == ALIAS),
    ]
    assert all(list(each) == MEMBERS and each == answers[0] for each in answers)
    assert (answers[0]["key"], answers[0]["value"]) == ("refresh_token_lifespan", "7")
    assert answers[0]["changed_by"].startswith("cli:") and answers[0]["changed_at"]
    lines = daypass.text("conf", ALIAS).splitlines()
    assert [line.split(maxsplit=1) for line in lines][:3] == [
        ["key", "refresh_token_lifespan"], ["value", "7"], ["unit", "days"],
    ]  # fmt: skip


def test_a_value_out_of_range_is_refused_and_changes_nothing(daypass: CommandLine) -> None:
    before = daypass.json("conf")
    for name, bad in ((ALIAS, "0"), ("retention_days", "9" * 5000), ("access_token_reissue", BAD)):
        said = daypass.refusal("conf", name, "-s", bad)
        assert f"{name.rpartition('.')[2]} must be" in said and said.isprintable()
    assert daypass.json("conf") == before


def test_an_unknown_setting_is_refused(daypass: CommandLine) -> None:
    for unknown in ("lifespan", ""):
        for words in (["conf", unknown], ["conf", unknown, "-s", "5"]):
            assert daypass.refusal(*words) == "There is no such instance setting."
    assert "Name the setting" in daypass.misuse("conf", "-s", "5")


def test_a_value_that_was_planted_in_the_database_is_shown_harmlessly(daypass: CommandLine, database: Database) -> None:
    daypass.text("conf", "retention_days", "-s", "30")
    with database.transaction() as session:
        session.execute(text("UPDATE instance_settings SET value = :evil"), {"evil": "\x1b[2J9"})
    for words in (["conf"], ["conf", "retention_days"]):
        assert "\x1b" not in daypass.text(*words)
        assert "\x1b" not in daypass.text(*words, "--json")

"""Instance settings: their declarations, bounds and spellings, and the rules that read them."""

from datetime import UTC, datetime, timedelta
from itertools import groupby, product
from typing import Any

import pytest

from app.domain import policy_page
from app.domain.identity import ApiTokens, Role, User
from app.domain.policy import INSTANCE_SETTINGS, Policy, find_setting
from app.domain.reissue import Reissue
from app.domain.setting import ON_OFF, UNLIMITED, Counted, From, Group, Setting
from app.domain.sign_in_settings import PasswordSignIn

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

DECLARED: dict[str, tuple[str, str, tuple[object, ...], From, object, str, object]] = {
    # attribute: suffix of the key, default, bounds or choices, effective from, typed default; another value, typed
    "refresh_token_lifespan": ("", "60", (1, 3650), From.NEW_TOKENS, timedelta(60), "7", timedelta(7)),
    "access_token_lifespan": ("", "24", (1, 720), From.NEW_TOKENS, timedelta(hours=24), "2", timedelta(hours=2)),
    "access_token_reissue": ("", "replace", tuple(Reissue), From.NEXT_MINT, Reissue.REPLACE, "reuse", Reissue.REUSE),
    "access_token_overlap": ("_seconds", "60", (1, 86400), From.NEXT_MINT, timedelta(0, 60), "5", timedelta(0, 5)),
    "refresh_token_overlap": ("_hours", "24", (0, 168), From.NEXT_ROTATION, timedelta(1), "0", timedelta(0)),
    "refresh_token_max_life": ("_days", "0", (0, 3650), From.NEW_TOKENS, timedelta(0), "365", timedelta(365)),
    "api_tokens_enabled": ("", "on", ON_OFF, From.AT_ONCE, True, "off", False),
    "api_token_default_lifetime": ("_days", "365", (1, 36500), From.NEW_TOKENS, timedelta(365), "30", timedelta(30)),
    "api_token_max_lifetime": ("_days", "-1", (1, 36500), From.NEW_TOKENS, None, "90", timedelta(90)),
    "refresh_tokens_for_users": ("", "on", ON_OFF, From.AT_ONCE, True, "off", False),
    "api_tokens_for_users": ("", "off", ON_OFF, From.AT_ONCE, False, "on", True),
    "api_can_create_refresh_tokens": ("", "off", ON_OFF, From.AT_ONCE, False, "on", True),
    "api_can_manage_users": ("", "off", ON_OFF, From.AT_ONCE, False, "on", True),
    "password_api_enabled": ("", "on", ON_OFF, From.AT_ONCE, True, "off", False),
    "password_sign_in": ("", "on", tuple(PasswordSignIn), From.AT_ONCE, PasswordSignIn.ON, "off", PasswordSignIn.OFF),
    "oidc_create_users": ("", "off", ON_OFF, From.AT_ONCE, False, "on", True),
    "sign_in_valid": ("_days", "0", (0, 3650), From.AT_ONCE, timedelta(0), "30", timedelta(30)),
    "second_factor_for_administrators": ("", "off", ON_OFF, From.AT_ONCE, False, "on", True),
    "password_api_with_second_factor": ("", "off", ON_OFF, From.AT_ONCE, False, "on", True),
    "max_refresh_tokens_per_user": ("", "10000", (1, 1_000_000), From.AT_ONCE, 10_000, "3", 3),
    "max_api_tokens_per_user": ("", "10000", (1, 1_000_000), From.AT_ONCE, 10_000, "3", 3),
    "creations_per_hour": ("", "3600", (60, 1_000_000), From.AT_ONCE, 3600, "100", 100),
    "mints_per_hour": ("", "3600", (60, 1_000_000), From.AT_ONCE, 3600, "100", 100),
    "mints_per_hour_per_user": ("", "36000", (600, 1_000_000), From.AT_ONCE, 36_000, "1000", 1000),
    "regenerations_per_hour": ("", "60", (6, 10_000), From.AT_ONCE, 60, "7", 7),
    "retention": ("_days", "90", (0, 3650), From.NEXT_PURGE, timedelta(90), "0", timedelta(0)),
    "audit": ("_days", "0", (0, 3650), From.NEXT_PURGE, timedelta(0), "365", timedelta(365)),
    "audit_high_volume": ("_days", "30", (0, 3650), From.NEXT_PURGE, timedelta(30), "7", timedelta(7)),
    "openapi_enabled": ("", "on", ON_OFF, From.AT_ONCE, True, "off", False),
}

JUNK = ("", " ", "1e3", "٣", "\uff15", "²", " 5", "5 ", "5\n", "-2", "-01", "+5", "5.0", "0x10", "1_0", "1,0", "five",
        "ON", "true", "Replace", "9" * 5000)  # fmt: skip

EACH = pytest.mark.parametrize("setting", INSTANCE_SETTINGS, ids=lambda setting: setting.key)


def test_every_setting_is_declared_with_its_documented_name_bounds_default_and_start() -> None:
    stored = {name + suffix: other for name, (suffix, *_, other, _) in DECLARED.items()}
    assert [each.key for each in INSTANCE_SETTINGS] == list(stored)
    defaults, changed = Policy.of({}), Policy.of(stored | {"a_setting_of_another_release": "x"})
    found = {}
    declared = {each.key.removesuffix(each.suffix): each for each in INSTANCE_SETTINGS}
    for name, each in declared.items():
        bounds = each.choices or (each.low, each.high)
        values = getattr(defaults, name), stored[each.key], getattr(changed, name)
        found[name] = (each.suffix, each.default, bounds, each.effective, *values)
    assert found == DECLARED


@EACH
def test_every_declaration_is_complete(setting: Setting[Any]) -> None:
    assert setting.parse(setting.default) == setting.default
    assert setting.label and setting.help.endswith(".") and setting.affects
    assert [choice for choice, label in setting.labelled_choices if label] == list(setting.choices)
    for each in setting.affects:
        assert all(text.endswith(".") for text in (each.statement, each.lowered, each.example) if text)
        if setting.choices == ON_OFF and each.counted:
            assert each.lowered, "on and off would be the same"


def test_each_group_has_settings_which_stand_together_and_labels_that_differ() -> None:
    """Pages and documents show one heading for each group. Fails when a setting is declared among those of another."""
    assert [group for group, _ in groupby(each.group for each in INSTANCE_SETTINGS)] == list(Group)
    assert all(group.title and group.note.endswith(".") for group in Group)
    assert len({each.label for each in INSTANCE_SETTINGS}) == len(INSTANCE_SETTINGS)


@EACH
def test_a_value_is_taken_up_to_its_bounds_and_without_zeros_in_front(setting: Setting[Any]) -> None:
    if setting.choices:
        assert [setting.parse(choice) for choice in setting.choices] == list(setting.choices)
        return
    bounds = [str(setting.low), str(setting.high)]
    assert [setting.parse(f"00{number}") for number in bounds] == bounds
    for outside in (setting.low - 1, setting.high + 1, 10**10):
        with pytest.raises(ValueError, match=setting.key):
            setting.parse(str(outside))


@EACH
def test_junk_is_refused_with_one_line(setting: Setting[Any]) -> None:
    for text in (*JUNK, *([] if setting.may_be_unlimited else [UNLIMITED])):
        with pytest.raises(ValueError, match=f"^{setting.key} must be .*$") as refused:
            setting.parse(text)
        assert str(refused.value).isprintable()


def test_a_refusal_states_what_is_accepted() -> None:
    for key, text, words in (
        ("access_token_lifespan", "721", "between 1 and 720 hours, not 721"),
        ("access_token_lifespan", "x", "a whole number of hours, not 'x'"),
        ("api_token_max_lifetime_days", "36501", "between 1 and 36500 days, or -1 for unlimited, not 36501"),
        ("access_token_reissue", "keep", "replace or overlap or reuse, not 'keep'"),
    ):
        setting = find_setting(key)
        assert setting is not None
        with pytest.raises(ValueError, match=f"^{key} must be {words}$"):
            setting.parse(text)


def test_a_value_is_spelled_with_its_unit() -> None:
    cases = {("retention", "1"): "1 day", ("retention", "0"): "0 days", ("openapi_enabled", "off"): "off"}
    cases |= {("api_token_max_lifetime", UNLIMITED): "unlimited", ("audit", "0"): "unlimited"}
    cases |= {("mints_per_hour", "3600"): "3,600 tokens", ("access_token_reissue", "reuse"): "reuse"}
    assert {case: getattr(Policy, case[0]).spell(case[1]) for case in cases} == cases


def test_pages_show_a_choice_by_its_label_and_a_number_with_its_bounds() -> None:
    reissue, retention = Policy.access_token_reissue, Policy.retention
    assert [reissue.show(each) for each in Reissue] == ["Replace it", "Replace it after an overlap", "Return it again"]
    assert (reissue.span, retention.span, retention.show("7")) == ("", "From 0 to 3,650 days.", "7 days")


@pytest.mark.parametrize(("number", "words"), [(0, "no active refresh tokens"), (1, "1 active refresh token"),
                                               (2000, "2,000 active refresh tokens")])  # fmt: skip
def test_what_a_preview_counts_agrees_with_its_number(number: int, words: str) -> None:
    assert Counted.ACTIVE_REFRESH_TOKENS.words(number) == words


def test_the_document_is_what_the_declarations_say() -> None:
    """`make docs` writes it."""
    assert policy_page.FILE.read_text(encoding="utf-8") == policy_page.page()
    assert all(f"`{each.key}`" in policy_page.page() for each in INSTANCE_SETTINGS)


def test_a_setting_is_found_by_its_key_or_its_alation_name() -> None:
    assert [find_setting(each.key) for each in INSTANCE_SETTINGS] == list(INSTANCE_SETTINGS)
    for key in ("refresh_token_lifespan", "access_token_lifespan"):
        assert find_setting(f"alation.authentication.token.{key}") is getattr(Policy, key)
    for name in ("", "lifespan", "REFRESH_TOKEN_LIFESPAN", "alation.authentication.token", "None"):
        assert find_setting(name) is None


def test_a_stored_value_out_of_bounds_is_refused_not_used() -> None:
    with pytest.raises(ValueError, match="access_token_lifespan"):
        Policy.of({"access_token_lifespan": "721"})


def test_an_access_token_never_outlives_its_refresh_token() -> None:
    policy = Policy.of({"access_token_lifespan": "2"})
    for minutes, left in ((119, 119), (120, 120), (121, 120), (0, 0)):
        expiry = policy.access_token_expiry(NOW, NOW + timedelta(minutes=minutes))
        assert expiry == NOW + timedelta(minutes=left)


def test_a_replaced_token_works_on_under_all_policies_but_replace_and_each_may_have_its_own() -> None:
    policy = Policy.of({"access_token_overlap_seconds": "90", "access_token_reissue": "overlap"})
    found = {reissue: policy.overlap_under(reissue) for reissue in Reissue}
    ninety = timedelta(seconds=90)
    assert found == {Reissue.REPLACE: timedelta(0), Reissue.OVERLAP: ninety, Reissue.REUSE: ninety}
    assert [policy.reissue_of(chosen) for chosen in (None, "reuse")] == [Reissue.OVERLAP, Reissue.REUSE]


@pytest.mark.parametrize(("longest", "proposed"), [("-1", 30), ("29", 29), ("31", 30)])
def test_the_proposed_lifetime_is_the_default_as_far_as_it_is_allowed(longest: str, proposed: int) -> None:
    policy = Policy.of({"api_token_default_lifetime_days": "30", "api_token_max_lifetime_days": longest})
    assert policy.proposed_api_token_lifetime == timedelta(days=proposed)


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("key", ["refresh_tokens_for_users", "api_tokens_for_users"])
def test_a_user_creates_tokens_as_decided_individually_or_else_by_setting_or_role(key: str, is_on: bool) -> None:
    off = dict.fromkeys(("refresh_tokens_for_users", "api_tokens_for_users"), "off")
    policy = Policy.of(off | ({key: "on"} if is_on else {}))
    allows = policy.allows_refresh_tokens if key == "refresh_tokens_for_users" else policy.allows_api_tokens
    found = {
        (role, decision): allows(User(1, "anna", "", "", "", "", role, True, decision, NOW))
        for role, decision in product((Role.SERVER_ADMIN, Role.VIEWER), ApiTokens)
    }
    assert found == {
        (Role.SERVER_ADMIN, ApiTokens.INHERIT): True,
        (Role.SERVER_ADMIN, ApiTokens.ALLOW): True,
        (Role.SERVER_ADMIN, ApiTokens.DENY): False,
        (Role.VIEWER, ApiTokens.INHERIT): is_on,
        (Role.VIEWER, ApiTokens.ALLOW): True,
        (Role.VIEWER, ApiTokens.DENY): False,
    }

"""Instance settings: their bounds and spellings, and the rules that read them.

Here belongs ``app.domain.policy``. Not here: storing and changing them (``tests/unit/services``).
"""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.policy import INSTANCE_SETTINGS, UNLIMITED, InstanceSetting, Policy, Reissue, find_setting
from tests.unit.domain.instants import NOW

NUMBERS = [each for each in INSTANCE_SETTINGS if each.low is not None]
WORDS = [each for each in INSTANCE_SETTINGS if each.choices]
JUNK = (
    "",
    " ",
    "1e3",
    "٣",
    "\uff15",
    "²",
    " 5",
    "5 ",
    "5\n",
    "-1",
    "+5",
    "5.0",
    "0x10",
    "1_0",
    "1,0",
    "five",
    "9" * 5000,
)

days = st.timedeltas(timedelta(0), timedelta(days=3650))


def _key(setting: InstanceSetting) -> str:
    return setting.key


def test_every_setting_is_a_number_or_a_word() -> None:
    assert NUMBERS + WORDS and {*NUMBERS, *WORDS} == set(INSTANCE_SETTINGS)


@pytest.mark.parametrize("setting", INSTANCE_SETTINGS, ids=_key)
def test_a_default_is_a_value_of_its_setting(setting: InstanceSetting) -> None:
    assert setting.parse(setting.default) == setting.default
    assert setting.help.endswith(".")


@pytest.mark.parametrize(
    ("key", "default", "low", "high"),
    [
        ("refresh_token_lifespan", "60", 1, 3650),
        ("access_token_lifespan", "24", 1, 720),
        ("access_token_overlap_seconds", "60", 1, 86400),
        ("retention_days", "90", 0, 3650),
        ("max_refresh_tokens_per_user", "10000", 1, 1000000),
        ("api_token_default_lifetime_days", "365", 1, 36500),
        ("api_token_max_lifetime_days", "-1", 1, 36500),
    ],
)
def test_a_number_has_its_documented_default_and_bounds(key: str, default: str, low: int, high: int) -> None:
    setting = find_setting(key)
    assert setting is not None and setting.default == default
    assert setting.parse(str(low)) == str(low)
    assert setting.parse(str(high)) == str(high)
    for outside in (low - 1, high + 1, 10**9, 10**10):
        with pytest.raises(ValueError, match=key):
            setting.parse(str(outside))


@pytest.mark.parametrize("setting", INSTANCE_SETTINGS, ids=_key)
@pytest.mark.parametrize("text", JUNK, ids=lambda text: repr(text[:8]))
def test_junk_is_refused_with_one_line(setting: InstanceSetting, text: str) -> None:
    if setting.may_be_unlimited and text == UNLIMITED:
        return
    with pytest.raises(ValueError, match=setting.key) as refused:
        setting.parse(text)
    assert "\n" not in str(refused.value)


def test_only_the_longest_lifetime_may_be_unlimited() -> None:
    assert [each.key for each in INSTANCE_SETTINGS if each.may_be_unlimited] == ["api_token_max_lifetime_days"]
    setting = find_setting("api_token_max_lifetime_days")
    assert setting is not None and setting.parse("-1") == "-1"
    for text in ("-2", "-01", "--1", "0", "unlimited"):
        with pytest.raises(ValueError, match="api_token_max_lifetime_days must be"):
            setting.parse(text)
    with pytest.raises(ValueError, match="between 1 and 36500 days, or -1 for unlimited, not 36501"):
        setting.parse("36501")


@pytest.mark.parametrize("setting", NUMBERS, ids=_key)
def test_zeros_in_front_of_a_number_are_not_kept(setting: InstanceSetting) -> None:
    assert setting.parse("00007") == "7"


@given(st.sampled_from(INSTANCE_SETTINGS), st.text() | st.integers(-5, 10**7).map(str))
def test_whatever_is_accepted_is_in_bounds_and_in_its_one_spelling(setting: InstanceSetting, text: str) -> None:
    try:
        value = setting.parse(text)
    except ValueError:
        return
    assert setting.parse(value) == value
    if setting.choices:
        assert value in setting.choices
    elif not (setting.may_be_unlimited and value == UNLIMITED):
        assert setting.low <= int(value) <= setting.high
        assert value == str(int(value))


@pytest.mark.parametrize(
    ("key", "choices"),
    [
        ("access_token_reissue", ("replace", "overlap", "reuse")),
        ("refresh_tokens_for_users", ("on", "off")),
        ("password_api_enabled", ("on", "off")),
        ("api_tokens_enabled", ("on", "off")),
        ("openapi_enabled", ("on", "off")),
    ],
)
def test_a_word_is_one_of_its_choices_and_the_first_by_default(key: str, choices: tuple[str, ...]) -> None:
    setting = find_setting(key)
    assert setting is not None
    assert setting.choices == choices and setting.default == choices[0]
    assert [setting.parse(word) for word in choices] == list(choices)
    for other in ("ON", "On", "true", "1", "Replace", " on"):
        with pytest.raises(ValueError, match=" or "):
            setting.parse(other)


@pytest.mark.parametrize("key", ["api_tokens_for_users", "api_can_create_refresh_tokens"])
def test_some_switches_are_off_by_default(key: str) -> None:
    setting = find_setting(key)
    assert setting is not None and (setting.choices, setting.default) == (("on", "off"), "off")


@pytest.mark.parametrize("key", ["refresh_token_lifespan", "access_token_lifespan"])
def test_the_lifespans_are_found_by_their_alation_names(key: str) -> None:
    assert find_setting(f"alation.authentication.token.{key}") is find_setting(key)


@pytest.mark.parametrize("name", ["", "lifespan", "REFRESH_TOKEN_LIFESPAN", "alation.authentication.token", "None"])
def test_an_unknown_name_finds_no_setting(name: str) -> None:
    assert find_setting(name) is None


def test_without_stored_values_the_policy_is_the_defaults() -> None:
    assert Policy.of({}) == Policy(
        refresh_token_lifespan=timedelta(days=60),
        access_token_lifespan=timedelta(hours=24),
        access_token_reissue=Reissue.REPLACE,
        access_token_overlap=timedelta(seconds=60),
        refresh_tokens_for_users=True,
        password_api_enabled=True,
        api_can_create_refresh_tokens=False,
        api_tokens_enabled=True,
        api_tokens_for_users=False,
        api_token_default_lifetime=timedelta(days=365),
        api_token_max_lifetime=None,
        openapi_enabled=True,
        retention=timedelta(days=90),
        max_refresh_tokens_per_user=10000,
    )


def test_stored_values_take_the_place_of_the_defaults() -> None:
    stored = {
        "refresh_token_lifespan": "7",
        "access_token_lifespan": "2",
        "access_token_reissue": "overlap",
        "access_token_overlap_seconds": "5",
        "refresh_tokens_for_users": "off",
        "password_api_enabled": "off",
        "api_can_create_refresh_tokens": "on",
        "api_tokens_enabled": "off",
        "api_tokens_for_users": "on",
        "api_token_default_lifetime_days": "30",
        "api_token_max_lifetime_days": "90",
        "openapi_enabled": "off",
        "retention_days": "0",
        "max_refresh_tokens_per_user": "3",
        "a_setting_of_another_release": "x",
    }
    assert Policy.of(stored) == Policy(
        refresh_token_lifespan=timedelta(days=7),
        access_token_lifespan=timedelta(hours=2),
        access_token_reissue=Reissue.OVERLAP,
        access_token_overlap=timedelta(seconds=5),
        refresh_tokens_for_users=False,
        password_api_enabled=False,
        api_can_create_refresh_tokens=True,
        api_tokens_enabled=False,
        api_tokens_for_users=True,
        api_token_default_lifetime=timedelta(days=30),
        api_token_max_lifetime=timedelta(days=90),
        openapi_enabled=False,
        retention=timedelta(0),
        max_refresh_tokens_per_user=3,
    )


@pytest.mark.parametrize("text", ["0", "721", "reuse", "", "24.0"])
def test_a_stored_value_out_of_bounds_is_refused_not_used(text: str) -> None:
    with pytest.raises(ValueError, match="access_token_lifespan"):
        Policy.of({"access_token_lifespan": text})


@given(st.integers(1, 720), days)
def test_an_access_token_never_outlives_its_refresh_token(hours: int, left: timedelta) -> None:
    policy = Policy.of({"access_token_lifespan": str(hours)})
    ends = policy.access_token_expiry(NOW, NOW + left)
    assert ends in (NOW + timedelta(hours=hours), NOW + left)
    assert ends - NOW <= min(timedelta(hours=hours), left)


@pytest.mark.parametrize(
    ("refresh_ends", "ends"),
    [
        (NOW + timedelta(hours=2, microseconds=1), NOW + timedelta(hours=2)),
        (NOW + timedelta(hours=2), NOW + timedelta(hours=2)),
        (NOW + timedelta(hours=1, microseconds=59), NOW + timedelta(hours=1, microseconds=59)),
    ],
)
def test_an_access_token_ends_with_the_sooner_of_two(refresh_ends: datetime, ends: datetime) -> None:
    assert Policy.of({"access_token_lifespan": "2"}).access_token_expiry(NOW, refresh_ends) == ends


def test_a_replaced_token_lives_on_under_all_policies_but_replace() -> None:
    policy = Policy.of({"access_token_overlap_seconds": "90"})
    found = {reissue: policy.overlap_under(reissue) for reissue in Reissue}
    ninety = timedelta(seconds=90)
    assert found == {Reissue.REPLACE: timedelta(0), Reissue.OVERLAP: ninety, Reissue.REUSE: ninety}


def test_what_was_chosen_for_a_refresh_token_goes_before_the_instance_s_setting() -> None:
    policy = Policy.of({"access_token_reissue": "overlap"})
    assert [policy.reissue_of(chosen) for chosen in (None, "reuse")] == [Reissue.OVERLAP, Reissue.REUSE]

"""What a change of a setting is foretold to affect: the right numbers of the right things."""

import pytest
from freezegun import freeze_time

from app.domain.errors import BadRequest, NotFound
from app.domain.identity import ApiTokens, Role
from app.domain.policy import INSTANCE_SETTINGS
from app.domain.reissue import Reissue
from app.services import Services
from tests.factories import OPERATOR, PASSWORD, allowed_user, configure, generate, issue, make_user, mint, purge, revoke
from tests.unit.services.verdicts import DAY, NOW

pytestmark = pytest.mark.both_databases


def foretold(services: Services, key: str, value: str) -> list[tuple[str, int | None]]:
    return [(effect.what, effect.count) for effect in services.setting_effects.preview(key, value).effects]


def test_a_change_of_any_setting_has_the_effects_that_it_declares(services: Services) -> None:
    for declared in INSTANCE_SETTINGS:
        key, default = declared.key, declared.default
        other = next(each for each in (*declared.choices, str(max(7, declared.low or 0))) if each != default)
        forecast = services.setting_effects.preview(key, other)
        assert (forecast.key, forecast.before, forecast.after) == (key, default, other)
        assert [effect.affects for effect in forecast.effects] == list(declared.affects)
        assert all((effect.count is None) == (effect.what == "nothing") for effect in forecast.effects)
        services.instance_settings.change(key, other, OPERATOR)
        both = forecast.effects, services.setting_effects.preview(key, default).effects
        services.instance_settings.change(key, default, OPERATOR)
        for less, more in zip(*(both if other == "off" or other.isdigit() else reversed(both)), strict=True):
            assert more.statement.startswith(more.affects.statement), key
            assert less.statement.startswith(less.affects.lowered or less.affects.statement), key


def test_a_lifetime_affects_no_token_that_is_active(services: Services) -> None:
    user = make_user(services)
    mint(services, issue(services, user))
    revoke(services, issue(services, user))
    assert foretold(services, "refresh_token_lifespan", "1") == [("refresh tokens unaffected", 1)]
    forecast = services.setting_effects.preview("refresh_token_lifespan", "1")
    assert forecast.sentences[0] == "Does not affect 1 active refresh token."
    assert foretold(services, "access_token_lifespan", "1") == [("access tokens unaffected", 1)]
    assert foretold(services, "api_can_create_refresh_tokens", "on") == [("access tokens", 1)]


def test_the_preview_of_a_lifetime_says_when_what_is_created_now_would_expire(services: Services) -> None:
    for key, value, expected in (
        ("refresh_token_lifespan", "30", "A refresh token created now expires on 2026-03-31 12:00 UTC at the latest."),
        ("access_token_lifespan", "2", "An access token requested now expires on 2026-03-01 14:00 UTC at the latest."),
        ("api_token_max_lifetime_days", "1", "An API token created now expires on 2026-03-02 12:00 UTC at the latest."),
    ):
        with freeze_time(NOW):
            forecast = services.setting_effects.preview(key, value)
        assert forecast.sentences == [f"{forecast.effects[0].affects.statement} {expected}"], key
    configure(services, api_token_max_lifetime_days="1")
    [effect] = services.setting_effects.preview("api_token_max_lifetime_days", "-1").effects
    assert effect.statement == effect.affects.statement


@pytest.mark.parametrize(
    ("instance", "other", "following", "overlapping"),
    [("replace", "overlap", 2, 5), ("overlap", "reuse", 2, 7), ("reuse", "replace", 2, 7)],
)
def test_a_change_of_minting_counts_the_refresh_tokens_that_will_mint_otherwise(
    services: Services, instance: str, other: str, following: int, overlapping: int
) -> None:
    """Those with a policy of their own follow the overlap alone, under every policy but replace."""
    configure(services, access_token_reissue=instance)
    user = make_user(services)
    for chosen, number in ((None, 2), (Reissue.REPLACE, 3), (Reissue.OVERLAP, 1), (Reissue.REUSE, 4)):
        for _ in range(number + 1):
            issued = issue(services, user, reissue=chosen)
        revoke(services, issued)
    assert foretold(services, "access_token_reissue", other) == [("refresh tokens", following)]
    assert foretold(services, "access_token_overlap_seconds", "600") == [("refresh tokens", overlapping)]


def test_turning_api_tokens_off_stops_exactly_those_that_work(services: Services) -> None:
    users = [allowed_user(services) for _ in range(4)]
    tokens = [generate(services, user, None) for user in users]
    mint(services, issue(services, users[0]))
    services.accounts.change(users[1].username, {"is_active": False}, OPERATOR)
    services.accounts.change(users[2].username, {"api_tokens": ApiTokens.DENY}, OPERATOR)
    revoke(services, tokens[3])
    assert foretold(services, "api_tokens_enabled", "off") == [("api tokens", 1)]
    configure(services, api_tokens_enabled="off")
    assert foretold(services, "api_tokens_enabled", "on") == [("api tokens", 1)]


def test_users_are_counted_whom_a_change_of_rights_affects(services: Services) -> None:
    make_user(services, password=PASSWORD), make_user(services, role=Role.SERVER_ADMIN), allowed_user(services)
    services.accounts.change(make_user(services, password=PASSWORD).username, {"is_active": False}, OPERATOR)
    changes = {"refresh_tokens_for_users": "off", "api_tokens_for_users": "on", "password_api_enabled": "off"}
    for key, value in changes.items():
        assert foretold(services, key, value) == [("users", 1)]


@pytest.mark.usefixtures("no_clock_of_the_database")
def test_a_shorter_retention_deletes_and_a_longer_one_keeps_what_ended_between(services: Services) -> None:
    with freeze_time(NOW) as clock:
        user = make_user(services)
        revoke(services, issue(services, user))
        clock.move_to(NOW + 10 * DAY)
        revoke(services, issue(services, user))
        clock.move_to(NOW + 30 * DAY)
        for days, number in (("25", 1), ("20", 2), ("91", 0)):
            assert foretold(services, "retention_days", days) == [("refresh tokens", number), ("access tokens", 0)]
        shown = services.setting_effects.preview("retention_days", "25").sentences
        assert shown[0] == "Affects 1 ended refresh token and no ended access tokens." and len(shown) == 2
        configure(services, retention_days=15)
        assert foretold(services, "retention_days", "25") == [("refresh tokens", 1), ("access tokens", 0)]
        configure(services, retention_days=25)
        assert purge(services) == 1


def test_a_smaller_limit_counts_the_users_who_have_reached_it(services: Services) -> None:
    one, two = make_user(services), make_user(services)
    for user in (one, two, two):
        issue(services, user)
    assert foretold(services, "max_refresh_tokens_per_user", "2") == [("users", 1)]
    assert foretold(services, "max_refresh_tokens_per_user", "1") == [("users", 2)]


def test_no_change_has_no_effect_and_what_is_none_is_refused(services: Services) -> None:
    assert services.setting_effects.preview("retention_days", "90").effects == []
    with pytest.raises(BadRequest):
        services.setting_effects.preview("retention_days", "x")
    with pytest.raises(NotFound):
        services.setting_effects.preview("nothing", "x")

"""What a change of a setting is foretold to affect: the right numbers of the right things.

Not here: how it is asked and answered (``tests/contract/test_native_administration``).
"""

from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time

from app.domain.errors import BadRequest, NotFound
from app.domain.identity import ApiTokens, Role
from app.domain.policy import INSTANCE_SETTINGS, Reissue
from app.domain.tokens import Issued
from app.services import Services
from tests.factories import OPERATOR, PASSWORD, allowed_user, generate, issue, make_user, mint

pytestmark = pytest.mark.both_databases

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def foretold(services: Services, key: str, value: str) -> list[tuple[str, int | None]]:
    return [(effect.what, effect.count) for effect in services.setting_effects.preview(key, value).effects]


def test_a_change_of_any_setting_has_the_effects_that_it_declares(services: Services) -> None:
    for declared in INSTANCE_SETTINGS:
        key, default = declared.key, declared.default
        other = next(each for each in (*declared.choices, "7") if each != default)
        forecast = services.setting_effects.preview(key, other)
        assert (forecast.key, forecast.before, forecast.after) == (key, default, other)
        assert [effect.affects for effect in forecast.effects] == list(declared.affects)
        assert all((effect.count is None) == (effect.what == "nothing") for effect in forecast.effects)
        services.instance_settings.change(key, other, OPERATOR)
        both = forecast.effects, services.setting_effects.preview(key, default).effects
        services.instance_settings.change(key, default, OPERATOR)
        for less, more in zip(*(both if other in ("off", "7") else reversed(both)), strict=True):
            assert more.statement == more.affects.statement, key
            assert less.statement == (less.affects.lowered or less.affects.statement), key


def test_a_lifetime_affects_no_token_that_is_active(services: Services) -> None:
    user = make_user(services)
    mint(services, issue(services, user))
    services.revoking.revoke(issue(services, user).token.public_id, "", OPERATOR)
    assert foretold(services, "refresh_token_lifespan", "1") == [("refresh tokens unaffected", 1)]
    assert foretold(services, "access_token_lifespan", "1") == [("access tokens unaffected", 1)]
    assert foretold(services, "api_can_create_refresh_tokens", "on") == [("access tokens", 1)]


@pytest.mark.parametrize(
    ("instance", "other", "following", "overlapping"),
    [("replace", "overlap", 2, 5), ("overlap", "reuse", 2, 7), ("reuse", "replace", 2, 7)],
)
def test_a_change_of_minting_counts_the_refresh_tokens_that_will_mint_otherwise(
    services: Services, instance: str, other: str, following: int, overlapping: int
) -> None:
    """Those with a policy of their own follow the overlap alone, under every policy but replace."""
    services.instance_settings.change("access_token_reissue", instance, OPERATOR)
    user = make_user(services)
    for chosen, number in ((None, 2), (Reissue.REPLACE, 3), (Reissue.OVERLAP, 1), (Reissue.REUSE, 4)):
        for _ in range(number + 1):
            issued = services.issuing.issue(user.id, "nightly-etl", OPERATOR, reissue=chosen)
        assert isinstance(issued, Issued)
        services.revoking.revoke(issued.token.public_id, "", OPERATOR)
    assert foretold(services, "access_token_reissue", other) == [("refresh tokens", following)]
    assert foretold(services, "access_token_overlap_seconds", "600") == [("refresh tokens", overlapping)]


def test_turning_api_tokens_off_stops_exactly_those_that_work(services: Services) -> None:
    users = [allowed_user(services) for _ in range(4)]
    tokens = [generate(services, user, None) for user in users]
    mint(services, issue(services, users[0]))
    services.accounts.change(users[1].username, {"is_active": False}, OPERATOR)
    services.accounts.change(users[2].username, {"api_tokens": ApiTokens.DENY}, OPERATOR)
    services.revoking.revoke(tokens[3].token.public_id, "", OPERATOR)
    assert foretold(services, "api_tokens_enabled", "off") == [("api tokens", 1)]
    services.instance_settings.change("api_tokens_enabled", "off", OPERATOR)
    assert foretold(services, "api_tokens_enabled", "on") == [("api tokens", 1)]


def test_users_are_counted_whom_a_change_of_rights_affects(services: Services) -> None:
    make_user(services, password=PASSWORD), make_user(services, role=Role.SERVER_ADMIN), allowed_user(services)
    services.accounts.change(make_user(services, password=PASSWORD).username, {"is_active": False}, OPERATOR)
    for key, value in (
        ("refresh_tokens_for_users", "off"), ("api_tokens_for_users", "on"), ("password_api_enabled", "off"),
    ):  # fmt: skip
        assert foretold(services, key, value) == [("users", 1)]


def test_a_shorter_retention_deletes_and_a_longer_one_keeps_what_ended_between(services: Services) -> None:
    with freeze_time(NOW) as clock:
        user = make_user(services)
        services.revoking.revoke(issue(services, user).token.public_id, "", OPERATOR)
        clock.move_to(NOW + timedelta(days=10))
        services.revoking.revoke(issue(services, user).token.public_id, "", OPERATOR)
        clock.move_to(NOW + timedelta(days=30))
        assert foretold(services, "retention_days", "25") == [("refresh tokens", 1), ("access tokens", 0)]
        assert foretold(services, "retention_days", "20") == [("refresh tokens", 2), ("access tokens", 0)]
        assert foretold(services, "retention_days", "91") == [("refresh tokens", 0), ("access tokens", 0)]
        services.instance_settings.change("retention_days", "15", OPERATOR)
        assert foretold(services, "retention_days", "25") == [("refresh tokens", 1), ("access tokens", 0)]
        services.instance_settings.change("retention_days", "25", OPERATOR)
        assert services.expiring.purge(OPERATOR) == 1


def test_a_smaller_limit_counts_the_users_who_have_reached_it(services: Services) -> None:
    user, other = make_user(services), make_user(services)
    for _ in range(2):
        issue(services, user)
    issue(services, other)
    assert foretold(services, "max_refresh_tokens_per_user", "2") == [("users", 1)]
    assert foretold(services, "max_refresh_tokens_per_user", "1") == [("users", 2)]


def test_no_change_has_no_effect_and_what_is_none_is_refused(services: Services) -> None:
    assert services.setting_effects.preview("retention_days", "90").effects == []
    with pytest.raises(BadRequest):
        services.setting_effects.preview("retention_days", "x")
    with pytest.raises(NotFound):
        services.setting_effects.preview("nothing", "x")

"""Budgets of an hour: exact under races, refused without a trace, and no wrong clock keeps anybody waiting."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import LimitReached, RateLimited, Unavailable
from app.domain.identity import Caller
from app.services import Services
from app.services.held_tokens import ByOwner
from app.services.idempotency import IdempotencyKey, Repeated
from app.storage.database import Database
from app.storage.operating_tables import AccountBudgetRow
from app.storage.tables import RefreshTokenRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import (
    OPERATOR,
    Refresh,
    allowed_user,
    configure,
    delete,
    generate,
    issue,
    mint,
    mint_own,
    regenerate,
    revoke_under,
)
from tests.unit.services.verdicts import DAY, HOUR, MINUTE, NOW, SECOND, MovedClock, refusal_of, works

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("moved_clock")]

LEFT, CROWD = 5, 64

Act = Callable[[Services, Refresh], object]

ACTS: dict[str, tuple[str, type[Any], Sequence[Act]]] = {
    "mints of a token": ("mints_per_hour", RefreshTokenRow, [mint]),
    "mints of an account": ("mints_per_hour_per_user", AccountBudgetRow, [mint_own]),
    "regenerations": (
        "regenerations_per_hour",
        RefreshTokenRow,
        [lambda its, own: its.issuing.regenerate(ByOwner(own.token.public_id, own.token.user_id), OPERATOR)],
    ),
    "new tokens": (
        "creations_per_hour",
        AccountBudgetRow,
        [
            lambda its, own: its.issuing.issue(own.token.user_id, "etl", _anna(own.token.user_id)),
            lambda its, own: its.single_tier.generate(own.token.user_id, DAY, None, _anna(own.token.user_id)),
            lambda its, own: its.issuing.regenerate(
                ByOwner(own.token.public_id, own.token.user_id), _anna(own.token.user_id)
            ),
        ],
    ),
}
COLUMNS = dict(zip(ACTS, ("mints_in_hour", "mints_in_hour", "regenerations_in_hour", "creations_in_hour"), strict=True))

every_budget = pytest.mark.parametrize("kind", ACTS)


@pytest.fixture
def refresh(services: Services) -> Refresh:
    return issue(services, allowed_user(services, username="anna"))


def leave(database: Database, services: Services, refresh: Refresh, kind: str, left: int) -> None:
    """Begin the hour with the first act, and say that all but so many were done in it."""
    key, table, acts = ACTS[kind]
    acts[0](services, refresh)
    limit = int(services.instance_settings.get(key).value)
    with database.transaction() as session:
        session.execute(update(table).values({COLUMNS[kind]: limit - left}))


@every_budget
def test_many_at_once_at_the_edge_of_a_budget_get_exactly_what_is_left(
    services: Services,
    services_with: Callable[..., Services],
    database: Database,
    clock: MovedClock,
    refresh: Refresh,
    kind: str,
) -> None:
    """◆ On two hosts. Fails on PostgreSQL when a budget is looked at and then counted.

    Where all wait for one lock, a machine that does other things may tell some to try again.
    """
    hosts = [services, services_with(clock=clock)]
    leave(database, services, refresh, kind, LEFT)
    acts = ACTS[kind][2]
    before = len(rows.audit_events(database))
    crowd = [
        partial(refusal_of, partial(acts[number // 2 % len(acts)], hosts[number % 2], refresh))
        for number in range(CROWD)
    ]
    refusals = all_at_once(crowd)
    assert refusals.count(None) == LEFT
    assert set(refusals) - {Unavailable} == {None, RateLimited}
    assert len(rows.audit_events(database)) == before + LEFT


@every_budget
def test_what_is_refused_changes_nothing_and_may_be_done_when_it_says(
    services: Services, database: Database, refresh: Refresh, clock: MovedClock, kind: str
) -> None:
    leave(database, services, refresh, kind, 1)
    clock.advance(20 * MINUTE)
    act = partial(ACTS[kind][2][-1], services, refresh)
    act()
    before = rows.everything(database)
    with pytest.raises(RateLimited) as refused:
        act()
    assert rows.everything(database) == before
    limit = f"{int(services.instance_settings.get(ACTS[kind][0]).value):,}"
    assert limit in refused.value.what and f"({ACTS[kind][0]})" in refused.value.what
    assert refused.value.retry_after == 40 * 60
    clock.advance(40 * MINUTE - SECOND)
    assert refusal_of(act) is RateLimited
    clock.advance(SECOND)
    act()


def test_a_token_whose_budget_is_spent_is_refused_without_a_write_or_a_lock(
    services: Services, database: Database, refresh: Refresh
) -> None:
    """It is asked for as fast as a client can: fails when it is held and rolled back each time."""
    leave(database, services, refresh, "mints of a token", 0)
    with rows.statements(database) as seen:
        assert refusal_of(partial(mint, services, refresh)) is RateLimited
    assert len(seen) == 2 and all(each.startswith("SELECT") for each in seen)


def test_a_spent_budget_of_mints_keeps_nobody_from_ending_or_regenerating_what_was_minted(
    services: Services, database: Database, refresh: Refresh
) -> None:
    kept = mint(services, refresh)
    leave(database, services, refresh, "mints of a token", 1)
    last = mint(services, refresh)
    assert refusal_of(partial(mint, services, refresh)) is RateLimited
    assert works(services, last) and not works(services, kept)
    revoke_under(services, refresh.secret)
    assert not works(services, last)
    mintless = regenerate(services, refresh)
    assert refusal_of(partial(mint, services, mintless)) is RateLimited


def test_a_budget_is_each_tokens_and_each_accounts_own(
    services: Services, database: Database, refresh: Refresh
) -> None:
    """And another setting counts at once, for the same hour."""
    leave(database, services, refresh, "mints of a token", 0)
    sibling, stranger = issue(services, _owner(services, refresh)), issue(services, allowed_user(services))
    mint(services, sibling)
    mint(services, stranger)
    configure(services, mints_per_hour=3601)
    mint(services, refresh)
    assert refusal_of(partial(mint, services, refresh)) is RateLimited
    leave(database, services, sibling, "mints of an account", 0)
    assert refusal_of(partial(mint_own, services, sibling)) is RateLimited
    with database.transaction() as session:
        row = AccountBudgetRow
        session.execute(update(row).where(row.user_id == stranger.token.user_id).values(mints_in_hour=0))
    mint(services, stranger)


def test_a_repeat_under_a_key_is_not_counted_again(services: Services, database: Database, refresh: Refresh) -> None:
    """Fails when what is counted is not rolled back with the rest."""
    owner = refresh.token.user_id
    claim, caller = ByOwner(refresh.token.public_id, owner), _anna(owner)
    acts: list[Callable[[IdempotencyKey], object]] = [
        lambda key: services.minting.mint(claim, caller, key),
        lambda key: services.issuing.regenerate(claim, caller, key),
        lambda key: services.issuing.issue(owner, "etl", caller, key),
        lambda key: services.single_tier.generate(owner, DAY, None, caller, key),
    ]
    for number, act in enumerate(acts):
        key = IdempotencyKey(f"key {number}", "request")
        act(key)
        before = rows.everything(database)
        with pytest.raises(Repeated):
            act(key)
        assert rows.everything(database) == before


def test_the_command_line_creates_as_many_as_it_likes(services: Services, database: Database, refresh: Refresh) -> None:
    leave(database, services, refresh, "new tokens", 0)
    services.issuing.issue(refresh.token.user_id, "etl", OPERATOR)
    services.single_tier.generate(refresh.token.user_id, DAY, None, OPERATOR)
    assert refusal_of(partial(issue, services, _owner(services, refresh))) is RateLimited


@every_budget
@pytest.mark.parametrize("wrong", [-3650 * DAY, -2 * HOUR, 2 * HOUR, 50 * DAY])
def test_what_a_wrong_clock_counted_keeps_nobody_waiting(
    services: Services, database: Database, refresh: Refresh, clock: MovedClock, kind: str, wrong: timedelta
) -> None:
    """Neither once it is right nor while it is wrong. Fails when an hour that ends too late is believed."""
    act = ACTS[kind][2][0]
    clock.advance(wrong)
    leave(database, services, refresh, kind, 0)
    assert refusal_of(partial(act, services, refresh)) is RateLimited
    clock.now = NOW
    leave(database, services, refresh, kind, 0)
    clock.advance(wrong)
    act(services, refresh)


def test_an_account_holds_a_limited_number_of_api_tokens_that_are_not_deleted(
    services: Services, clock: MovedClock
) -> None:
    """Expired ones are listed as long as they are kept. Fails when only those that work are counted."""
    configure(services, max_api_tokens_per_user=3)
    user = allowed_user(services)
    first = generate(services, user, HOUR)
    clock.advance(2 * HOUR)
    held = [generate(services, user) for _ in range(2)]
    with pytest.raises(LimitReached) as refused:
        generate(services, user)
    assert (refused.value.what, refused.value.limit) == ("API tokens", 3)
    for each in (first, held[0]):
        delete(services, each)
        generate(services, user)
        assert refusal_of(partial(generate, services, user)) is LimitReached
    generate(services, allowed_user(services))


def _anna(user_id: int) -> Caller:
    return Caller("anna", user_id, credential=Credential(CredentialKind.SESSION, "1", is_fresh=True))


def _owner(services: Services, refresh: Refresh) -> Any:
    return services.accounts.by_id(refresh.token.user_id)

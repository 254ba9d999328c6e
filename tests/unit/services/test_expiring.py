"""The two sweeps: writing down what has expired, and deleting what ended long ago.

Here belongs what they touch and what they leave alone. Not here: when they run (``tests/unit/jobs``), and
running beside checks (``tests/functional/test_scheduler.py``).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import select

from app.domain.clock import system_clock
from app.domain.errors import BadCredentials, TokenRefused, TokenRevoked, TokenUnknown
from app.domain.identity import Caller
from app.domain.tokens import Issued
from app.services import Services
from app.services.expiring import Expiring
from app.services.throttling import KEPT_FOR, WINDOW
from app.storage.database import Base, Database
from app.storage.tables import AccessTokenRow, LoginThrottleRow, RefreshTokenRow, RetiredSecretRow
from tests import rows
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
RETENTION = timedelta(days=90)
JOB = Caller("job:purge_tokens")


def test_the_sweep_changes_nothing_but_the_stored_status_of_what_has_expired(
    services: Services, database: Database
) -> None:
    services.instance_settings.change("access_token_reissue", "overlap", OPERATOR)
    with freeze_time(NOW) as clock:
        issued: list[Issued[Any]] = []
        for _ in range(3):
            refresh = issue(services, make_user(services))
            issued += [refresh, mint(services, refresh), mint(services, refresh)]
        services.revoking.revoke(issued[0].token.public_id, "", OPERATOR)
        services.accounts.disable(services.listing.find(issued[3].token.public_id).owner, OPERATOR)
        for hours, due in ((24, 4), (60 * 24, 2), (90 * 24, 0)):
            clock.move_to(NOW + timedelta(hours=hours))
            before, verdicts = rows.everything(database), [_verdict(services, each) for each in issued]
            assert services.expiring.expire_due() == due
            assert [_verdict(services, each) for each in issued] == verdicts
            assert _changes(before, rows.everything(database)) == ({"status": due} if due else {})
            assert services.expiring.expire_due() == 0


def test_the_sweep_writes_down_an_expiry_at_its_instant_and_not_before(services: Services, database: Database) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        clock.move_to(refresh.token.expires_at - MICROSECOND)
        assert services.expiring.expire_due() == 0
        clock.move_to(refresh.token.expires_at)
        assert services.expiring.expire_due() == 1


def test_the_sweep_goes_on_in_batches_until_nothing_is_due(services: Services, database: Database) -> None:
    with freeze_time(NOW) as clock:
        user = make_user(services)
        for _ in range(7):
            mint(services, issue(services, user))
        clock.move_to(NOW + timedelta(days=60))
        assert Expiring(database, system_clock, batch=3).expire_due() == 14
        assert services.expiring.expire_due() == 0


def test_a_purge_deletes_what_ended_the_retention_ago_and_nothing_sooner(
    services: Services, database: Database
) -> None:
    with freeze_time(NOW) as clock:
        user = make_user(services)
        expired, revoked, alive = (issue(services, user) for _ in range(3))
        mint(services, expired)
        revoked_access = mint(services, revoked)
        services.revoking.revoke(revoked.token.public_id, "", OPERATOR)
        clock.move_to(NOW + timedelta(days=59))
        services.issuing.regenerate(alive.secret, None, Caller(""))
        clock.move_to(NOW + timedelta(days=60))
        services.expiring.expire_due()

        clock.move_to(NOW + RETENTION - MICROSECOND)
        assert services.expiring.purge(JOB) == 0
        clock.move_to(NOW + RETENTION)
        assert services.expiring.purge(JOB) == 2, "the revoked ones"
        with pytest.raises(TokenUnknown):
            services.verifier.verify(revoked_access.secret)
        clock.move_to(NOW + timedelta(days=1) + RETENTION)
        assert services.expiring.purge(JOB) == 1, "the expired access token"
        clock.move_to(NOW + timedelta(days=60) + RETENTION - MICROSECOND)
        assert services.expiring.purge(JOB) == 1, "the secret that was replaced on the 59th day"
        clock.move_to(NOW + timedelta(days=60) + RETENTION)
        assert services.expiring.purge(JOB) == 1, "the expired refresh token"
        assert _public_ids(database, RefreshTokenRow) == [alive.token.public_id]


def test_a_refresh_token_is_kept_while_one_of_its_access_tokens_is(services: Services, database: Database) -> None:
    services.instance_settings.change("refresh_token_lifespan", "1", OPERATOR)
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services))
        clock.move_to(NOW + timedelta(hours=12))
        mint(services, refresh)
        services.revoking.revoke(refresh.token.public_id, "", OPERATOR)
        # As an instance could be left by hand: the refresh token ended long before its access token did.
        _age(database, refresh.token.id, NOW - RETENTION)
        clock.move_to(NOW + RETENTION)
        assert services.expiring.purge(JOB) == 0
        assert _public_ids(database, RefreshTokenRow) == [refresh.token.public_id]
        clock.move_to(NOW + RETENTION + timedelta(hours=12))
        assert services.expiring.purge(JOB) == 2


def test_a_purged_secret_is_forgotten_but_never_good_again(services: Services, database: Database) -> None:
    services.instance_settings.change("retention_days", "1", OPERATOR)
    with freeze_time(NOW) as clock:
        old = issue(services, make_user(services))
        services.issuing.regenerate(old.secret, None, Caller(""))
        with pytest.raises(TokenRevoked):
            services.refresh_verifier.validate(old.secret, None)
        clock.move_to(NOW + timedelta(days=1))
        assert services.expiring.purge(JOB) == 1
        assert rows.count(database, RetiredSecretRow) == 0
        with pytest.raises(TokenUnknown):
            services.refresh_verifier.validate(old.secret, None)


def test_a_purge_works_in_batches_and_records_each_of_them(services: Services, database: Database) -> None:
    services.instance_settings.change("retention_days", "0", OPERATOR)
    with freeze_time(NOW) as clock:
        user = make_user(services)
        for _ in range(7):
            mint(services, issue(services, user))
        clock.move_to(NOW + timedelta(days=60))
        services.expiring.expire_due()
        assert Expiring(database, system_clock, batch=3).purge(JOB) == 14
    purges = [event for event in rows.audit_events(database) if event.action == "tokens.purged"]
    assert [(event.object_id, event.detail) for event in purges] == [
        (table, f'{{"rows": {number}}}') for table in ("access_tokens", "refresh_tokens") for number in (3, 3, 1)
    ]
    assert {event.actor for event in purges} == {"job:purge_tokens"}


def test_what_is_alive_is_never_purged(services: Services, database: Database) -> None:
    services.instance_settings.change("retention_days", "0", OPERATOR)
    access = mint(services, issue(services, make_user(services)))
    assert services.expiring.purge(JOB) == 0
    assert services.verifier.verify(access.secret).token_id == access.token.id


def test_a_purge_forgets_counters_of_failed_sign_ins_that_are_over(services: Services, database: Database) -> None:
    with freeze_time(NOW) as clock:
        make_user(services, "anna", password=PASSWORD)
        services.accounts.authenticate("anna", PASSWORD, Caller("", address="192.0.2.1"))
        with pytest.raises(BadCredentials):
            services.accounts.authenticate("nobody", f"{PASSWORD_MARK}-wrong", Caller("", address="192.0.2.2"))
        counters = rows.count(database, LoginThrottleRow)
        assert services.expiring.purge(JOB) == 0
        clock.move_to(NOW + WINDOW)
        assert services.expiring.purge(JOB) == counters - 1, "all but the address where anna signed in"
        clock.move_to(NOW + KEPT_FOR)
        assert services.expiring.purge(JOB) == 1
        assert rows.count(database, LoginThrottleRow) == 0


def _verdict(services: Services, issued: Issued[Any]) -> str:
    """What is said about a token of either tier."""
    validate = services.verifier.verify if issued.secret.startswith("dpa_") else services.refresh_verifier.validate
    try:
        validate(issued.secret, None)
    except TokenRefused as refusal:
        return refusal.reason
    return "good"


def _changes(before: rows.Rows, after: rows.Rows) -> dict[str, int]:
    """The columns that differ, with the number of rows; no row came or went."""
    changed: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        for old, new in zip(before[table.name], after[table.name], strict=True):
            for column, one, other in zip(table.columns, old, new, strict=True):
                if one != other:
                    changed[column.name] = changed.get(column.name, 0) + 1
    return changed


def _public_ids(database: Database, table: type[RefreshTokenRow] | type[AccessTokenRow]) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(table.public_id).order_by(table.id)))


def _age(database: Database, refresh_token_id: int, revoked_at: datetime) -> None:
    with database.transaction() as session:
        row = session.get(RefreshTokenRow, refresh_token_id)
        assert row is not None
        row.revoked_at = revoked_at

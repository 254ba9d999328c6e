"""The two sweeps: recording what has expired, and deleting what ended long ago."""

from datetime import timedelta
from typing import Any

import pytest
from freezegun import freeze_time

from app.domain.clock import system_clock
from app.domain.identity import Caller
from app.domain.tokens import Issued
from app.services import Services
from app.services.expiring import Expiring
from app.services.throttling import ACCOUNT_WINDOW, KEPT_FOR
from app.storage.database import Base, Database
from app.storage.operating_tables import LoginThrottleRow
from tests import rows
from tests.factories import (
    PASSWORD,
    accept_clock,
    configure,
    disable,
    expire_due,
    issue,
    make_user,
    mint,
    purge,
    regenerate,
    revoke,
)
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import DAY, MICROSECOND, NOW, reason, refusal_of

RETENTION = timedelta(days=90)
JOB = Caller("job:purge_tokens")


def test_the_sweep_changes_nothing_but_the_status_of_what_has_expired(services: Services, database: Database) -> None:
    configure(services, access_token_reissue="overlap")
    with freeze_time(NOW) as clock:
        issued: list[Issued[Any]] = []
        for name in ("anna", "berta", "carl"):
            refresh = issue(services, make_user(services, name))
            issued += [refresh, mint(services, refresh), mint(services, refresh)]
        revoke(services, issued[0])
        disable(services, "berta")
        # Those that overlapped stay as they are: superseded would be final, and a clock may be wrong.
        for after, due in ((DAY - MICROSECOND, 0), (DAY, 2), (60 * DAY - MICROSECOND, 0), (60 * DAY, 2), (90 * DAY, 0)):
            clock.move_to(NOW + after)
            accept_clock(services)
            before, verdicts = rows.everything(database), [reason(services, each) for each in issued]
            assert services.expiring.expire_due() == due
            assert [reason(services, each) for each in issued] == verdicts
            changed = _changes(before, rows.everything(database))
            assert changed == ({"status": due} if due else {})
            assert services.expiring.expire_due() == 0


def test_a_purge_deletes_what_ended_the_retention_ago_and_nothing_sooner(services: Services) -> None:
    with freeze_time(NOW) as clock:
        user = make_user(services)
        expired, revoked, active = (issue(services, user) for _ in range(3))
        mint(services, expired)
        revoked_access = mint(services, revoked)
        revoke(services, revoked)
        clock.move_to(NOW + 59 * DAY)
        regenerate(services, active)
        clock.move_to(NOW + 60 * DAY)
        expire_due(services)
        for after, number, what in (
            (RETENTION - MICROSECOND, 0, "nothing yet"),
            (RETENTION, 2, "the revoked ones"),
            (RETENTION + DAY, 1, "the expired access token"),
            (RETENTION + 60 * DAY - MICROSECOND, 1, "the secret that was replaced on the 59th day"),
            (RETENTION + 60 * DAY, 1, "the expired refresh token"),
        ):
            clock.move_to(NOW + after)
            assert purge(services) == number, what
        for gone in (revoked_access, active):  # the latter's secret was replaced: it is never good again
            assert reason(services, gone) == "token_unknown"
        assert services.listing.find(active.token.public_id)


@pytest.mark.both_databases
@pytest.mark.usefixtures("no_clock_of_the_database")
def test_the_sweeps_work_in_batches_and_a_purge_records_each_of_them(services: Services, database: Database) -> None:
    configure(services, retention_days=0)
    expiring = Expiring(database, system_clock, services.clock_agreement, batch=3)
    with freeze_time(NOW) as clock:
        user = make_user(services)
        for _ in range(7):
            mint(services, issue(services, user))
        clock.move_to(NOW + 60 * DAY)
        accept_clock(services)
        assert expiring.expire_due() == 14
        assert services.expiring.expire_due() == 0
        assert expiring.purge(JOB) == 14
    purges = [event for event in rows.audit_events(database) if event.action == "tokens.purged"]
    assert [(event.object_id, event.detail) for event in purges] == [
        (table, f'{{"rows": {number}}}') for table in ("access_tokens", "refresh_tokens") for number in (3, 3, 1)
    ]
    assert {event.actor for event in purges} == {"job:purge_tokens"}


def test_a_purge_forgets_counters_of_failed_sign_ins_after_their_time(services: Services, database: Database) -> None:
    with freeze_time(NOW) as clock:
        make_user(services, "anna", password=PASSWORD)
        services.accounts.authenticate("anna", PASSWORD, Caller("", address="192.0.2.1"))
        wrong = f"{PASSWORD_MARK}-wrong"
        assert refusal_of(lambda: services.accounts.authenticate("nobody", wrong, Caller("", address="192.0.2.2")))
        counters = rows.count(database, LoginThrottleRow)
        assert services.expiring.purge(JOB) == 0
        clock.move_to(NOW + ACCOUNT_WINDOW)
        assert purge(services) == counters - 1, "all but the network where anna signed in"
        clock.move_to(NOW + KEPT_FOR)
        assert purge(services) == 1
        assert rows.count(database, LoginThrottleRow) == 0


def _changes(before: rows.Rows, after: rows.Rows) -> dict[str, int]:
    """The columns that differ, with the number of rows; no row came or went."""
    changed: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        for old, new in zip(before[table.name], after[table.name], strict=True):
            for column, one, other in zip(table.columns, old, new, strict=True):
                if one != other:
                    changed[column.name] = changed.get(column.name, 0) + 1
    return changed

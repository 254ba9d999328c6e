"""``daypass token revoke-by-filter``: asking, and revoking exactly what it asked about.

Not here: which tokens match (``test_tokens``).
"""

from collections.abc import Callable
from unittest.mock import Mock

import pytest

from app.domain.errors import Unavailable
from app.services import Services
from app.services.bulk_revocations import BulkRevocations
from app.services.revoking_by_filter import RevokingByFilter
from app.storage.database import Database
from tests.factories import issue, make_user, mint, works
from tests.integration.cli.conftest import CommandLine
from tests.rows import audit_events

BY_FILTER = "token", "revoke-by-filter"


def test_it_says_how_many_match_and_revokes_them_once_that_is_confirmed(
    daypass: CommandLine, services: Services, database: Database
) -> None:
    user = make_user(services, "anna")
    refresh = issue(services, user)
    access, other = mint(services, refresh), issue(services, make_user(services, "bert"))
    asked = daypass.run(*BY_FILTER, "--user", "anna", stdin="n\n")
    assert asked.exit_code == 1 and "Revoke 1 refresh token with 1 access token?" in asked.stderr
    assert works(services, access)
    confirmed = daypass.run(*BY_FILTER, "--user", "anna", "--reason", "left", stdin="y\n")
    assert confirmed.exit_code == 0
    assert confirmed.stdout == "Revoked 1 refresh token and 1 access token.\n"
    assert not works(services, refresh) and not works(services, access) and works(services, other)
    event = audit_events(database)[-1]
    assert (event.action, '"reason": "left"' in event.detail) == ("tokens.revoked", True)
    assert daypass.text(*BY_FILTER, "--user", "anna", "--yes") == "No tokens that can be revoked match.\n"
    assert daypass.json(*BY_FILTER, "--user", "anna") == {"refresh_tokens": 0, "access_tokens": 0}
    assert daypass.json(*BY_FILTER, "--user", "bert", "--yes") == {"refresh_tokens": 1, "access_tokens": 0}


def test_of_many_it_waits_until_lists_show_all_as_revoked(
    daypass: CommandLine, services: Services, chunks_of_one: None
) -> None:
    user = make_user(services, "anna")
    minted = [mint(services, issue(services, user)) for _ in range(3)]
    ended = daypass.run(*BY_FILTER, "--user", "anna", "--yes")
    assert (ended.exit_code, ended.stdout) == (0, "Revoked 3 refresh tokens and 3 access tokens.\n")
    assert {services.listing.find(each.token.public_id).token.status for each in minted} == {"revoked"}


def test_what_is_done_is_said_before_lists_follow_which_may_fail(
    daypass: CommandLine, services: Services, chunks_of_one: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when a command that is stopped, or finds the database away, has not said that it revoked."""
    user = make_user(services, "anna")
    minted = [mint(services, issue(services, user)) for _ in range(3)]
    monkeypatch.setattr(BulkRevocations, "mark_part", Mock(side_effect=Unavailable("away")))
    ended = daypass.run(*BY_FILTER, "--user", "anna", "--yes")
    assert (ended.exit_code, ended.stdout) == (0, "Revoked 3 refresh tokens and 3 access tokens.\n")
    assert not any(works(services, each) for each in minted)
    minted = [mint(services, issue(services, user)) for _ in range(3)]
    monkeypatch.setattr(BulkRevocations, "mark_part", Mock(side_effect=KeyboardInterrupt))
    assert "Revoked 3 refresh tokens" in daypass.run(*BY_FILTER, "--user", "anna", "--yes").stdout


@pytest.fixture
def chunks_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    make: Callable[..., None] = RevokingByFilter.__init__
    monkeypatch.setattr(RevokingByFilter, "__init__", lambda self, *args: make(self, *args, chunk=1))


def test_what_narrows_nothing_and_an_owner_who_does_not_exist_are_refused(daypass: CommandLine) -> None:
    assert "would revoke every token" in daypass.refusal(*BY_FILTER, "--yes")
    daypass.refusal(*BY_FILTER, "--user", "nobody", "--yes")

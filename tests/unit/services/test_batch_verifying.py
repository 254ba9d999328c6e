"""The check of many access tokens at once: the verdicts of the check of each, from one statement, and no use of any."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from app.domain.errors import NotPermitted, TokenRefused, Unavailable
from app.domain.identity import ApiTokens, Principal, Role, User, refuse_unless_may_use_apis
from app.domain.secrets import TokenFormat, new_token_text
from app.domain.tokens import TokenKind
from app.services import Services
from app.services.batch_verifying import Verdict
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from tests import rows
from tests.factories import (
    Access,
    Refresh,
    allowed_user,
    disable,
    generate,
    issue,
    make_user,
    mint,
    regenerate,
    revoke,
    set_api_tokens,
)

TEXT = TokenFormat(("dp",))


def reasons(verdicts: Sequence[Verdict]) -> list[str | None]:
    return [None if isinstance(each, Principal) else each.reason for each in verdicts]


def one(services: Services, text: str) -> str | None:
    """Why the check of this text alone refuses it."""
    try:
        services.verifier.verify(text, permit=lambda known: refuse_unless_may_use_apis(known.role))
    except (TokenRefused, NotPermitted) as refusal:
        return refusal.reason
    return None


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """Those about access tokens that are executed meanwhile."""
    executed: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "access_tokens" in statement:
            executed.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield executed
    event.remove(database.engine, "before_cursor_execute", note)


def every_kind(services: Services, anna: User, refresh: Refresh, access: Access) -> list[str]:
    """A text for each verdict there is."""
    gone, denied = make_user(services), allowed_user(services)
    introspector = make_user(services, role=Role.INTROSPECTOR)
    replaced = mint(services, issue(services, anna))
    texts = [access.secret, generate(services, allowed_user(services)).secret, refresh.secret, "", "no token"]
    for end in (lambda it: mint(services, it), lambda it: regenerate(services, it), lambda it: revoke(services, it)):
        ended = issue(services, anna)
        texts.append(mint(services, ended).secret)
        end(ended)
    of_gone, single = mint(services, issue(services, gone)), generate(services, denied)
    disable(services, gone.username)
    set_api_tokens(services, denied.username, ApiTokens.DENY)
    guessed = TEXT.compose(new_token_text(TokenKind.ACCESS).with_public_id(replaced.token.public_id))
    unknown = TEXT.compose(new_token_text(TokenKind.ACCESS))
    of_introspector = mint(services, issue(services, introspector))
    return [*texts, of_gone.secret, single.secret, guessed, unknown, of_introspector.secret, f"{access.secret} "]


@pytest.mark.both_databases
def test_each_verdict_is_that_of_the_check_alone_in_the_order_of_the_texts(
    services: Services, database: Database, anna: User, refresh: Refresh, access: Access
) -> None:
    """◆ Fails when the batch reads other columns than the check, or answers in the order of the rows."""
    texts = every_kind(services, anna, refresh, access)
    expected = [one(services, text) for text in texts]
    assert set(expected) == {
        None, "token_malformed", "token_unknown", "token_superseded", "token_revoked", "owner_disabled",
        "owner_denied", "not_permitted",
    }  # fmt: skip
    with statements(database) as executed:
        verdicts = services.batch_verifying.verify([*texts, *reversed(texts)])
    assert reasons(verdicts) == [*expected, *reversed(expected)]
    assert len(executed) == 1
    known = services.verifier.verify(access.secret)
    assert isinstance(verdicts[0], Principal)
    assert verdicts[0] == known._replace(checked_at=verdicts[0].checked_at)


def test_a_batch_is_no_use_and_no_sighting_of_its_tokens_but_counts_as_checks(
    services: Services, database: Database, anna: User, refresh: Refresh, access: Access
) -> None:
    """Fails when a token that nobody uses any more looks as if it was used."""
    newer = mint(services, refresh)
    services.last_use.flush()
    before, events = services.check_counts.latest(2), rows.count(database, AuditEventRow)
    services.batch_verifying.verify([access.secret, newer.secret, newer.secret, refresh.secret, "no token"])
    services.last_use.flush()
    after = services.check_counts.latest(2)
    assert services.listing.find(newer.token.public_id).token.last_used_at is None
    assert rows.count(database, AuditEventRow) == events
    assert sum(hour.accepted for hour in after) - sum(hour.accepted for hour in before) == 2
    assert sum(hour.refused for hour in after) - sum(hour.refused for hour in before) == 3


@pytest.mark.both_databases
def test_what_was_acknowledged_before_a_batch_is_refused_in_it(
    services: Services, anna: User, refresh: Refresh
) -> None:
    """◆ A thousand at a time, revoked one after the other between two batches. Fails when rows are kept."""
    issued = [mint(services, issue(services, anna)) for _ in range(20)]
    texts = [each.secret for each in issued] * 50
    for number, each in enumerate(issued):
        assert reasons(services.batch_verifying.verify(texts))[number] is None
        revoke(services, each)
        assert (
            reasons(services.batch_verifying.verify(texts))
            == (["token_revoked"] * (number + 1) + [None] * (19 - number)) * 50
        )


def test_without_the_database_a_batch_is_refused_as_a_whole(
    services: Services, database: Database, access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "reading", _away)
    with pytest.raises(Unavailable):
        services.batch_verifying.verify([access.secret])


def _away() -> None:
    raise Unavailable("the database cannot be reached")

"""The history of a token: what it tells its owner and an administrator, and what it keeps from the owner."""

from dataclasses import replace

import pytest
from freezegun import freeze_time
from sqlalchemy import event

from app.domain.errors import NotFound
from app.domain.identity import Role, User
from app.domain.token_history import Entry, Step
from app.domain.tokens import Issued, RefreshToken
from app.services import Services
from app.services.held_tokens import ByOwner
from app.services.token_history import MOST_EVENTS, MOST_REQUESTS
from app.storage.audit import record
from app.storage.database import Database
from tests.factories import (
    OPERATOR,
    allowed_user,
    fight_over,
    generate,
    issue,
    make_user,
    mint,
    regenerate,
    revoke,
    signed_in,
)
from tests.unit.services.verdicts import DAY, HOUR, MINUTE, NOW


def steps(history: list[Entry]) -> list[Step]:
    return [each.step for each in history]


@pytest.mark.both_databases
def test_a_history_has_the_whole_life_newest_first(services: Services, anna: User) -> None:
    """◆ Fails when the revocation is read from audit events, which a bulk act has one of for all its tokens."""
    clara = make_user(services, "clara", Role.SERVER_ADMIN)
    by = replace(signed_in(clara), address="198.51.100.1")
    with freeze_time(NOW) as clock:
        issued = services.issuing.issue(anna.id, "catalog-sync", replace(signed_in(anna), address="192.0.2.8"))
        for _ in range(2):
            clock.tick(HOUR)
            mint(services, issued, "192.0.2.31")
        clock.tick(DAY)
        issued = regenerate(services, issued)
        clock.tick(DAY)
        services.revoking.revoke_user("anna", "left the team", by)
    own = services.token_history.of(issued.token.public_id, anna.id)
    assert steps(own) == [Step.REVOKED, Step.REGENERATED, Step.REQUESTED, Step.FIRST_REQUESTED, Step.CREATED]
    revoked, regenerated, requested, _, created = own
    assert (revoked.by, revoked.note, revoked.is_own, revoked.address) == ("clara", "left the team", False, None)
    assert (created.by, created.is_own, created.address, created.means) == ("anna", True, "192.0.2.8", "session 1")
    assert (requested.address, requested.at) == ("192.0.2.31", NOW + 2 * HOUR)
    assert regenerated.is_own and regenerated.means == f"refresh token {issued.token.public_id}"


def test_an_owner_sees_no_address_of_another_person_and_an_administrator_sees_all(
    services: Services, anna: User, refresh: Issued[RefreshToken], database: Database
) -> None:
    """◆ And neither sees an event of an object of another kind that has the same handle: a user can be called so."""
    by = replace(OPERATOR, address="198.51.100.1")
    services.issuing.regenerate(ByOwner(refresh.token.public_id, anna.id), by)
    with database.transaction() as session:
        record(session, NOW, by, "refresh_token.created", ("user", refresh.token.public_id))
    own, full = (services.token_history.of(refresh.token.public_id, of) for of in (anna.id, None))
    assert steps(own) == steps(full) == [Step.REGENERATED, Step.CREATED]
    assert (own[0].by, own[0].address, own[0].means) == (OPERATOR.name, None, "")
    assert (full[0].address, full[0].means) == ("198.51.100.1", "command line tests")


def test_the_history_of_another_user_s_token_is_not_found(services: Services, refresh: Issued[RefreshToken]) -> None:
    for public_id, of in ((refresh.token.public_id, 99), ("abcdefgh2345", None), ("'", None)):
        with pytest.raises(NotFound):
            services.token_history.of(public_id, of)


def test_what_expires_seems_shared_or_was_found_elsewhere_is_told(services: Services, anna: User) -> None:
    with freeze_time(NOW) as clock:
        issued = issue(services, anna)
        fight_over(services, issued)
        services.strays.look_in(issued.secret, "the path of a request", lambda: OPERATOR)
        services.strays.flush()
        clock.move_to(issued.token.expires_at)
        history = services.token_history.of(issued.token.public_id, anna.id)
    assert history[0] == Entry(issued.token.expires_at, Step.EXPIRED)
    notes = {each.step: each.note for each in history}
    assert notes[Step.FOUND_SHARED] == "192.0.2.1, 192.0.2.2"
    assert notes[Step.SECRET_FOUND] == "the path of a request"


def test_an_api_token_and_a_minted_one_have_a_history_too(services: Services) -> None:
    berta = allowed_user(services)
    single, parent = generate(services, berta), issue(services, berta)
    minted = mint(services, parent, "192.0.2.7")
    revoke(services, single, "not needed")
    assert [(each.step, each.by) for each in services.token_history.of(single.token.public_id, berta.id)] == [
        (Step.REVOKED, OPERATOR.name), (Step.CREATED, berta.username)
    ]  # fmt: skip
    (created,) = services.token_history.of(minted.token.public_id)
    assert (created.step, created.address) == (Step.CREATED, "192.0.2.7")


def test_a_history_is_bounded_however_much_happened(services: Services, anna: User, database: Database) -> None:
    """◆ Few statements, few rows: the newest, the first mint and, without its event, the creation."""
    with freeze_time(NOW) as clock:
        issued = issue(services, anna)
        for _ in range(MOST_REQUESTS + 3):
            clock.tick(MINUTE)
            mint(services, issued)
        with database.transaction() as session:
            for _ in range(MOST_EVENTS + 1):
                subject = ("refresh_token", issued.token.public_id)
                record(session, NOW, OPERATOR, "refresh_token.regenerated", subject)
        seen: list[str] = []
        event.listen(database.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
        history = services.token_history.of(issued.token.public_id, anna.id)
    assert len(history) == MOST_EVENTS + MOST_REQUESTS + 2
    assert len([each for each in seen if each.startswith("SELECT")]) <= 4
    assert steps(history).count(Step.FIRST_REQUESTED) == steps(history).count(Step.CREATED) == 1

"""Sessions of the pages: what is stored of them, who is found by one, and what ends them."""

from collections.abc import Callable
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import select, update

from app.domain.errors import BadCredentials, BadRequest, RateLimited, Unavailable
from app.domain.identity import Caller, Role, User
from app.domain.sessions import IDLE, LONGEST, WebSession
from app.services import Services, throttling
from app.services.sessions import SEEN_EVERY_SECONDS
from app.storage.database import Database
from app.storage.tables import SessionRow
from config import Keys
from tests import rows
from tests.databases import KEYS, destroy
from tests.factories import OPERATOR, PASSWORD, disable, issue, make_user, mint, purge, set_password, set_role
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import HOUR, MICROSECOND, MINUTE, NOW, SECOND, refusal_of, works

ANOTHER = f"{PASSWORD_MARK}-another"
HERE = Caller("", address="192.0.2.1", request_id="r1")


def sign_in(services: Services, user: User, password: str = PASSWORD, before: str | None = None) -> str:
    return services.sessions.sign_in(user.username, password, HERE, before)


def found(services: Services, cookie: str) -> WebSession:
    known = services.sessions.find(cookie)
    assert known is not None
    return known


def row(database: Database) -> SessionRow:
    """The only one."""
    with database.reading() as session:
        return session.scalars(select(SessionRow)).one()


def test_a_session_is_its_users_whose_role_is_read_with_each_request(services: Services, anna: User) -> None:
    with freeze_time(NOW):
        cookie = sign_in(services, anna)
        known = found(services, cookie)
        set_role(services, "anna", Role.STEWARD)
        assert found(services, cookie).user.role is Role.STEWARD
    assert (known.user.id, known.user.username, known.user.role) == (anna.id, "anna", Role.VIEWER)
    assert known.created_at == known.seen_at == known.proved_at == known.user.last_login_at == NOW


def test_only_a_keyed_digest_of_the_cookie_is_stored(
    services: Services, anna: User, database: Database, services_with: Callable[..., Services]
) -> None:
    """Reading the database is not enough to use a session. Fails when the cookie, or a bare hash of it, is stored."""
    cookie = sign_in(services, anna)
    assert cookie not in str(rows.everything(database))
    digest = row(database).digest
    assert services.sessions.find(digest) is None
    assert services.sessions.find(digest[:43]) is None
    elsewhere = services_with(Keys(KEYS.token_keys, b"q" * 32))
    assert elsewhere.sessions.find(cookie) is None
    assert elsewhere.sessions.form_token(cookie) != services.sessions.form_token(cookie)


def test_text_that_is_no_cookie_of_ours_finds_nobody(services: Services) -> None:
    for odd in (None, "", "a" * 42, "a" * 44, "é" * 43, "a" * 42 + "\n", "\x00" * 43, "a" * 100_000):
        assert services.sessions.find(odd) is None
        assert not services.sessions.has_ended(odd)
    assert {len(each) for each in {services.sessions.new_cookie() for _ in range(100)}} == {43}


def test_signing_in_again_ends_the_session_before_unless_it_is_refused(
    services: Services, anna: User, database: Database
) -> None:
    """Fails when `before` is forgotten."""
    first = sign_in(services, anna)
    with pytest.raises(BadCredentials):
        sign_in(services, anna, ANOTHER, before=first)
    assert found(services, first)
    second = sign_in(services, anna, before=first)
    assert first != second
    assert services.sessions.find(first) is None and found(services, second)
    assert rows.count(database, SessionRow) == 1


def test_a_session_is_written_to_once_a_minute_at_most_and_never_after_its_end(
    services: Services, anna: User, database: Database
) -> None:
    with freeze_time(NOW) as clock:
        cookie = sign_in(services, anna)
        later = NOW + SEEN_EVERY_SECONDS * SECOND
        for at, seen in ((later - SECOND, NOW), (later, later)):
            clock.move_to(at)
            found(services, cookie)
            assert (row(database).seen_at, row(database).proved_at, row(database).created_at) == (seen, NOW, NOW)
        assert not services.sessions.has_ended(services.sessions.new_cookie())
        clock.move_to(seen + IDLE)
        assert services.sessions.find(cookie) is None
        assert services.sessions.has_ended(cookie)
        assert row(database).seen_at == seen


def test_a_disabled_user_has_no_session_even_with_a_row(services: Services, anna: User, database: Database) -> None:
    """Fails when `find` does not read the user. (A sign-in at the same moment may leave a row.)"""
    cookie = sign_in(services, anna)
    digest = row(database).digest
    disable(services, "anna")
    with pytest.raises(BadCredentials):
        sign_in(services, anna)
    assert rows.count(database, SessionRow) == 0
    with database.transaction() as session:
        session.add(SessionRow(digest=digest, user_id=anna.id, created_at=NOW, seen_at=NOW, proved_at=NOW))
    with freeze_time(NOW):
        assert services.sessions.find(cookie) is None


def test_without_the_database_nobody_is_signed_in(
    services: Services, anna: User, database: Database, database_url: str
) -> None:
    """A cookie alone proves nothing. Fails when a session is remembered in the process."""
    cookie = sign_in(services, anna)
    assert found(services, cookie)
    destroy(database_url)
    database.engine.dispose()
    with pytest.raises(Unavailable):
        services.sessions.find(cookie)


def test_signing_out_ends_one_session_once_and_is_recorded_as_its_users(
    services: Services, anna: User, database: Database
) -> None:
    """Also of one whose time is over, where nobody is known by the cookie. Fails when the caller's name is written."""
    with freeze_time(NOW) as clock:
        cookie, over = sign_in(services, anna), sign_in(services, anna)
        clock.move_to(NOW + LONGEST - SECOND)
        other = sign_in(services, anna)
        for _ in range(2):
            services.sessions.sign_out(cookie, HERE)
        assert services.sessions.find(cookie) is None
        clock.move_to(NOW + LONGEST)
        services.sessions.sign_out(over, HERE)
        assert found(services, other)
    events = [each for each in rows.audit_events(database) if each.action.startswith("session.")]
    assert [each.action for each in events] == ["session.began"] * 3 + ["session.ended"] * 2
    assert {(each.actor, each.object_id, each.address, each.request_id) for each in events} == {
        ("anna", "anna", "192.0.2.1", "r1")
    }


def test_without_its_audit_row_no_session_begins_or_ends(services: Services, anna: User, database: Database) -> None:
    cookie = sign_in(services, anna)
    rows.refuse_writes(database, "audit_events", "INSERT")
    for act in (lambda: sign_in(services, anna), lambda: services.sessions.sign_out(cookie, HERE)):
        with pytest.raises(Exception, match="planted fault"):
            act()
    assert rows.count(database, SessionRow) == 1
    assert found(services, cookie)


def test_sessions_are_purged_twelve_hours_after_they_began(services: Services, anna: User, database: Database) -> None:
    with freeze_time(NOW) as clock:
        sign_in(services, anna)
        clock.move_to(NOW + HOUR)
        young = sign_in(services, anna)
        for after, left in ((LONGEST - MICROSECOND, 2), (LONGEST, 1)):
            clock.move_to(NOW + after)
            purge(services)
            assert rows.count(database, SessionRow) == left
        with database.transaction() as session:
            session.execute(update(SessionRow).values(seen_at=NOW + LONGEST))
        assert found(services, young)


def test_giving_the_password_again_makes_it_fresh_and_counts_as_an_attempt(
    services: Services, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "KNOWN_LIMIT", 1)
    with freeze_time(NOW) as clock:
        cookie = sign_in(services, anna)
        clock.tick(11 * MINUTE)
        known = found(services, cookie)
        assert not services.sessions.is_fresh(known)
        services.sessions.prove(known, PASSWORD, HERE)
        assert services.sessions.is_fresh(found(services, cookie))
        clock.tick(11 * MINUTE)
        for _ in ("the session's budget", "the network's"):
            with pytest.raises(BadCredentials):
                services.sessions.prove(known, ANOTHER, HERE)
        for act in (
            lambda: services.sessions.prove(known, PASSWORD, HERE),
            lambda: services.sessions.change_password(known, PASSWORD, ANOTHER, HERE),
        ):
            assert refusal_of(act) is RateLimited
        assert not services.sessions.is_fresh(found(services, cookie))


def test_a_new_password_ends_the_users_other_sessions_and_no_token(services: Services) -> None:
    anna = services.accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR, is_temporary=True)
    mine, other, theirs = (sign_in(services, user) for user in (anna, anna, make_user(services, password=PASSWORD)))
    access = mint(services, issue(services, anna))
    assert found(services, mine).has_temporary_password
    services.sessions.change_password(found(services, mine), PASSWORD, ANOTHER, HERE)
    assert found(services, mine) and found(services, theirs)
    assert not found(services, mine).has_temporary_password
    assert services.sessions.find(other) is None
    assert works(services, access)
    with pytest.raises(BadCredentials):
        sign_in(services, anna)


def test_a_refused_change_leaves_password_and_sessions_as_they_are(services: Services, anna: User) -> None:
    cookie, other = sign_in(services, anna), sign_in(services, anna)
    for present, new, refusal in (
        (ANOTHER, ANOTHER + "!", BadCredentials), (PASSWORD, PASSWORD, BadRequest), (PASSWORD, "short", BadRequest),
    ):  # fmt: skip
        with pytest.raises(refusal):
            services.sessions.change_password(found(services, cookie), present, new, HERE)
    assert found(services, cookie) and found(services, other)
    sign_in(services, anna)


@pytest.mark.both_databases
def test_no_session_begins_with_a_password_that_is_changed_during_the_sign_in(
    services: Services, anna: User, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when a session begins without reading the digest again, under the lock."""

    authenticate = services.accounts.authenticate

    def change_meanwhile(*given: Any) -> object:
        proof = authenticate(*given)
        set_password(services, "anna", ANOTHER)
        return proof

    monkeypatch.setattr(services.accounts, "authenticate", change_meanwhile)
    with pytest.raises(BadCredentials):
        sign_in(services, anna)
    assert rows.count(database, SessionRow) == 0


@pytest.mark.both_databases
def test_a_password_that_an_administrator_sets_during_a_change_by_its_user_stands(
    services: Services, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the digest is not read again under the lock."""
    known = found(services, sign_in(services, anna))
    by_operator = f"{PASSWORD_MARK}-of-the-operator"
    digest = services.accounts._digest

    def interrupted(password: str | None) -> str | None:
        made = digest(password)
        monkeypatch.setattr(services.accounts, "_digest", digest)
        set_password(services, "anna", by_operator)
        return made

    monkeypatch.setattr(services.accounts, "_digest", interrupted)
    with pytest.raises(BadCredentials):
        services.sessions.change_password(known, PASSWORD, ANOTHER, HERE)
    services.accounts.authenticate("anna", by_operator, HERE)


def test_a_form_token_fits_only_the_cookie_it_was_made_for(services: Services) -> None:
    """Fails when the token does not depend on the cookie, or is the cookie's digest as it is stored."""
    mine, other = services.sessions.new_cookie(), services.sessions.new_cookie()
    token = services.sessions.form_token(mine)
    assert services.sessions.is_form_token(mine, token)
    assert not services.sessions.is_form_token(other, token)
    for odd in ("", token[:-1], token + " ", token.upper(), mine, "é" * 64, "\x00", services.sessions._digest(mine)):
        assert not services.sessions.is_form_token(mine, odd)

"""Sessions of the pages: what is stored of them, who is found by one, and what ends them."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import select, update

from app.domain.errors import BadCredentials, NotFound, RateLimited, SessionEnded, Unavailable
from app.domain.identity import Caller, Role, User
from app.domain.sessions import IDLE, LONGEST, WebSession
from app.services import Services, beginning, throttling
from app.services import sessions as module
from app.services.sessions import SEEN_EVERY_SECONDS
from app.storage.database import Database
from app.storage.tables import SessionRow
from config import Keys
from tests import rows
from tests.databases import KEYS, destroy
from tests.factories import OPERATOR, PASSWORD, disable, make_user, purge, set_password, set_role
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import HOUR, MICROSECOND, MINUTE, NOW, SECOND, refusal_of

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
    assert elsewhere.sessions.form_token(cookie, None) != services.sessions.form_token(cookie, None)


def test_text_that_is_no_cookie_of_ours_finds_nobody(services: Services) -> None:
    for odd in (None, "", "a" * 42, "a" * 44, "é" * 43, "a" * 42 + "\n", "\x00" * 43, "a" * 100_000):
        assert services.sessions.find(odd) is None
        assert services.sessions.find_ended(odd) is None
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
        assert services.sessions.find_ended(services.sessions.new_cookie()) is None
        clock.move_to(seen + IDLE)
        assert services.sessions.find(cookie) is None
        assert services.sessions.find_ended(cookie) is not None
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
        before, cookie = cookie, services.sessions.prove(known, PASSWORD, HERE)
        assert services.sessions.find(before) is None, "who had read that cookie does not share the proof"
        assert services.sessions.is_fresh(found(services, cookie))
        assert found(services, cookie).id == known.id
        with pytest.raises(SessionEnded):
            services.sessions.renew(known)
        clock.tick(11 * MINUTE)
        for _ in ("the session's budget", "the network's"):
            with pytest.raises(BadCredentials):
                services.sessions.prove(known, ANOTHER, HERE)
        for act in (
            lambda: services.sessions.prove(known, PASSWORD, HERE),
            lambda: services.changing_passwords.change(known, PASSWORD, ANOTHER, HERE),
        ):
            assert refusal_of(act) is RateLimited
        assert not services.sessions.is_fresh(found(services, cookie))


@pytest.mark.both_databases
def test_no_session_begins_with_a_password_that_is_changed_during_the_sign_in(
    services: Services, anna: User, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when a session begins without reading the digest again, under the lock."""

    authenticate = services.accounts.authenticate

    def change_meanwhile(*given: Any, **named: Any) -> object:
        proof = authenticate(*given, **named)
        set_password(services, "anna", ANOTHER)
        return proof

    monkeypatch.setattr(services.accounts, "authenticate", change_meanwhile)
    with pytest.raises(BadCredentials):
        sign_in(services, anna)
    assert rows.count(database, SessionRow) == 0


def test_a_session_says_where_and_on_what_it_began(services: Services, anna: User) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    services.sessions.sign_in("anna", PASSWORD, HERE, None, user_agent=agent)
    sign_in(services, anna)
    latest, first = services.sessions.of_user(anna.id)
    assert (first.device, first.address) == ("Firefox on Linux", "192.0.2.1")
    assert latest.device == "Unknown program" and latest.id > first.id


def test_a_user_ends_a_session_of_their_own_by_its_number_and_nobody_elses(services: Services, anna: User) -> None:
    """Fails when the owner is not in the condition."""
    mine, other = sign_in(services, anna), sign_in(services, anna)
    theirs = sign_in(services, make_user(services, password=PASSWORD))
    known = found(services, mine)
    for number in (found(services, theirs).id, 10**17):
        assert refusal_of(partial(services.sessions.end, known, number, OPERATOR)) is NotFound
    services.sessions.end(known, found(services, other).id, OPERATOR)
    assert services.sessions.find(other) is None and found(services, mine) and found(services, theirs)


def test_all_sessions_of_a_user_end_but_one_and_the_number_is_that_of_those_that_went_on(
    services: Services, anna: User, database: Database
) -> None:
    with freeze_time(NOW) as clock:
        over, theirs = sign_in(services, anna), sign_in(services, make_user(services, password=PASSWORD))
        clock.move_to(NOW + LONGEST - SECOND)
        mine, other = sign_in(services, anna), sign_in(services, anna)
        clock.move_to(NOW + LONGEST)
        assert services.sessions.end_all(anna.id, OPERATOR, keeps=found(services, mine).id) == 1
        assert [services.sessions.find_ended(each) for each in (over, other)] == [None, None]
        assert found(services, mine) and services.sessions.find_ended(theirs)
        assert services.sessions.end_all("ANNA", OPERATOR) == 1
        assert refusal_of(partial(services.sessions.end_all, "carl", OPERATOR)) is NotFound
    assert rows.count(database, SessionRow) == 1


def test_a_user_has_50_sessions_and_with_one_more_the_oldest_ends(
    services: Services, anna: User, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ Nothing that one user does grows without end. Which one ends is not decided by a clock."""
    for each in (module, beginning):
        monkeypatch.setattr(each, "MOST", 3)
    with freeze_time(NOW) as clock:
        cookies = [sign_in(services, anna) for _ in range(3)]
        clock.move_to(NOW - LONGEST)  # wrong: the latest looks like the oldest
        latest = sign_in(services, anna)
        assert found(services, latest)
        clock.move_to(NOW)
        assert [services.sessions.find(each) is not None for each in cookies] == [False, True, True]
    ended = rows.audit_events(database)[-1]
    assert (ended.action, json.loads(ended.detail)["because"]) == ("session.ended", "3 at most")
    assert len(services.sessions.of_user(anna.id)) <= 3


@pytest.mark.both_databases
def test_the_number_of_a_session_is_never_given_again(services: Services, anna: User) -> None:
    """Audit events name it."""
    first = found(services, sign_in(services, anna)).id
    services.sessions.end_all("anna", OPERATOR)
    assert found(services, sign_in(services, anna)).id > first


def test_ending_the_others_again_and_again_leaves_one_event(services: Services, anna: User, database: Database) -> None:
    """◆ No user makes the audit log grow as fast as they can send. Fails when it is recorded without a change."""
    here, _ = (found(services, sign_in(services, anna)) for _ in range(2))
    caller = Caller("anna", anna.id, credential=here.credential, role=anna.role)
    for ended in (1, 0, 0):
        assert services.sessions.end_all(anna.id, caller, keeps=here.id) == ended
    actions = [each.action for each in rows.audit_events(database)]
    assert actions.count("user.sessions_ended") == 1


def test_a_form_token_fits_only_the_cookie_or_the_session_it_was_made_for(services: Services, anna: User) -> None:
    """Fails when the token does not depend on the cookie, or is the cookie's digest as it is stored."""
    mine, other = services.sessions.new_cookie(), services.sessions.new_cookie()
    token = services.sessions.form_token(mine, None)
    assert services.sessions.is_form_token(mine, None, token)
    assert not services.sessions.is_form_token(other, None, token)
    here, there = (found(services, sign_in(services, anna)) for _ in range(2))
    in_session = services.sessions.form_token(mine, here)
    assert services.sessions.is_form_token(other, here, in_session), "the pages of before it was renewed go on"
    for known in (None, there):
        assert not services.sessions.is_form_token(mine, known, in_session)
        assert not services.sessions.is_form_token(str(here.id), known, in_session)
    for odd in ("", token[:-1], token + " ", token.upper(), mine, "é" * 64, "\x00", services.sessions._digest(mine)):
        assert not services.sessions.is_form_token(mine, None, odd)

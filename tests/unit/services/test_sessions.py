"""Sessions of the pages, without pages: what is kept of them, who is found by one, and what ends them.

Here belongs ``app.services.sessions`` on a real database. Not here: its times (``tests/unit/domain/test_sessions``),
cookies and forms (``tests/contract/test_pages_sessions``).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import select, update

from app.domain.clock import system_clock
from app.domain.errors import BadCredentials, BadRequest, RateLimited, Unavailable
from app.domain.identity import Caller, Role, User
from app.domain.sessions import IDLE, LONGEST, WebSession
from app.services import Services, throttling
from app.services.sessions import SEEN_EVERY_SECONDS, Sessions
from app.storage.database import Database
from app.storage.tables import SessionRow
from config import Keys
from tests import rows
from tests.crowds import all_at_once
from tests.databases import KEYS, destroy
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ANOTHER = f"{PASSWORD_MARK}-another"
HERE = Caller("", address="192.0.2.1", request_id="r1")


@pytest.fixture
def anna(services: Services) -> User:
    return make_user(services, "anna", password=PASSWORD)


def sign_in(services: Services, user: User, before: str | None = None) -> str:
    return services.sessions.sign_in(user.username, PASSWORD, HERE, before)


def found(services: Services, cookie: str) -> WebSession:
    known = services.sessions.find(cookie)
    assert known is not None
    return known


def row(database: Database) -> SessionRow:
    """The only one."""
    with database.reading() as session:
        return session.scalars(select(SessionRow)).one()


def audited(database: Database) -> list[tuple[str, str, str, str | None, str | None]]:
    about = [each for each in rows.audit_events(database) if each.action.startswith("session.")]
    return [(each.action, each.actor, each.object_id, each.address, each.request_id) for each in about]


def test_a_session_is_of_whoever_signed_in(services: Services, anna: User) -> None:
    with freeze_time(NOW):
        known = found(services, sign_in(services, anna))
    assert (known.user.id, known.user.username) == (anna.id, "anna")
    assert known.created_at == known.seen_at == known.proved_at == known.user.last_login_at == NOW


def test_only_a_keyed_digest_of_the_cookie_is_kept(
    services: Services, anna: User, database: Database, services_with: Callable[..., Services]
) -> None:
    """Whoever reads the database can't use a session. Fails when the cookie, or a bare hash of it, is kept."""
    cookie = sign_in(services, anna)
    assert cookie not in str(rows.everything(database))
    digest = row(database).digest
    assert services.sessions.find(digest) is None
    assert services.sessions.find(digest[:43]) is None
    elsewhere = services_with(Keys(KEYS.token_keys, b"q" * 32))
    assert elsewhere.sessions.find(cookie) is None
    assert elsewhere.sessions.form_token(cookie) != services.sessions.form_token(cookie)


def test_what_is_no_cookie_of_ours_finds_nobody(services: Services) -> None:
    for odd in (None, "", "x", "a" * 42, "a" * 44, "é" * 43, "a" * 42 + "\n", "\x00" * 43, "a" * 100_000):
        assert services.sessions.find(odd) is None
        assert not services.sessions.has_ended(odd)


def test_two_cookies_are_never_the_same(services: Services) -> None:
    made = {services.sessions.new_cookie() for _ in range(1000)}
    assert len(made) == 1000
    assert {len(each) for each in made} == {43}


def test_signing_in_again_ends_the_session_before(services: Services, anna: User, database: Database) -> None:
    """Fails when `before` is forgotten."""
    first = sign_in(services, anna)
    second = sign_in(services, anna, before=first)
    assert first != second
    assert services.sessions.find(first) is None
    assert found(services, second)
    assert rows.count(database, SessionRow) == 1


def test_a_refused_sign_in_leaves_the_session_before_as_it_is(services: Services, anna: User) -> None:
    cookie = sign_in(services, anna)
    with pytest.raises(BadCredentials):
        services.sessions.sign_in(anna.username, ANOTHER, HERE, cookie)
    assert found(services, cookie)


def test_a_session_is_written_to_once_a_minute_at_most(services: Services, anna: User, database: Database) -> None:
    with freeze_time(NOW) as clock:
        cookie = sign_in(services, anna)
        clock.tick(SEEN_EVERY_SECONDS - 1)
        found(services, cookie)
        assert row(database).seen_at == NOW
        clock.tick(1)
        found(services, cookie)
        assert row(database).seen_at == NOW + timedelta(seconds=SEEN_EVERY_SECONDS)
        assert row(database).proved_at == row(database).created_at == NOW


def test_a_session_that_is_over_is_not_found_and_not_revived(
    services: Services, anna: User, database: Database
) -> None:
    with freeze_time(NOW) as clock:
        cookie = sign_in(services, anna)
        assert not services.sessions.has_ended(services.sessions.new_cookie())
        clock.move_to(NOW + IDLE)
        assert services.sessions.find(cookie) is None
        assert services.sessions.has_ended(cookie)
        assert row(database).seen_at == NOW


def test_rights_are_read_with_each_request(services: Services, anna: User) -> None:
    cookie = sign_in(services, anna)
    make_user(services, role=Role.SERVER_ADMIN)
    services.accounts.set_role("anna", Role.SERVER_ADMIN, OPERATOR)
    assert found(services, cookie).user.is_administrator
    services.accounts.set_role("anna", Role.VIEWER, OPERATOR)
    assert not found(services, cookie).user.is_administrator


def test_who_is_disabled_has_no_session_even_if_the_row_is_there(
    services: Services, anna: User, database: Database
) -> None:
    """Fails when `find` does not read the user. (A sign-in at the same moment may leave a row.)"""
    cookie = sign_in(services, anna)
    digest = row(database).digest
    services.accounts.disable("anna", OPERATOR)
    assert rows.count(database, SessionRow) == 0
    with database.transaction() as session:
        session.add(SessionRow(digest=digest, user_id=anna.id, created_at=NOW, seen_at=NOW, proved_at=NOW))
    with freeze_time(NOW):
        assert services.sessions.find(cookie) is None


def test_whoever_is_disabled_cannot_sign_in(services: Services, anna: User, database: Database) -> None:
    services.accounts.disable("anna", OPERATOR)
    with pytest.raises(BadCredentials):
        sign_in(services, anna)
    assert rows.count(database, SessionRow) == 0


def test_signing_out_ends_one_session_and_is_harmless_twice(services: Services, anna: User, database: Database) -> None:
    cookie, other = sign_in(services, anna), sign_in(services, anna)
    for _ in range(2):
        services.sessions.sign_out(cookie, HERE)
    assert services.sessions.find(cookie) is None
    assert found(services, other)
    assert [each[0] for each in audited(database)] == ["session.began", "session.began", "session.ended"]


def test_the_audit_log_says_whose_session_began_and_ended(services: Services, anna: User, database: Database) -> None:
    """Also of one whose time is over, where nobody is known by the cookie. Fails when the caller's name is written."""
    with freeze_time(NOW) as clock:
        cookie = sign_in(services, anna)
        clock.move_to(NOW + LONGEST)
        services.sessions.sign_out(cookie, HERE)
    began, ended = audited(database)
    assert began == ("session.began", "anna", "anna", "192.0.2.1", "r1")
    assert ended == ("session.ended", "anna", "anna", "192.0.2.1", "r1")


def test_without_its_audit_row_no_session_begins_or_ends(services: Services, anna: User, database: Database) -> None:
    cookie = sign_in(services, anna)
    rows.refuse_writes(database, "audit_events", "INSERT")
    for act in (lambda: sign_in(services, anna), lambda: services.sessions.sign_out(cookie, HERE)):
        with pytest.raises(Exception, match="planted fault"):
            act()
    rows.allow_writes(database, "audit_events")
    assert rows.count(database, SessionRow) == 1
    assert found(services, cookie)


def test_proving_oneself_again_makes_the_password_fresh(services: Services, anna: User) -> None:
    with freeze_time(NOW) as clock:
        cookie = sign_in(services, anna)
        clock.tick(timedelta(minutes=11))
        known = found(services, cookie)
        assert not services.sessions.is_fresh(known)
        with pytest.raises(BadCredentials):
            services.sessions.prove(known, ANOTHER, HERE)
        assert not services.sessions.is_fresh(found(services, cookie))
        services.sessions.prove(known, PASSWORD, HERE)
        assert services.sessions.is_fresh(found(services, cookie))


def test_proving_oneself_counts_as_an_attempt(services: Services, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "PAIR_LIMIT", 1)
    known = found(services, sign_in(services, anna))
    with pytest.raises(BadCredentials):
        services.sessions.prove(known, ANOTHER, HERE)
    with pytest.raises(RateLimited):
        services.sessions.prove(known, PASSWORD, HERE)
    with pytest.raises(RateLimited):
        services.sessions.change_password(known, PASSWORD, ANOTHER, HERE)


def test_a_new_password_ends_the_other_sessions_and_no_token(services: Services, anna: User) -> None:
    mine, other = sign_in(services, anna), sign_in(services, anna)
    elsewhere = make_user(services, password=PASSWORD)
    theirs = sign_in(services, elsewhere)
    access = mint(services, issue(services, anna))
    services.sessions.change_password(found(services, mine), PASSWORD, ANOTHER, HERE)
    assert found(services, mine) and found(services, theirs)
    assert services.sessions.find(other) is None
    services.verifier.verify(access.secret)
    with pytest.raises(BadCredentials):
        sign_in(services, anna)


@pytest.mark.parametrize(
    ("present", "wanted", "refusal"),
    [(ANOTHER, ANOTHER + "!", BadCredentials), (PASSWORD, PASSWORD, BadRequest), (PASSWORD, "short", BadRequest)],
)
def test_a_password_that_may_not_be_changed_so_stays(
    services: Services, anna: User, present: str, wanted: str, refusal: type[Exception]
) -> None:
    cookie, other = sign_in(services, anna), sign_in(services, anna)
    with pytest.raises(refusal):
        services.sessions.change_password(found(services, cookie), present, wanted, HERE)
    assert found(services, cookie) and found(services, other)
    sign_in(services, anna)


def test_a_password_that_was_given_out_is_remembered_until_it_is_changed(services: Services) -> None:
    services.accounts.add("root", Role.SERVER_ADMIN, PASSWORD, OPERATOR, is_temporary=True)
    cookie = services.sessions.sign_in("root", PASSWORD, HERE, None)
    assert found(services, cookie).has_temporary_password
    services.sessions.change_password(found(services, cookie), PASSWORD, ANOTHER, HERE)
    assert not found(services, cookie).has_temporary_password


def test_a_form_token_fits_the_cookie_it_was_made_for_alone(services: Services) -> None:
    """Fails when the token does not depend on the cookie, or is the cookie's digest as it is kept."""
    mine, other = services.sessions.new_cookie(), services.sessions.new_cookie()
    token = services.sessions.form_token(mine)
    assert services.sessions.is_form_token(mine, token)
    assert not services.sessions.is_form_token(other, token)
    for odd in ("", token[:-1], token + " ", token.upper(), mine, "é" * 64, "\x00", services.sessions._digest(mine)):
        assert not services.sessions.is_form_token(mine, odd)


def test_many_sign_ins_at_once_are_many_sessions(services: Services, anna: User, database: Database) -> None:
    cookies = []
    while len(cookies) < 4:  # the queue for passwords is short
        cookies += all_at_once([lambda: _attempt(services, anna)] * 2)
        cookies = [each for each in cookies if each]
    assert len(set(cookies)) == len(cookies) == rows.count(database, SessionRow)
    assert all(services.sessions.find(each) for each in cookies)


def _attempt(services: Services, user: User) -> str:
    try:
        return sign_in(services, user)
    except Unavailable:
        return ""


def test_old_sessions_are_purged_twelve_hours_after_they_began(
    services: Services, anna: User, database: Database
) -> None:
    with freeze_time(NOW):
        sign_in(services, anna)
    with freeze_time(NOW + timedelta(hours=1)):
        young = sign_in(services, anna)
    with freeze_time(NOW + LONGEST - MICROSECOND):
        services.expiring.purge(OPERATOR)
        assert rows.count(database, SessionRow) == 2
    with freeze_time(NOW + LONGEST):
        services.expiring.purge(OPERATOR)
        assert rows.count(database, SessionRow) == 1
    with database.transaction() as session:
        session.execute(update(SessionRow).values(seen_at=NOW + LONGEST))
    with freeze_time(NOW + LONGEST):
        assert found(services, young)


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


def test_a_password_that_is_changed_while_somebody_signs_in_with_it_lets_nobody_in(
    services: Services, database: Database
) -> None:
    """Fails when a session begins without looking at the digest again, under the lock."""
    user = make_user(services, password=PASSWORD)

    class ChangedMeanwhile:
        """The accounts, where somebody changes the password as soon as it was found to be right."""

        def authenticate(self, *given: Any) -> User:
            found = services.accounts.authenticate(*given)
            services.accounts.set_password(user.username, f"{PASSWORD}-another", OPERATOR)
            return found

    sessions = Sessions(database, system_clock, ChangedMeanwhile(), b"k" * 32)  # type: ignore[arg-type]
    with pytest.raises(BadCredentials):
        sessions.sign_in(user.username, PASSWORD, Caller(""), None)
    assert rows.count(database, SessionRow) == 0


def test_a_password_that_an_administrator_sets_while_another_is_chosen_stands(
    services: Services, database: Database, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the digest is not looked at again under the lock."""
    cookie = sign_in(services, anna)
    known = services.sessions.find(cookie)
    assert known is not None
    digest = services.accounts._digest

    def interrupted(password: str | None) -> str | None:
        """Hashing takes a while; at the end of it, somebody else has been quicker."""
        made = digest(password)
        monkeypatch.setattr(services.accounts, "_digest", digest)
        services.accounts.set_password("anna", f"{PASSWORD_MARK}-of-the-operator", OPERATOR)
        return made

    monkeypatch.setattr(services.accounts, "_digest", interrupted)
    with pytest.raises(BadCredentials):
        services.sessions.change_password(known, PASSWORD, ANOTHER, HERE)
    services.accounts.authenticate("anna", f"{PASSWORD_MARK}-of-the-operator", HERE)

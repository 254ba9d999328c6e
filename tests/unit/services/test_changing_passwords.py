"""New passwords: what ends with the old one, and passwords that somebody else chose."""

from functools import partial

import pytest
from freezegun import freeze_time

from app.domain.errors import BadCredentials, BadRequest, Conflict, NotFound, TemporaryPassword
from app.domain.identity import Caller, Role, User
from app.domain.passwords import TEMPORARY
from app.domain.sessions import WebSession
from app.services import Services
from app.storage.database import Database
from app.storage.tables import UserRow
from tests import rows
from tests.factories import OPERATOR, PASSWORD, Access, Refresh, issue, make_user, mint, set_password
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import MICROSECOND, NOW, refusal_of, works

ANOTHER = f"{PASSWORD_MARK}-another"
HERE = Caller("", address="192.0.2.1", request_id="r1")


def sign_in(services: Services, user: User, password: str = PASSWORD) -> str:
    return services.sessions.sign_in(user.username, password, HERE, None)


def found(services: Services, cookie: str) -> WebSession:
    known = services.sessions.find(cookie)
    assert known is not None
    return known


@pytest.fixture
def newcomer(services: Services) -> User:
    """A user whose password somebody else chose at NOW."""
    with freeze_time(NOW):
        return services.accounts.add("nora", Role.VIEWER, PASSWORD, OPERATOR, is_temporary=True)


def test_a_new_password_ends_the_users_other_sessions_and_no_token(
    services: Services, anna: User, refresh: Refresh, access: Access
) -> None:
    """◆ Fails when `end_of_user` is not called, or takes the present session too."""
    mine, other, theirs = (sign_in(services, user) for user in (anna, anna, make_user(services, password=PASSWORD)))
    services.changing_passwords.change(found(services, mine), PASSWORD, ANOTHER, HERE)
    assert found(services, mine) and found(services, theirs)
    assert services.sessions.find(other) is None
    assert works(services, access) and works(services, refresh)
    assert refusal_of(partial(sign_in, services, anna)) is BadCredentials
    set_password(services, "anna", PASSWORD)
    assert services.sessions.find(mine) is None


def test_tokens_are_revoked_with_the_password_where_that_is_asked_for(
    services: Services, anna: User, refresh: Refresh, access: Access
) -> None:
    """◆ Both, or neither."""
    known = found(services, sign_in(services, anna))
    others = mint(services, issue(services, make_user(services)))
    change = partial(services.changing_passwords.change, known, PASSWORD, revokes_tokens=True)
    assert refusal_of(partial(change, "short", HERE)) is BadRequest
    assert works(services, access)
    assert str(change(ANOTHER, HERE).revoked) == "1 refresh token and 1 access token"
    assert not works(services, access) and not works(services, refresh) and works(services, others)
    done = services.changing_passwords.set("anna", PASSWORD, OPERATOR, revokes_tokens=True)
    assert str(done.revoked) == "0 refresh tokens and 0 access tokens"


def test_without_its_audit_rows_nothing_of_a_change_happens(
    services: Services, anna: User, refresh: Refresh, database: Database
) -> None:
    cookie = sign_in(services, anna)
    rows.refuse_writes(database, "audit_events", "INSERT")
    with pytest.raises(Exception, match="planted fault"):
        services.changing_passwords.set("anna", ANOTHER, OPERATOR, revokes_tokens=True)
    assert found(services, cookie) and works(services, refresh)
    rows.allow_writes(database, "audit_events")
    sign_in(services, anna)


def test_a_refused_change_leaves_password_and_sessions_as_they_are(services: Services, anna: User) -> None:
    cookie, other = sign_in(services, anna), sign_in(services, anna)
    for present, new, refusal in (
        (ANOTHER, ANOTHER + "!", BadCredentials), (PASSWORD, PASSWORD, BadRequest), (PASSWORD, "short", BadRequest),
        (PASSWORD, "hello-anna-hello", BadRequest),
    ):  # fmt: skip
        with pytest.raises(refusal):
            services.changing_passwords.change(found(services, cookie), present, new, HERE)
    assert found(services, cookie) and found(services, other)
    sign_in(services, anna)


@pytest.mark.both_databases
def test_a_password_that_an_administrator_sets_during_a_change_by_its_user_stands(
    services: Services, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the digest is not read again under the lock."""
    known = found(services, sign_in(services, anna))
    by_operator = f"{PASSWORD_MARK}-of-the-operator"
    passwords = services.changing_passwords._passwords
    digest = passwords.digest_new

    def interrupted(*given: str, holder: str = "") -> str:
        made = digest(*given, holder=holder)
        monkeypatch.setattr(passwords, "digest_new", digest)
        set_password(services, "anna", by_operator)
        return made

    monkeypatch.setattr(passwords, "digest_new", interrupted)
    with pytest.raises(BadCredentials):
        services.changing_passwords.change(known, PASSWORD, ANOTHER, HERE)
    services.accounts.authenticate("anna", by_operator, HERE)


def test_a_temporary_password_works_for_72_hours(services: Services, newcomer: User) -> None:
    """◆ To the microsecond, and only who has the right one learns of it. Once the clock is right, all is as before."""
    by_api = partial(services.accounts.authenticate, "nora", PASSWORD, HERE)
    end = NOW + TEMPORARY
    assert newcomer.password_expires_at == end
    for at, refusal in ((end - MICROSECOND, None), (end, TemporaryPassword), (end - MICROSECOND, None)):
        with freeze_time(at):
            assert refusal_of(partial(sign_in, services, newcomer)) is refusal
            assert refusal_of(partial(sign_in, services, newcomer, ANOTHER)) is BadCredentials
            assert refusal_of(by_api) is refusal


def test_a_temporary_password_has_to_be_changed_and_then_nothing_expires(services: Services, newcomer: User) -> None:
    with freeze_time(NOW + TEMPORARY - MICROSECOND):
        cookie = sign_in(services, newcomer)
        assert found(services, cookie).must_change_password
        services.changing_passwords.change(found(services, cookie), PASSWORD, ANOTHER, HERE)
        assert not found(services, cookie).must_change_password
    with freeze_time(NOW + 10 * TEMPORARY):
        assert services.accounts.authenticate("nora", ANOTHER, HERE).user.password_expires_at is None
        services.changing_passwords.set("nora", PASSWORD, OPERATOR, is_temporary=True)
        assert services.accounts.authenticate("nora", PASSWORD, HERE).user.password_expires_at is not None


def test_a_password_from_before_they_expired_goes_on_and_one_changed_by_the_release_before_is_not_temporary(
    services: Services, newcomer: User, database: Database
) -> None:
    """That release writes only the flag."""
    for flag, expires_at in ((True, None), (False, NOW)):
        with database.transaction() as session:
            row = session.get_one(UserRow, newcomer.id)
            row.has_temporary_password, row.password_expires_at = flag, expires_at
        services.accounts.authenticate("nora", PASSWORD, HERE)
        known = found(services, sign_in(services, newcomer))
        assert (known.has_temporary_password, known.must_change_password) == (flag, False)


def test_an_introspectors_password_is_not_temporary_because_the_role_has_no_pages(services: Services) -> None:
    add = partial(services.accounts.add, "reports", Role.INTROSPECTOR, PASSWORD, OPERATOR, is_temporary=True)
    assert add().password_expires_at is None
    done = services.changing_passwords.set("reports", ANOTHER, OPERATOR, is_temporary=True)
    assert done.user.password_expires_at is None
    assert services.accounts.authenticate("reports", ANOTHER, HERE)


def test_ones_own_password_is_changed_by_the_present_one_only(services: Services, anna: User) -> None:
    """A session of an administrator's is not enough for the own one."""
    herself = Caller("anna", anna.id)
    for user in (anna.id, "ANNA"):
        assert refusal_of(partial(services.changing_passwords.set, user, ANOTHER, herself)) is Conflict
    assert refusal_of(partial(services.changing_passwords.set, 10**6, ANOTHER, OPERATOR)) is NotFound
    services.accounts.authenticate("anna", PASSWORD, HERE)

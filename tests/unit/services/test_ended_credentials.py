"""What a request makes or grants whose credential ended while it was under way: nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.domain.credentials import BY_PASSWORD
from app.domain.errors import BadCredentials, NotPermitted, Refusal, SessionEnded, TokenRevoked
from app.domain.identity import Caller, Role, User
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services import Services
from app.services.held_tokens import ByOwner
from app.storage.database import Database
from tests import rows
from tests.factories import (
    OPERATOR,
    PASSWORD,
    configure,
    disable,
    enable,
    generate,
    issue,
    make_user,
    set_password,
    set_role,
    with_token,
)
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import refusal_of

HERE = Caller("", address="192.0.2.1")
NEW = f"{PASSWORD_MARK}-that-is-new"

Act = Callable[[Services, Caller], object]


def _of_user(its: Services, caller: Caller) -> int:
    assert caller.user_id is not None
    return caller.user_id


ACTS: dict[str, Act] = {
    "a refresh token": lambda its, caller: its.issuing.issue(_of_user(its, caller), "late", caller),
    "an API token": lambda its, caller: its.single_tier.generate(_of_user(its, caller), None, None, caller),
    "a mint": lambda its, caller: its.minting.mint(_own(its, caller), caller),
    "a regeneration": lambda its, caller: its.issuing.regenerate(_own(its, caller), caller),
    "a user": lambda its, caller: its.accounts.add("late", Role.SERVER_ADMIN, PASSWORD, caller),
    "a password": lambda its, caller: its.changing_passwords.set("berta", NEW, caller),
    "a role": lambda its, caller: set_role(its, "berta", Role.SERVER_ADMIN, caller),
    "a wider setting": lambda its, caller: its.instance_settings.change("access_token_lifespan", "700", caller),
    "an unlocked account": lambda its, caller: its.accounts.throttle.unlock("berta", caller),
}
OF_OTHERS = ("a user", "a password", "a role", "a wider setting", "an unlocked account")


def _own(its: Services, caller: Caller) -> ByOwner:
    held = its.listing.tokens(TokenKind.REFRESH, TokenFilter()).items[0]
    return ByOwner(held.token.public_id, held.token.user_id)


@pytest.fixture
def admin(services: Services) -> User:
    configure(services, api_can_manage_users="on", api_can_create_refresh_tokens="on")
    make_user(services, "berta")
    user = make_user(services, "anna", Role.SERVER_ADMIN, PASSWORD)
    make_user(services, "carl", Role.SERVER_ADMIN)
    issue(services, user)
    return user


def _in_session(its: Services, user: User) -> Caller:
    known = its.sessions.find(its.sessions.sign_in(user.username, PASSWORD, HERE, None))
    assert known is not None
    return Caller(user.username, user.id, credential=replace(known.credential, is_fresh=True), role=user.role)


def _with_password(its: Services, user: User) -> Caller:
    digest = its.accounts.authenticate(user.username, PASSWORD, HERE).digest
    return Caller(user.username, user.id, credential=replace(BY_PASSWORD, digest=digest), role=user.role)


def _by_token(its: Services, user: User) -> Caller:
    return with_token(user, generate(its, user, None))


def _end(its: Services, caller: Caller) -> None:
    assert caller.credential is not None
    its.revoking.revoke(caller.credential.id, "", OPERATOR)


ENDS: dict[str, tuple[Callable[[Services, User], Caller], Act, type[Refusal]]] = {
    "its session": (_in_session, lambda its, _: its.sessions.end_all("anna", OPERATOR), SessionEnded),
    "its session's password": (_in_session, lambda its, _: set_password(its, "anna", NEW), SessionEnded),
    "its password": (_with_password, lambda its, _: set_password(its, "anna", NEW), BadCredentials),
    "its token": (_by_token, _end, TokenRevoked),
    "its account, for a moment": (
        _in_session, lambda its, _: (disable(its, "anna"), enable(its, "anna")), SessionEnded,
    ),
    "its account": (_by_token, lambda its, _: disable(its, "anna"), BadCredentials),
}  # fmt: skip


NEVER_ENOUGH = {_with_password: ACTS.keys() - {"a refresh token", "an API token"}, _by_token: {"an unlocked account"}}
"""Acts that the ladder refuses in any case."""


@pytest.mark.parametrize("ended", ENDS)
def test_nothing_is_made_or_granted_once_the_credential_has_ended(
    services: Services, database: Database, admin: User, ended: str
) -> None:
    """◆ Fails when the credential is not read again in the transaction that makes or grants."""
    sign_in, end, refusal = ENDS[ended]
    caller = sign_in(services, admin)
    end(services, caller)
    before = rows.everything(database)
    for name, act in ACTS.items():
        if name in NEVER_ENOUGH.get(sign_in, ()):
            continue
        assert refusal_of(lambda act=act: act(services, caller)) is refusal, name  # type: ignore[misc]
    assert rows.everything(database) == before


def test_an_administrator_who_is_none_any_more_grants_nothing(
    services: Services, database: Database, admin: User
) -> None:
    """◆ Fails when the role is as it was when the request began."""
    callers = [_in_session(services, admin), _by_token(services, admin)]
    set_role(services, "anna", Role.VIEWER)
    before = rows.everything(database)
    for caller in callers:
        for name in OF_OTHERS:
            assert refusal_of(lambda caller=caller, name=name: ACTS[name](services, caller)) is NotPermitted  # type: ignore[misc]
    assert rows.everything(database) == before


@pytest.mark.parametrize("name", ["a user", "a password"])
def test_who_ends_while_a_password_is_digested_sets_none(
    services: Services, database: Database, admin: User, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ A turn to digest can take seconds. Fails when the ladder is asked only before it."""
    caller = _by_token(services, admin)
    digest, passwords = services.accounts._passwords.digest_new, services.accounts._passwords

    def interrupted(*words: Any, **more: Any) -> str:
        _end(services, caller)
        return digest(*words, **more)

    monkeypatch.setattr(passwords, "digest_new", interrupted)
    hashes = {each.username: each.id for each in services.accounts.every()}
    assert refusal_of(lambda: ACTS[name](services, caller)) is TokenRevoked
    assert {each.username: each.id for each in services.accounts.every()} == hashes
    assert "user.password_changed" not in [each.action for each in rows.audit_events(database)]

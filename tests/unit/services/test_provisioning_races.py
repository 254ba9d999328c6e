"""What happens at the same time as a directory's change."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from app.domain.credentials import Credential, CredentialKind
from app.domain.errors import Refusal
from app.domain.identity import Caller, Role
from app.domain.provisioned import Group, Person
from app.services import Services
from app.services.held_tokens import BySecret
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint, works

pytestmark = pytest.mark.both_databases

THREADS = 16


@pytest.fixture
def directory(services: Services) -> Caller:
    token, _ = services.scim.tokens.create("directory", None, OPERATOR)
    return Caller("scim:directory", credential=Credential(CredentialKind.SCIM_TOKEN, token.public_id))


@pytest.mark.parametrize("by_delete", [False, True], ids=["active false", "DELETE"])
def test_no_check_mint_or_sign_in_that_begins_after_the_answer_is_accepted(
    services: Services, directory: Caller, by_delete: bool
) -> None:
    """◆ Sixteen threads check, mint and sign in; each says whether it began after the answer.

    Fails when ``Provisioning.change`` answers before its transaction ends, or a check keeps what it has read.
    """
    berta = services.scim.users.add(Person("berta"), directory)
    user = services.accounts.by_id(berta.id)
    services.changing_passwords.set(user.id, PASSWORD, OPERATOR)
    refresh = issue(services, user)
    access = mint(services, refresh)
    answered, started, accepted_late, accepted = threading.Event(), threading.Barrier(THREADS + 1), [], []

    acts: list[Callable[[], object]] = [
        lambda: services.minting.mint(BySecret(refresh.secret, user.id), Caller("")),
        lambda: services.sessions.sign_in("berta", PASSWORD, Caller("", address="192.0.2.7"), None),
        lambda: services.verifier.verify(access.secret),
    ]

    def work(number: int) -> None:
        started.wait()
        while True:
            is_late = answered.is_set()
            with suppress(Refusal):
                acts[1 if number == 1 else number % 4 and 2]()
                (accepted_late if is_late else accepted).append(number)
            if is_late:
                return

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for each in threads:
        each.start()
    started.wait()
    while not accepted:
        answered.wait(0.01)
    if by_delete:
        services.scim.users.remove(berta.id, lambda user: None, directory)
    else:
        services.scim.users.change(berta.id, lambda user: replace(user.person, is_active=False), directory)
    answered.set()
    for each in threads:
        each.join()
    assert accepted and not accepted_late
    assert not works(services, refresh)
    assert services.sessions.of_user(user.id) == []


def test_groups_that_change_at_once_leave_each_member_the_role_of_the_groups_that_are_left(
    services: Services, directory: Caller
) -> None:
    """Fails without the lock of the administrators (tried on PostgreSQL)."""
    make_user(services, role=Role.SERVER_ADMIN)
    made = services.scim.users.add(Person("berta"), directory)
    groups = {
        role: services.scim.groups.add(Group(role.title(), None, frozenset()), directory)
        for role in (Role.STEWARD, Role.COMPOSER, Role.EXPLORER)
    }
    for role in groups:
        services.scim.roles.map(role.title(), role, OPERATOR)
    only = frozenset({made.id})

    def swing(role: Role) -> None:
        for members in (only, frozenset[int](), only, frozenset[int](), only):
            services.scim.groups.change(
                groups[role].id, lambda known, members=members: replace(known.group, members=members), directory
            )
        if role is not Role.EXPLORER:
            services.scim.groups.change(
                groups[role].id, lambda known: replace(known.group, members=frozenset()), directory
            )

    threads = [threading.Thread(target=swing, args=(role,)) for role in groups]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert services.accounts.by_id(made.id).role is Role.EXPLORER

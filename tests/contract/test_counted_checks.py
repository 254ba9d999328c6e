"""A token that is verified: whether that counts as an accepted or a refused check, and as a use of the token."""

from collections.abc import Callable

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import AskedGate, OAuth, bearer
from tests.contract.asking_native import Native
from tests.factories import issue, make_user, mint

ACCEPTED, REFUSED, NEITHER = (1, 0), (0, 1), (0, 0)


@pytest.mark.parametrize(
    ("role", "place", "counted", "is_used"),
    [
        (Role.VIEWER, "gate", ACCEPTED, True),
        (Role.VIEWER, "gate for administrators", REFUSED, False),
        (Role.VIEWER, "own tokens", ACCEPTED, True),
        (Role.INTROSPECTOR, "own tokens", REFUSED, False),
        (Role.VIEWER, "administration", REFUSED, True),
        (Role.VIEWER, "introspection", REFUSED, True),
        (Role.VIEWER, "identified", NEITHER, False),
    ],
)
def test_a_token_refused_for_its_role_counts_as_refused_and_an_identified_one_not_at_all(
    services: Services,
    gate: AskedGate,
    native: Native,
    oauth: OAuth,
    role: Role,
    place: str,
    counted: tuple[int, int],
    is_used: bool,
) -> None:
    access = mint(services, issue(services, make_user(services, role=role)))
    places: dict[str, Callable[[str], object]] = {
        "gate": gate.verify,
        "gate for administrators": lambda token: gate.verify(token, "role=SERVER_ADMIN"),
        "own tokens": lambda token: native.get("me", headers={"TOKEN": token}),
        "administration": lambda token: native.get("users", headers={"TOKEN": token}),
        "introspection": lambda token: oauth.introspect(token, headers=bearer(token)),
        "identified": services.identifying.identify,
    }
    before = _counts(services)
    places[place](access.secret)
    after = _counts(services)
    assert (after[0] - before[0], after[1] - before[1]) == counted
    assert (services.listing.find(access.token.public_id).token.last_used_at is not None) == is_used


def _counts(services: Services) -> tuple[int, int]:
    services.last_use.flush()
    hours = services.check_counts.latest(2)
    return sum(hour.accepted for hour in hours), sum(hour.refused for hour in hours)

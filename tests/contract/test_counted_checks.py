"""Which requests count as an accepted or a refused check, at every place that verifies an access token."""

from collections.abc import Callable

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.contract.asking import AskedGate, OAuth, bearer
from tests.contract.asking_native import Native
from tests.factories import issue, make_user, mint

Entry = Callable[[str], object]
ACCEPTED, REFUSED, NEITHER = (1, 0), (0, 1), (0, 0)


@pytest.mark.parametrize(
    ("role", "entry", "counted"),
    [
        (Role.VIEWER, "gate", ACCEPTED),
        (Role.INTROSPECTOR, "gate", REFUSED),
        (Role.VIEWER, "gate for administrators", REFUSED),
        (Role.VIEWER, "native", ACCEPTED),
        (Role.INTROSPECTOR, "native", REFUSED),
        (Role.VIEWER, "native for administrators", REFUSED),
        (Role.VIEWER, "introspection", REFUSED),
        (Role.VIEWER, "identified", NEITHER),
    ],
)
def test_a_token_refused_for_its_role_counts_as_refused_and_an_identified_one_not_at_all(
    services: Services, gate: AskedGate, native: Native, oauth: OAuth, role: Role, entry: str, counted: tuple[int, int]
) -> None:
    secret = mint(services, issue(services, make_user(services, role=role))).secret
    entries: dict[str, Entry] = {
        "gate": gate.verify,
        "gate for administrators": lambda token: gate.verify(token, "role=SERVER_ADMIN"),
        "native": lambda token: native.get("me", headers={"TOKEN": token}),
        "native for administrators": lambda token: native.get("users", headers={"TOKEN": token}),
        "introspection": lambda token: oauth.introspect(token, headers=bearer(token)),
        "identified": services.identifying.identify,
    }
    before = _counts(services)
    entries[entry](secret)
    after = _counts(services)
    assert (after[0] - before[0], after[1] - before[1]) == counted


def _counts(services: Services) -> tuple[int, int]:
    services.check_counts.flush()
    hours = services.check_counts.latest(2)
    return sum(hour.accepted for hour in hours), sum(hour.refused for hour in hours)

"""Secrets that regeneration replaced: recognised among any number, under every key of the ring, and under no other."""

from collections.abc import Callable

import pytest

from app.domain.errors import TokenRevoked, TokenUnknown
from app.services import Services
from config import Keys
from tests.databases import KEYS
from tests.factories import Refresh, regenerate, validate
from tests.unit.services.verdicts import refusal_of

pytestmark = pytest.mark.both_databases

OLD, NEW = KEYS.token_keys, {"k2": b"2" * 32}


def test_each_replaced_secret_is_refused_as_revoked_until_its_key_is_removed(
    services: Services, services_with: Callable[..., Services], refresh: Refresh
) -> None:
    """Fails when only the current key's digest is looked up."""
    rotated = services_with(keys=Keys(NEW | OLD, KEYS.pepper))
    replaced = [refresh]
    for at in (services, services, rotated, rotated):
        replaced.append(regenerate(at, replaced[-1]))
    last = replaced.pop()
    without_old = services_with(keys=Keys(NEW, KEYS.pepper))
    for each in replaced:
        assert refusal_of(lambda each=each: validate(rotated, each.secret)) is TokenRevoked  # type: ignore[misc]
    assert validate(without_old, last.secret).status == "active"
    assert refusal_of(lambda: validate(without_old, refresh.secret)) is TokenUnknown
    assert refusal_of(lambda: validate(without_old, replaced[-1].secret)) is TokenRevoked

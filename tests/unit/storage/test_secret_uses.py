"""The uses of both secrets by address: the latest of each, of a bounded number, and only while they matter."""

import pytest
from sqlalchemy.orm import Session

from app.domain.rotation import SecretUse
from app.domain.secrets import Mac
from app.storage import new_secrets, refresh_tokens, secret_uses
from app.storage.made_with import NO_TOKEN
from app.storage.secret_uses import MOST_ADDRESSES
from app.storage.tables import UserRow
from tests.unit.storage.planting import HOUR, NOW, plant_refresh_token

pytestmark = pytest.mark.both_databases


def test_the_latest_use_of_each_address_is_kept_of_at_most_a_hundred(session: Session, owner: UserRow) -> None:
    """Fails when one more address is added, or a known one is not updated any more when there are as many."""
    row, other = plant_refresh_token(session, owner), plant_refresh_token(session, owner)
    for number in range(MOST_ADDRESSES + 2):
        secret_uses.note(session, row.id, 1, f"192.0.2.{number}", "curl/8", NOW)
    secret_uses.note(session, row.id, 0, None, None, NOW)
    secret_uses.note(session, row.id, 1, "192.0.2.0", "curl/9", NOW + HOUR)
    found = secret_uses.of_token(session, row.id)
    assert len(found) == MOST_ADDRESSES + 1
    assert found[0] == SecretUse(1, NOW + HOUR, "192.0.2.0", "curl/9")
    assert SecretUse(0, NOW, None, None) in found
    assert secret_uses.of_token(session, other.id) == []


def test_a_rotation_forgets_the_uses_of_the_secrets_before(session: Session, owner: UserRow) -> None:
    row = plant_refresh_token(session, owner)
    for number in range(3):
        held = refresh_tokens.find(session, row.public_id)
        assert held is not None
        secret_uses.note(session, row.id, held.secret_number, "192.0.2.7", None, NOW)
        mac = Mac("k1", bytes([number]) * 32)
        new_secrets.rotate(session, held, mac, NOW, NOW + HOUR, NOW + HOUR / 2, NO_TOKEN)
    assert [use.number for use in secret_uses.of_token(session, row.id)] == [2]

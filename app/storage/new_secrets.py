"""Giving a held refresh token a new secret: regenerating and rotating; and ending the old secret of a rotated one.

A token has at most two secrets that work: the current one and the one before. Not here: who may, and what the new
secret is (``app.services.issuing``, ``app.services.rotating``).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, null, update
from sqlalchemy.orm import Session

from app.domain.secrets import Mac
from app.domain.tokens import TokenStatus, capped
from app.storage import budgets, retired_secrets
from app.storage.made_with import Maker, maker_columns
from app.storage.refresh_tokens import TABLE, StoredRefreshToken
from app.storage.secret_tables import SecretUseRow

NO_OLD_SECRET: dict[str, Any] = {"previous_key_id": None, "previous_mac": None}


def regenerate(
    session: Session, held: StoredRefreshToken, mac: Mac, now: datetime, expires_at: datetime, maker: Maker | None
) -> StoredRefreshToken:
    """Give it a new secret and expiry, and end every other; the updated row.

    `maker`: None where its own secret does it; what made that, and its limit, stay.
    """
    retired_secrets.add(session, held.id, Mac(held.key_id, held.mac), now)
    _retire_old(session, held, now)
    values = _new_secret(held, mac, expires_at) | NO_OLD_SECRET | {"regenerated_at": now, "previous_until": None}
    values |= {"status": TokenStatus.ACTIVE, "sharing_seen_at": None, "secret_seen_at": None}
    values |= {} if maker is None else maker_columns(maker)
    return _update(session, held, values)


def rotate(
    session: Session,
    held: StoredRefreshToken,
    mac: Mac,
    now: datetime,
    expires_at: datetime,
    until: datetime,
    maker: Maker,
) -> StoredRefreshToken:
    """Give it a new secret and expiry, and keep the present one to `until`; the updated row. It is counted.

    What the present one replaced ends now. `maker`: of the new one; the limit of what made the present one stays,
    because that works as well.
    """
    present = Mac(held.key_id, held.mac)
    _retire_old(session, held, now)
    values = _new_secret(held, mac, expires_at) | {"rotated_at": now, "previous_until": until}
    if until > now:
        values |= {"previous_key_id": present.key_id, "previous_mac": present.digest}
    else:
        retired_secrets.add(session, held.id, present, now)
        values |= NO_OLD_SECRET
    if maker.public_id is not None:
        values["created_with"] = maker.public_id
    if maker.until is not None:
        values["renewable_until"] = capped(maker.until, held.renewable_until)
    values |= budgets.raised(TABLE, budgets.REGENERATIONS) | {"secret_seen_at": _still_seen()}
    return _update(session, held, values, budgets.instants(now))


def end_old_secret(session: Session, held: StoredRefreshToken, now: datetime) -> StoredRefreshToken:
    """End the secret before the current one, whatever a clock says later; the updated row."""
    _retire_old(session, held, now)
    until = capped(now, held.previous_until)
    return _update(session, held, NO_OLD_SECRET | {"previous_until": until, "secret_seen_at": _still_seen()})


def _new_secret(held: StoredRefreshToken, mac: Mac, expires_at: datetime) -> dict[str, Any]:
    number = held.secret_number + 1
    return {"key_id": mac.key_id, "mac": mac.digest, "secret_number": number, "expires_at": expires_at}


def _still_seen() -> Any:
    """Where a secret was found before the last rotation, it is the old one, which ends here."""
    return case((TABLE.c.secret_seen_at < TABLE.c.rotated_at, null()), else_=TABLE.c.secret_seen_at)


def _retire_old(session: Session, held: StoredRefreshToken, now: datetime) -> None:
    if held.previous_mac is not None and held.previous_key_id is not None:
        old = Mac(held.previous_key_id, held.previous_mac)
        retired_secrets.add(session, held.id, old, capped(now, held.previous_until))
    if held.rotated_at is not None:
        is_earlier = SecretUseRow.secret_number < held.secret_number
        session.execute(delete(SecretUseRow).where(SecretUseRow.refresh_token_id == held.id, is_earlier))


def _update(
    session: Session, held: StoredRefreshToken, values: dict[str, Any], parameters: dict[str, Any] | None = None
) -> StoredRefreshToken:
    statement = update(TABLE).where(TABLE.c.id == held.id).values(values).returning(TABLE)
    return StoredRefreshToken._make(session.execute(statement, parameters or {}).one())

"""An installation as it is after months: tokens of every age and status, used and not, and a long audit log.

``bench.installations`` writes rows that are all alike, which is enough for a check of one token. A list that is
filtered, sorted and counted is as slow as what it has to pass over.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, String, cast, literal, select, text, update

from app.domain.clock import system_clock
from app.domain.tokens import TokenStatus
from app.storage.audit_tables import AuditEventRow
from app.storage.operating_tables import BulkRevocationRow, CheckCountRow
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from bench.installations import Installation, write_rows

NAMES = (
    "nightly-etl", "catalog-sync", "lineage-export", "dashboards", "dbt-docs", "airflow", "quality-checks",
    "usage-report", "glossary-import", "tableau-refresh", "backup", "terraform", "sandbox", "notebook",
)  # fmt: skip

GROUPS = 60
"""Every 60th token is of the same age and status."""

LIFE_DAYS = 60
OF_ADMINISTRATOR = 50
"""Every so many-th token is of the administrator, who looks at the pages: 2,000 of 100,000."""
SINGLE_TIER = 200
AUDIT_EVENTS = 200_000
ACTIONS = (
    ("access_token.minted", "access_token"), ("session.began", "user"), ("refresh_token.created", "refresh_token"),
    ("refresh_token.regenerated", "refresh_token"), ("refresh_token.revoked", "refresh_token"),
    ("user.created", "user"), ("access_token.created", "access_token"),
)  # fmt: skip
HOURS_OF_CHECKS = 60 * 24

DAY = timedelta(days=1)


def live_in(installation: Installation) -> None:
    """Let the months pass, in place. `installation`: one whose tokens were never used."""
    now = system_clock()
    engine = installation.engine()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # as when it was filled
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        administrator = connection.scalar(select(UserRow.id).where(UserRow.username == "admin"))
        assert administrator is not None
        for group in range(GROUPS):
            _age(connection, group, now)
        _give(connection, administrator)
        write_rows(connection, AuditEventRow, _events(now))
        write_rows(connection, CheckCountRow, _checks(now))
        write_rows(connection, BulkRevocationRow, _revocations(now))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("PRAGMA optimize" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))
    engine.dispose()


def _age(connection: Connection, group: int, now: datetime) -> None:
    """Of a hundred tokens, 73 are active, 15 have expired and 12 were revoked; two in three were used."""
    row, access = RefreshTokenRow, AccessTokenRow
    ended = TokenStatus.EXPIRED if 44 <= group < 53 else TokenStatus.REVOKED if group >= 53 else None
    created = now - (group + LIFE_DAYS if ended is TokenStatus.EXPIRED else group + 0.5) * DAY
    used = now - group / 3 * DAY if group % 3 else None
    values: dict[str, Any] = {
        "created_at": created,
        "last_used_at": used,
        "last_used_ip": "192.0.2.7" if used else None,
    }
    if ended is TokenStatus.REVOKED:
        values |= {"revoked_at": now - group / 9 * DAY, "revoked_by": "admin", "revoke_reason": "it was in a log"}
    name = literal(f"{NAMES[group % len(NAMES)]}-") + cast(row.id, String)
    aged = values | {"status": ended or TokenStatus.ACTIVE, "expires_at": created + LIFE_DAYS * DAY, "name": name}
    connection.execute(update(row).where(row.id % GROUPS == group).values(aged))
    is_over = ended is None and group % 2
    minted = values | {"created_at": max(created, now - 2 * DAY) if is_over else now - DAY / 2}
    status = TokenStatus.EXPIRED if is_over else ended or TokenStatus.ACTIVE
    expires = minted["created_at"] + DAY
    connection.execute(
        update(access).where(access.id % GROUPS == group).values(minted | {"status": status, "expires_at": expires})
    )


def _give(connection: Connection, administrator: int) -> None:
    """Many of both tiers to the administrator; ids of a refresh token and of the one under it are the same."""
    for table in (RefreshTokenRow, AccessTokenRow):
        mine = table.id % OF_ADMINISTRATOR == 0
        connection.execute(update(table).where(mine).values(user_id=administrator))
    token = AccessTokenRow
    single = {"refresh_token_id": None, "user_id": administrator, "expires_at": None, "description": NAMES[0]}
    connection.execute(update(token).where(token.id % SINGLE_TIER == 2 * GROUPS).values(single))


def _events(now: datetime) -> Iterator[dict[str, Any]]:
    for number in range(AUDIT_EVENTS):
        action, kind = ACTIONS[number % len(ACTIONS)]
        user = f"user-{number % 5_000}"
        yield {
            "at": now - (AUDIT_EVENTS - number) * timedelta(minutes=1),
            "actor": user,
            "action": action,
            "object_kind": kind,
            "object_id": user if kind == "user" else f"{number:012d}",
            "address": "192.0.2.7",
            "request_id": f"{number:036d}",
            "result": "refused" if number % 50 == 0 else "done",
            "detail": '{"name": "nightly-etl"}',
        }


def _checks(now: datetime) -> Iterator[dict[str, Any]]:
    hour = now.replace(minute=0, second=0, microsecond=0)
    for number in range(HOURS_OF_CHECKS):
        yield {"hour": hour - number * timedelta(hours=1), "accepted": 4_000 + number % 900, "refused": number % 60}


def _revocations(now: datetime) -> Iterator[dict[str, Any]]:
    yield {
        "revoked_at": now - DAY,
        "revoked_by": "admin",
        "revoke_reason": "it was in a log",
        "refresh_tokens": 4_312,
        "access_tokens": 3_977,
        "unmarked": 0,
        "finished_at": now - DAY,
    }

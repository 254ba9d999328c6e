"""The tables that the service needs to run: counters, keys, leases of jobs, the clock. None is of use to a user.

Not here: users and tokens (``tables``).
"""

from datetime import datetime

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.storage.database import Base
from app.storage.instants import UtcDateTime
from app.storage.partial_index import PartialIndex
from app.storage.tables import BigId


class CheckCountRow(Base):
    """How many access tokens all processes accepted and refused in the hour that begins then."""

    __tablename__ = "check_counts"

    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    accepted: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    refused: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class LoginThrottleRow(Base):
    """`bucket`: a keyed digest, because people sometimes type their password as the user name.

    `in_flight`: how many of the failures are attempts whose password is being compared. `networks`: of the failures of
    an account, the first digits of each network's digest.
    """

    __tablename__ = "login_throttle"

    bucket: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    window_ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    in_flight: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    in_flight_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    filled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    networks: Mapped[str] = mapped_column(String(400), default="", server_default="")


class AccountBudgetRow(Base):
    """What an account did in the hour that ends then; for refresh tokens, the same is in their rows."""

    __tablename__ = "account_budgets"

    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), primary_key=True)
    hour_ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mints_in_hour: Mapped[int] = mapped_column(Integer, server_default="0")
    creations_in_hour: Mapped[int] = mapped_column(Integer, server_default="0")


class IdempotencyKeyRow(Base):
    """A request done under an Idempotency-Key. `created`: the handle of what it created.

    The digests are keyed, because a request may hold a password.
    """

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), primary_key=True)
    key_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    created: Mapped[str] = mapped_column(String(150))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SingleUseRow(Base):
    """What was used and counts once, such as a provider's logout token: a keyed digest, until it is refused anyway."""

    __tablename__ = "single_uses"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class KeyFingerprintRow(Base):
    """A key that the database is used with, as a digest from which nothing can be learned about it."""

    __tablename__ = "key_fingerprints"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ClockMarkRow(Base):
    """The time that this database has seen pass, in one row; see ``app.domain.clock_mark``."""

    __tablename__ = "clock_marks"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    other_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    other_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    other_seconds: Mapped[float] = mapped_column(Float, default=0.0, server_default="0")


class BulkRevocationRow(Base):
    """A revocation of all tokens that a filter matched. `access_tokens`: with those under the refresh tokens.

    `unmarked`: how many of those under them, which are refused, are still to be marked as revoked.
    """

    __tablename__ = "bulk_revocations"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    revoked_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_by: Mapped[str] = mapped_column(String(150))
    revoke_reason: Mapped[str] = mapped_column(String(255))
    refresh_tokens: Mapped[int] = mapped_column(Integer)
    access_tokens: Mapped[int] = mapped_column(Integer)
    unmarked: Mapped[int] = mapped_column(Integer)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class BulkRevocationPartRow(Base):
    """Refresh tokens of a revocation, by id, whose access tokens are still to be marked."""

    __tablename__ = "bulk_revocation_parts"

    bulk_revocation_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("bulk_revocations.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    refresh_token_ids: Mapped[str] = mapped_column(Text)


class JobLeaseRow(Base):
    __tablename__ = "job_leases"

    job: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str | None] = mapped_column(String(150))
    epoch: Mapped[int] = mapped_column(BigInteger, default=0)
    tick: Mapped[int] = mapped_column(BigInteger, default=0)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_run_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_seconds: Mapped[float | None] = mapped_column(Float)
    last_rows: Mapped[int | None] = mapped_column(BigInteger)
    last_error: Mapped[str | None] = mapped_column(String(255))


class AuditSealRow(Base):
    """See ``app.domain.audit_seals``. The migration's triggers refuse changes but marking a range as removed."""

    __tablename__ = "audit_seals"
    __table_args__ = (
        Index("ix_audit_seals_last", "stream", "last_id"),
        # For the trigger that lets events of removed ranges be deleted.
        PartialIndex("ix_audit_seals_removed", "stream", "last_id", where="removed_at IS NOT NULL"),
    )

    stream: Mapped[str] = mapped_column(String(16), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_id: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int] = mapped_column(BigInteger)
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    key_id: Mapped[str] = mapped_column(String(16))
    mac: Mapped[str] = mapped_column(String(64))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removal_mac: Mapped[str | None] = mapped_column(String(64))

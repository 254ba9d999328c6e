"""The tables of users, tokens and what is done with them; the migrations must match (compared by test).

They are described in ``docs/architecture.md``, section Data. That of users is in ``user_table``. Not here: those that
the service needs to run (``operating_tables``), and what is kept of the secrets of refresh tokens (``secret_tables``).
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.sign_ins import SignInMethod
from app.domain.tokens import TokenStatus
from app.storage.database import Base
from app.storage.identity_tables import ExpectedIdentityRow as ExpectedIdentityRow
from app.storage.identity_tables import IdentityRow as IdentityRow
from app.storage.instants import UtcDateTime
from app.storage.partial_index import PartialIndex
from app.storage.scim_tables import ScimTokenRow as ScimTokenRow
from app.storage.user_table import BigId as BigId
from app.storage.user_table import UserRow as UserRow

STATUSES = ", ".join(f"'{status}'" for status in TokenStatus)
REFRESH_STATUSES = ", ".join(f"'{status}'" for status in ("active", "expired", "revoked"))


IS_MADE = "created_with IS NOT NULL"
"""The condition of the indexes of tokens that were made with an access token: by that token, and of a user. Few are."""

IS_IDENTIFIED = "identity_id IS NOT NULL"
"""The condition of the index of sessions that began at a provider."""

WAS_REVOKED = "revoked_at IS NOT NULL"
"""The condition of the indexes of what was revoked: a mint, or a sweep, adds nothing to them."""


class RefreshTokenRow(Base):
    """`created_with`: the access token (public id) that made its present secret, if one did.

    `renewable_until`: beyond it, its own secret does not renew it; None is without a limit. `lifetime_days`: chosen
    when it was created; None where it was not. `secret_number`: how many secrets it had before. `previous_mac`: the
    digest of the one before, which works as well until `previous_until`; None where there is none to use.
    """

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        CheckConstraint(f"status IN ({REFRESH_STATUSES})", name="refresh_tokens_status"),
        Index("ix_refresh_tokens_user", "user_id", "id"),
        # For counting a user's active ones without reading all that have ended.
        Index("ix_refresh_tokens_user_alive", "user_id", "status", "expires_at"),
        Index("ix_refresh_tokens_status_expires", "status", "expires_at"),
        PartialIndex("ix_refresh_tokens_revoked", "revoked_at", where=WAS_REVOKED),
        Index("ix_refresh_tokens_created", "created_at", "id"),
        # For lists in order of name, of both tiers (``token_views``).
        Index("ix_refresh_tokens_name", text("substr(lower(name), 1, 40)"), "id"),
        PartialIndex("ix_refresh_tokens_made", "created_with", where=IS_MADE),
        PartialIndex("ix_refresh_tokens_made_of_user", "user_id", "created_with", where=IS_MADE),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(12), unique=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(255))
    key_id: Mapped[str] = mapped_column(String(16))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[str] = mapped_column(String(12), default=TokenStatus.ACTIVE)
    generation: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_ip: Mapped[str | None] = mapped_column(String(45))
    regenerated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    access_token_reissue: Mapped[str | None] = mapped_column(String(10))
    sharing_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(150))
    revoke_reason: Mapped[str | None] = mapped_column(String(255))
    created_with: Mapped[str | None] = mapped_column(String(12))
    renewable_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    hour_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mints_in_hour: Mapped[int] = mapped_column(Integer, server_default="0")
    regenerations_in_hour: Mapped[int] = mapped_column(Integer, server_default="0")
    secret_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lifetime_days: Mapped[int | None] = mapped_column(Integer)
    secret_number: Mapped[int] = mapped_column(Integer, server_default="0")
    rotated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    previous_key_id: Mapped[str | None] = mapped_column(String(16))
    previous_mac: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    previous_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_agent: Mapped[str | None] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(String(255))


class EarlierOwnerRow(Base):
    """Who owned a refresh token before a move: what they made with its access tokens is found by them."""

    __tablename__ = "earlier_owners"

    refresh_token_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("refresh_tokens.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), primary_key=True)


CURRENT = "status IN ('active', 'overlapping', 'expired')"
"""The access tokens that a mint replaces: all that are not final. The condition of two indexes below."""

LISTED = "refresh_token_id IS NULL AND (status <> 'revoked' OR had_expired)"
"""Single-tier tokens that their owner may see, and no others but expired ones that were revoked with others."""

SHOWN = "refresh_token_id IS NULL AND (status <> 'revoked' OR had_expired OR revoke_reason <> 'deleted')"
"""Single-tier tokens on their owner's page: beside those, what was revoked. What the owner deleted is gone."""


class AccessTokenRow(Base):
    """`created_with`: the access token (public id) that made it. Not where its refresh token or a password did.

    `renewable_until`: when a single-tier token that it makes expires at the latest; None is without a limit.
    `secret_number`: of the secret of its refresh token that minted it.
    """

    __tablename__ = "access_tokens"
    __table_args__ = (
        CheckConstraint(f"status IN ({STATUSES})", name="access_tokens_status"),
        # Enforces one active access token per refresh token.
        PartialIndex(
            "uq_access_tokens_one_active",
            "refresh_token_id",
            unique=True,
            where="status = 'active' AND refresh_token_id IS NOT NULL",
        ),
        # For finding the tokens that a mint replaces among many.
        PartialIndex("ix_access_tokens_current", "refresh_token_id", where=CURRENT),
        # The same among all of a user.
        PartialIndex("ix_access_tokens_current_of_user", "user_id", where=CURRENT),
        # For listing a user's single-tier tokens without reading those that are deleted, or were minted.
        PartialIndex("ix_access_tokens_single_tier", "user_id", "id", where=LISTED),
        # With the column that is NULL in all: else SQLite takes the next index, through the tokens of all users.
        PartialIndex("ix_access_tokens_shown", "user_id", "refresh_token_id", "created_at", where=SHOWN),
        Index("ix_access_tokens_refresh_token", "refresh_token_id", "created_at"),
        Index("ix_access_tokens_user", "user_id", "id"),
        # With all that decides about a group of a list, so that counting one reads nothing else.
        Index("ix_access_tokens_state", "status", "expires_at", "had_expired", "refresh_token_id"),
        PartialIndex("ix_access_tokens_revoked", "revoked_at", where=WAS_REVOKED),
        Index("ix_access_tokens_created", "created_at", "id"),
        PartialIndex("ix_access_tokens_made", "created_with", where=IS_MADE),
        PartialIndex("ix_access_tokens_made_of_user", "user_id", "created_with", where=IS_MADE),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(12), unique=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"))
    refresh_token_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("refresh_tokens.id"))
    generation: Mapped[int] = mapped_column(BigInteger, default=0)
    description: Mapped[str | None] = mapped_column(String(255))
    is_derived: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    had_expired: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    minted_from: Mapped[str | None] = mapped_column(String(45))
    key_id: Mapped[str] = mapped_column(String(16))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[str] = mapped_column(String(12), default=TokenStatus.ACTIVE)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_ip: Mapped[str | None] = mapped_column(String(45))
    last_used_agent: Mapped[str | None] = mapped_column(String(255))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(150))
    revoke_reason: Mapped[str | None] = mapped_column(String(255))
    created_with: Mapped[str | None] = mapped_column(String(12))
    renewable_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    secret_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    secret_number: Mapped[int] = mapped_column(Integer, server_default="0")


class SessionRow(Base):
    """A web session. `digest`: of the cookie's value; `proved_at`: when the person last proved who they are.

    The last four as in :class:`app.domain.sign_ins.Arrival`. `identity_id`: no foreign key, which SQLite can't add.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        PartialIndex("ix_sessions_identity", "identity_id", where=IS_IDENTIFIED),
        {"sqlite_autoincrement": True},  # audit events name the id
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    proved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    address: Mapped[str | None] = mapped_column(String(45))
    device: Mapped[str | None] = mapped_column(String(60))
    method: Mapped[str] = mapped_column(
        String(10), default=SignInMethod.PASSWORD, server_default=SignInMethod.PASSWORD.value
    )
    identity_id: Mapped[int | None] = mapped_column(BigId)
    provider_session: Mapped[str | None] = mapped_column(String(255))
    id_token: Mapped[str | None] = mapped_column(Text)


class InstanceSettingRow(Base):
    __tablename__ = "instance_settings"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(255))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_by: Mapped[str] = mapped_column(String(150))

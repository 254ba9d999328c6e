"""The tables of what is kept of the secrets of refresh tokens, beside their digests (``tables``)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.storage.database import Base
from app.storage.instants import UtcDateTime
from app.storage.tables import BigId


class RetiredSecretRow(Base):
    """The digests of secrets that were replaced, so that they are refused as revoked, not as unknown."""

    __tablename__ = "retired_secrets"
    __table_args__ = (
        # For finding one among any number.
        Index("ix_retired_secrets_refresh_token", "refresh_token_id", "mac"),
        Index("ix_retired_secrets_retired", "retired_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    refresh_token_id: Mapped[int] = mapped_column(BigId, ForeignKey("refresh_tokens.id", ondelete="CASCADE"))
    key_id: Mapped[str] = mapped_column(String(16))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    retired_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SecretUseRow(Base):
    """The last mint of each client address with one of the two secrets of a rotated refresh token.

    `address`: empty where it is not known. `secret_number`: which secret, see ``RefreshTokenRow``.
    """

    __tablename__ = "secret_uses"

    refresh_token_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("refresh_tokens.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    secret_number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(String(45), primary_key=True)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    agent: Mapped[str | None] = mapped_column(String(255))

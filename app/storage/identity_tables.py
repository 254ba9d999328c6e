"""The tables of identities: who at which provider is which user, or will be. Not here: the users (``user_table``)."""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.storage.database import Base
from app.storage.instants import UtcDateTime
from app.storage.user_table import BigId


class IdentityRow(Base):
    """`provider`: its name here when it was last used. `linked_by`: the user name of who linked it; None: itself."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="uq_identities_subject"),
        Index("ix_identities_user", "user_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"))
    provider: Mapped[str] = mapped_column(String(40))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    linked_by: Mapped[str | None] = mapped_column(String(150))
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ExpectedIdentityRow(Base):
    """A person whom an administrator named by the verified e-mail: becomes an identity at the first sign-in.

    `for_administrator`: whether the user was an administrator when the person was named.
    """

    __tablename__ = "expected_identities"
    __table_args__ = (
        UniqueConstraint("issuer", "email_key", name="uq_expected_identities_email"),
        Index("ix_expected_identities_user", "user_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"))
    issuer: Mapped[str] = mapped_column(String(255))
    email_key: Mapped[str] = mapped_column(String(254))
    for_administrator: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    linked_by: Mapped[str] = mapped_column(String(150))

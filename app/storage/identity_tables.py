"""The table of identities: who at which provider is which user. Not here: the users (``user_table``)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
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

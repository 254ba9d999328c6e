"""The tables of second factors. Not here: the users (``user_table``)."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.storage.database import Base
from app.storage.instants import UtcDateTime
from app.storage.user_table import BigId


class SecondFactorRow(Base):
    """`secret`: encrypted; None while there is none. `number`: how often it was set or removed, so that of two changes
    at once one wins. `last_step`: of the last code that was accepted. `reset_by`: who removed another's, until the
    person has read it.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), primary_key=True, autoincrement=False)
    secret: Mapped[str | None] = mapped_column(Text)
    number: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    last_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    added_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reset_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reset_by: Mapped[str | None] = mapped_column(String(150))


class RecoveryCodeRow(Base):
    """One that was not used. `digest`: keyed."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index("ix_recovery_codes_user", "user_id", "digest", unique=True),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"))
    digest: Mapped[str] = mapped_column(String(64))

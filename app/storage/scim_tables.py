"""The tables of provisioning by SCIM: its tokens, groups, their members, and the roles of groups.

Not here: the users that it manages (``user_table``).
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.storage.database import Base
from app.storage.instants import UtcDateTime
from app.storage.user_table import BigId


class ScimTokenRow(Base):
    """`expires_at`: None is never. `writes_in_hour`, `hour_ends_at`: what it changed in its present hour."""

    __tablename__ = "scim_tokens"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    public_id: Mapped[str] = mapped_column(String(12), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    key_id: Mapped[str] = mapped_column(String(16))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(150))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_ip: Mapped[str | None] = mapped_column(String(45))
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(150))
    writes_in_hour: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    hour_ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ScimGroupRow(Base):
    """A group of the directory. `name_key`: the name in its form for look-up. `version`: counts its changes."""

    __tablename__ = "scim_groups"
    __table_args__ = (
        Index("ix_scim_groups_external", "external_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    name_key: Mapped[str] = mapped_column(String(255), unique=True)
    external_id: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")


class ScimMemberRow(Base):
    __tablename__ = "scim_members"
    __table_args__ = (Index("ix_scim_members_user", "user_id"),)

    group_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("scim_groups.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"), primary_key=True, autoincrement=False)


class ScimRoleRow(Base):
    """Members of the group with this name have the role, whether or not there is such a group yet."""

    __tablename__ = "scim_roles"

    name_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20))
    mapped_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mapped_by: Mapped[str] = mapped_column(String(150))

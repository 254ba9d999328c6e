"""The table of users, of both kinds. ``tables`` has it too, with those of tokens."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    String,
    column,
    false,
    literal_column,
    select,
    table,
)
from sqlalchemy.orm import Mapped, column_property, mapped_column, validates

from app.domain.emails import canonical_email
from app.domain.identity import ApiTokens, Kind, Role
from app.storage.database import Base
from app.storage.instants import UtcDateTime
from app.storage.partial_index import PartialIndex

# SQLite assigns ids only to a column of the type INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")

IS_SERVICE = "kind = 'service'"
"""The condition of the indexes of service accounts, of which there are few."""

IS_MANAGED = "managed_by IS NOT NULL"
"""The condition of the indexes of users that SCIM manages or managed."""

_PERSON = table("users", column("id"), column("username"))


VALID_DAYS: Any = (
    select(column("value"))
    .select_from(table("instance_settings", column("key"), column("value")))
    .where(column("key") == literal_column("'sign_in_valid_days'"))
    .scalar_subquery()
)
"""The setting as it is stored, in the statement that reads a user (``app.domain.leavers``)."""


def _name_of(person_id: Any, alias: str) -> Any:
    """The user name of who answers for an account."""
    person = _PERSON.alias(alias)
    return select(person.c.username).where(person.c.id == person_id).scalar_subquery()


class UserRow(Base):
    """`responsible_id`, `deputy_id`: no foreign keys, which SQLite can't add to a table.

    `email_key`: the e-mail in its form for look-up, set with it. `first_username`: None while it is the present one. A
    deleted user's row stays, with `DELETED_NAME` for a user name. `vouched_at`: when a provider last signed the user
    in, or an administrator or SCIM enabled them since; None for a user whom no provider knows. `sign_in_valid_days`:
    the setting. `managed_by`: as in :class:`app.domain.provisioned.Managed`; `external_id`: the directory's id of the
    user; `left_at`: when SCIM disabled them, None where somebody else did, or they were enabled since.
    """

    __tablename__ = "users"
    __table_args__ = (
        PartialIndex("ix_users_responsible", "responsible_id", where=IS_SERVICE),
        Index("ix_users_email_key", "email_key"),
        PartialIndex("ix_users_deputy", "deputy_id", where=IS_SERVICE),
        PartialIndex("ix_users_managed", "id", where=IS_MANAGED),
        PartialIndex("ix_users_external", "external_id", where=IS_MANAGED),
        {"sqlite_autoincrement": True},  # an id is never reused
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    username: Mapped[str] = mapped_column(String(150), unique=True)
    email: Mapped[str] = mapped_column(String(254), default="")
    first_name: Mapped[str] = mapped_column(String(150), default="")
    last_name: Mapped[str] = mapped_column(String(150), default="")
    title: Mapped[str] = mapped_column(String(150), default="")
    role: Mapped[str] = mapped_column(String(20), default=Role.VIEWER)
    password_hash: Mapped[str | None] = mapped_column(String(100))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    api_tokens: Mapped[str] = mapped_column(String(10), default=ApiTokens.INHERIT)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    has_temporary_password: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    password_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(10), default=Kind.PERSON, server_default=Kind.PERSON.value)
    responsible_id: Mapped[int | None] = mapped_column(BigId)
    deputy_id: Mapped[int | None] = mapped_column(BigId)
    email_key: Mapped[str | None] = mapped_column(String(254))
    first_username: Mapped[str | None] = mapped_column(String(150))
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    vouched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    managed_by: Mapped[str | None] = mapped_column(String(10))
    external_id: Mapped[str | None] = mapped_column(String(255))
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    responsible: Mapped[str | None] = column_property(
        _name_of(responsible_id, "responsible_person"), expire_on_flush=False
    )
    deputy: Mapped[str | None] = column_property(_name_of(deputy_id, "deputy_person"), expire_on_flush=False)
    sign_in_valid_days: Mapped[str | None] = column_property(VALID_DAYS, expire_on_flush=False)

    @validates("email")
    def _set_email_key(self, _: str, email: str) -> str:
        self.email_key = canonical_email(email)
        return email


class FormerUsernameRow(Base):
    """A user name that nobody else may take. `digest`: keyed; `username`: None once its user is deleted."""

    __tablename__ = "former_usernames"
    __table_args__ = (
        Index("ix_former_usernames_user", "user_id"),
        Index("ix_former_usernames_name", "username"),
    )

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id"))
    username: Mapped[str | None] = mapped_column(String(150))
    retired_at: Mapped[datetime] = mapped_column(UtcDateTime)

"""Users who are edited, renamed and deleted, and who sign in by e-mail.

`email_key`: the e-mail in its form for look-up; none where it is no address, and in rows that the release before adds:
their users sign in by user name until the e-mail is saved again. `first_username`: none while it is the present one.
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ADDRESS = re.compile(r"""[^\s@<>()\[\]{}"'`,;:\\\u200c\u200d]+@[^\s@<>()\[\]{}"'`,;:\\/\u200c\u200d]+""")
"""As the domain has it at this revision (``app.domain.emails``)."""

CHUNK = 10_000
OF_MANY = sa.text(
    "UPDATE users SET email_key = many.key "
    "FROM unnest(CAST(:ids AS bigint[]), CAST(:keys AS text[])) AS many(id, key) WHERE users.id = many.id"
)

USERS = sa.table("users", sa.column("id", BIG_ID), sa.column("email", sa.String), sa.column("email_key", sa.String))


def upgrade() -> None:
    op.add_column("users", sa.Column("email_key", sa.String(254), nullable=True))
    op.add_column("users", sa.Column("first_username", sa.String(150), nullable=True))
    op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "former_usernames",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("user_id", BIG_ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("username", sa.String(150), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_former_usernames_user", "former_usernames", ["user_id"])
    op.create_index("ix_former_usernames_name", "former_usernames", ["username"])
    _fill_in()
    op.create_index("ix_users_email_key", "users", ["email_key"])


def downgrade() -> None:
    op.drop_index("ix_users_email_key", "users")
    op.drop_table("former_usernames")
    for column in ("deleted_at", "first_username", "email_key"):
        op.drop_column("users", column)


def _fill_in() -> None:
    """In few statements: until the end, nobody reads this table on PostgreSQL, and no token is checked."""
    connection = op.get_bind()
    rows = connection.execute(sa.select(USERS.c.id, USERS.c.email).where(USERS.c.email != "")).all()
    keys = [(row.id, key) for row in rows if (key := _key(row.email)) is not None]
    if connection.dialect.name == "sqlite":
        statement = sa.update(USERS).where(USERS.c.id == sa.bindparam("row")).values(email_key=sa.bindparam("key"))
        if keys:
            connection.execute(statement, [{"row": row_id, "key": key} for row_id, key in keys])
        return
    for start in range(0, len(keys), CHUNK):
        ids, found = zip(*keys[start : start + CHUNK], strict=True)
        connection.execute(OF_MANY, {"ids": list(ids), "keys": list(found)})


def _key(email: str) -> str | None:
    key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).lower())
    return key if len(key) <= 254 and ADDRESS.fullmatch(key) and key.isprintable() else None

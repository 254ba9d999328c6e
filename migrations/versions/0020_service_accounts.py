"""Service accounts, and the persons who answer for them."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_SERVICE = sa.text("kind = 'service'")


def upgrade() -> None:
    op.add_column("users", sa.Column("kind", sa.String(10), nullable=False, server_default="person"))
    for name in ("responsible", "deputy"):
        op.add_column("users", sa.Column(f"{name}_id", BIG_ID, nullable=True))
        only_service = {"sqlite_where": IS_SERVICE, "postgresql_where": IS_SERVICE}
        op.create_index(f"ix_users_{name}", "users", [f"{name}_id"], **only_service)


def downgrade() -> None:
    for name in ("deputy", "responsible"):
        op.drop_index(f"ix_users_{name}", "users")
        op.drop_column("users", f"{name}_id")
    op.drop_column("users", "kind")

"""Counters of failed sign-ins: attempts that are not decided yet, since when a counter is full, and from where."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = ("in_flight", "in_flight_until", "filled_at", "networks")


def upgrade() -> None:
    op.add_column("login_throttle", sa.Column("in_flight", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("login_throttle", sa.Column("in_flight_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("login_throttle", sa.Column("filled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("login_throttle", sa.Column("networks", sa.String(400), nullable=False, server_default=""))


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_column("login_throttle", column)

"""What the caller said of the person: sex and age, with the job."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Jobs of before say nothing of the person."""
    op.add_column("jobs", sa.Column("sex", sa.String(length=1), nullable=True))
    op.add_column("jobs", sa.Column("age_years", sa.Double(), nullable=True))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("jobs", "age_years")
    op.drop_column("jobs", "sex")

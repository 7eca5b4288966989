"""Files, studies, jobs, results, heat maps, pictures, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table('audit',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('who', sa.String(length=32), nullable=False),
    sa.Column('what', sa.String(length=64), nullable=False),
    sa.Column('object', sa.String(length=128), nullable=False),
    sa.Column('outcome', sa.String(length=64), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    op.create_table('files',
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('received_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('sha256', name=op.f('pk_files'))
    )
    op.create_table('jobs',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('stage', sa.String(length=64), nullable=False),
    sa.Column('progress', sa.Double(), nullable=False),
    sa.Column('tasks', sa.Text(), nullable=False),
    sa.Column('pair', sa.Boolean(), nullable=False),
    sa.Column('skipped', sa.Text(), nullable=False),
    sa.Column('error', sa.Text(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_jobs'))
    )
    op.create_index('ix_jobs_state', 'jobs', ['state'], unique=False)
    op.create_table('studies',
    sa.Column('key', sa.String(length=20), nullable=False),
    sa.Column('modality', sa.String(length=16), nullable=False),
    sa.Column('series_count', sa.Integer(), nullable=False),
    sa.Column('image_count', sa.Integer(), nullable=False),
    sa.Column('preview', sa.String(length=32), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_studies'))
    )
    op.create_table('images',
    sa.Column('study_key', sa.String(length=20), nullable=False),
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('artefact', sa.String(length=64), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('columns', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['study_key'], ['studies.key'], name=op.f('fk_images_study_key')),
    sa.PrimaryKeyConstraint('study_key', 'id', name=op.f('pk_images'))
    )
    op.create_table('job_events',
    sa.Column('job_id', sa.String(length=32), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('at', sa.Double(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('stage', sa.String(length=64), nullable=False),
    sa.Column('progress', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_job_events_job_id')),
    sa.PrimaryKeyConstraint('job_id', 'seq', name=op.f('pk_job_events'))
    )
    op.create_table('job_files',
    sa.Column('job_id', sa.String(length=32), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_job_files_job_id')),
    sa.ForeignKeyConstraint(['sha256'], ['files.sha256'], name=op.f('fk_job_files_sha256')),
    sa.PrimaryKeyConstraint('job_id', 'position', name=op.f('pk_job_files'))
    )
    op.create_table('job_studies',
    sa.Column('job_id', sa.String(length=32), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('study_key', sa.String(length=20), nullable=False),
    sa.ForeignKeyConstraint(['job_id'], ['jobs.id'], name=op.f('fk_job_studies_job_id')),
    sa.ForeignKeyConstraint(['study_key'], ['studies.key'], name=op.f('fk_job_studies_study_key')),
    sa.PrimaryKeyConstraint('job_id', 'position', name=op.f('pk_job_studies'))
    )
    op.create_table('results',
    sa.Column('id', sa.Integer(), autoincrement=True, nullable=False),
    sa.Column('study_key', sa.String(length=20), nullable=False),
    sa.Column('task', sa.String(length=64), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('json', sa.Text(), nullable=False),
    sa.Column('bundle_sha256', sa.String(length=64), nullable=False),
    sa.Column('fingerprint', sa.String(length=64), nullable=False),
    sa.Column('maps', sa.String(length=64), nullable=True),
    sa.Column('created_at', sa.Double(), nullable=False),
    sa.ForeignKeyConstraint(['study_key'], ['studies.key'], name=op.f('fk_results_study_key')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_results')),
    sa.UniqueConstraint('study_key', 'task', 'fingerprint', name='uq_results_answer')
    )
    op.create_table('study_files',
    sa.Column('study_key', sa.String(length=20), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.ForeignKeyConstraint(['sha256'], ['files.sha256'], name=op.f('fk_study_files_sha256')),
    sa.ForeignKeyConstraint(['study_key'], ['studies.key'], name=op.f('fk_study_files_study_key')),
    sa.PrimaryKeyConstraint('study_key', 'sha256', name=op.f('pk_study_files'))
    )
    op.create_table('heat_maps',
    sa.Column('result_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('finding', sa.String(length=64), nullable=False),
    sa.Column('level_from_bottom', sa.Integer(), nullable=True),
    sa.Column('side', sa.String(length=8), nullable=True),
    sa.Column('image', sa.String(length=32), nullable=False),
    sa.ForeignKeyConstraint(['result_id'], ['results.id'], name=op.f('fk_heat_maps_result_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('result_id', 'position', name=op.f('pk_heat_maps'))
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_table('heat_maps')
    op.drop_table('study_files')
    op.drop_table('results')
    op.drop_table('job_studies')
    op.drop_table('job_files')
    op.drop_table('job_events')
    op.drop_table('images')
    op.drop_table('studies')
    op.drop_index('ix_jobs_state', table_name='jobs')
    op.drop_table('jobs')
    op.drop_table('files')
    op.drop_table('audit')

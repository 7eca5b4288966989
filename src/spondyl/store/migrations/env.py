"""Run by Alembic: migrates on the connection that `store.engine` hands over."""

from alembic import context

from spondyl.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

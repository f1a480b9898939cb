"""Run by alembic with the connection that `unilead_host.storage.migrating` opened."""

from alembic import context

from unilead_host.storage.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()

"""Alembic's environment; `unilead_host.storage.migrating` runs it."""

"""Alembic's environment; `unilead_host.storage.migrate` runs it."""

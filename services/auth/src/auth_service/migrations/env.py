"""Alembic's entry: runs on the connection that the caller holds, inside its transaction and lock."""

from alembic import context

from auth_service.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()

"""Alembic's entry: runs the revisions over the connection and in the transaction that `database.migrate` opened."""

from alembic import context

from backend_service.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()

"""The database's history, as Alembic runs it (auth_service.database.prepare_database)."""

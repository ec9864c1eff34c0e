"""Bringing a node's database to the tables of today's code, the same way on SQLite and PostgreSQL."""

from shared.db.migrations.app import MigratedApp
from shared.db.migrations.running import MigrationError, MigrationsPendingError, downgrade, pending, upgrade

__all__ = ["MigratedApp", "MigrationError", "MigrationsPendingError", "downgrade", "pending", "upgrade"]

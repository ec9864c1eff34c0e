"""What every entry point of a node needs: settings, clock and database, built once in the app's `app.py`."""

from dataclasses import dataclass

from shared.clock import Clock
from shared.config import NodeSettings
from shared.db.engine import Database


@dataclass(frozen=True)
class NodeRuntime:
    """The collaborators both kinds of node share; each app extends it with its own."""

    settings: NodeSettings
    clock: Clock
    database: Database

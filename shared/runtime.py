"""What every entry point of a node needs: settings, clock and database, built once in the app's `app.py`."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.clock import Clock
from shared.config import NodeSettings
from shared.db.engine import Database
from shared.db.space import DiskSpace


@dataclass(frozen=True)
class NodeRuntime:
    """The collaborators both kinds of node share; each app extends it with its own."""

    settings: NodeSettings
    clock: Clock
    database: Database
    disk_usage: Callable[[Path], Any] = field(default=shutil.disk_usage, kw_only=True)

    @cached_property
    def space(self) -> DiskSpace:
        """The room on this node's disk."""
        settings = self.settings
        return DiskSpace(
            settings.home, reserve_mb=settings.reserve_mb, limit_mb=settings.free_mb, usage=self.disk_usage
        )

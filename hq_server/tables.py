"""Which tables head office has; its revisions stand in migrations/."""

from typing import Final

from shared.db.migrations import MigratedApp

APP: Final = MigratedApp(
    name="hq",
    package="hq_server",
    modules=(
        "shared.audit.models",
        "shared.auth.models",
        "shared.jobs.models",
        "hq_server.branches.models",
        "hq_server.ingest.models",
        "hq_server.replica.models",
        "hq_server.analysis.models",
        "shared.db.search",
    ),
)

"""Which tables a branch has; its revisions stand in migrations/."""

from typing import Final

from shared.db.migrations import MigratedApp

APP: Final = MigratedApp(
    name="branch",
    package="branch_node",
    modules=(
        "shared.audit.models",
        "shared.auth.models",
        "shared.jobs.models",
        "sync_protocol.changelog.models",
        "branch_node.managers.models",
        "branch_node.customers.models",
        "branch_node.billing.models",
        "branch_node.worklogs.models",
        "branch_node.statistics.models",
        "branch_node.imports.models",
        "shared.db.search",
    ),
)

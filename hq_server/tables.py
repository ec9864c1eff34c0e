"""Which tables head office has; its revisions stand in migrations/."""

from typing import Final

from sqlalchemy import Connection

from hq_server.customers.queries import SEARCH_INDEX
from hq_server.ranges import RANGES
from shared.audit.guards import install as install_log_guards
from shared.db.migrations import MigratedApp
from shared.db.search import search_table_ddl
from shared.rights.rowsecurity import install_row_security, remove_row_security


def _install_generated(connection: Connection) -> None:
    """Make what is generated from declarations: the search index over the customers of all branches."""
    for statement in search_table_ddl(SEARCH_INDEX, connection.dialect.name):
        connection.exec_driver_sql(statement)
    install_log_guards(connection)
    install_row_security(connection, RANGES, append_only=("audit_entries",))


APP: Final = MigratedApp(
    name="hq",
    package="hq_server",
    modules=(
        "shared.audit.models",
        "shared.web.oplog.models",
        "shared.auth.models",
        "shared.twoperson.models",
        "shared.exports.models",
        "shared.jobs.models",
        "shared.alarms.models",
        "shared.organisation.models",
        "hq_server.branches.models",
        "hq_server.gate.models",
        "hq_server.feed.models",
        "hq_server.parking.models",
        "hq_server.carrying.models",
        "hq_server.ingest.models",
        "hq_server.replica.models",
        "hq_server.erasure.models",
        "hq_server.proof.models",
        "hq_server.upkeep.models",
        "hq_server.analysis.models",
        "shared.db.search_followed",
    ),
    before_change=remove_row_security,
    after_upgrade=_install_generated,
)

"""Which tables a branch has; its revisions stand in migrations/."""

from typing import Final

from sqlalchemy import Connection

from branch_node.archive.guards import install as install_archive_guards
from branch_node.archive.guards import remove as remove_archive_guards
from branch_node.bindings import KEPT_BLANK, install_capture
from branch_node.customers.ages import install_ages, remove_ages
from branch_node.customers.belonging import NOT_OF_MERGED
from branch_node.customers.models import CONTACT_SEARCH, CUSTOMER_SEARCH, Customer
from branch_node.customers.operations import EDITABLE
from branch_node.documents.models import (
    DOCUMENT_FILE_SEARCH,
    DOCUMENT_SEARCH,
    Document,
    DocumentVersion,
)
from branch_node.erasure.guards import install as install_erased
from branch_node.identity.guards import install as install_merged
from branch_node.identity.guards import remove as remove_merged
from branch_node.ranges import RANGES
from branch_node.staff.projection import install_projection
from branch_node.units.projection import install_owners
from branch_node.worklogs.models import WORK_LOG_SEARCH
from shared.audit.guards import install as install_log_guards
from shared.db.base import Base
from shared.db.migrations import MigratedApp
from shared.rights.rowsecurity import install_row_security, remove_row_security

# They do not travel, and are kept blank of who is erased all the same.
DOCUMENTS: Final = tuple(Base.metadata.tables[one.__tablename__] for one in (Document, DocumentVersion))

SEARCHED: Final = (
    CUSTOMER_SEARCH,
    CONTACT_SEARCH,
    WORK_LOG_SEARCH,
    DOCUMENT_SEARCH,
    DOCUMENT_FILE_SEARCH,
)

CUSTOMERS: Final = Base.metadata.tables[Customer.__tablename__]


def _install_generated(connection: Connection) -> None:
    """Make what is generated from declarations: capture of changes, and the tables that follow others."""
    install_capture(connection)
    install_log_guards(connection)
    install_archive_guards(connection)
    install_erased(connection, (*KEPT_BLANK, *DOCUMENTS))
    install_merged(
        connection,
        [Base.metadata.tables[name] for name in NOT_OF_MERGED],
        profile=CUSTOMERS,
        columns=[name for name in EDITABLE if name != "manager_id"],
    )
    install_ages(connection)
    for followed in SEARCHED:
        followed.install(connection)
    install_projection(connection)
    install_owners(connection)
    install_row_security(connection, RANGES, append_only=("audit_entries",))


def _take_away(connection: Connection) -> None:
    """Take away what would keep a migration from remaking a table."""
    remove_row_security(connection)
    remove_archive_guards(connection)
    remove_merged(connection, CUSTOMERS)
    remove_ages(connection)


APP: Final = MigratedApp(
    name="branch",
    package="branch_node",
    modules=(
        "shared.audit.models",
        "shared.web.oplog.models",
        "shared.web.views.models",
        "shared.auth.models",
        "shared.twoperson.models",
        "shared.exports.models",
        "shared.jobs.models",
        "shared.alarms.models",
        "shared.organisation.models",
        "sync_protocol.changelog.models",
        "branch_node.inbound.models",
        "branch_node.managers.models",
        "branch_node.staff.models",
        "branch_node.customers.models",
        "branch_node.duplicates.models",
        "branch_node.identity.models",
        "branch_node.billing.models",
        "branch_node.worklogs.models",
        "branch_node.documents.models",
        "branch_node.qualification.models",
        "branch_node.units.models",
        "branch_node.offers.models",
        "branch_node.questions.models",
        "branch_node.statistics.models",
        "branch_node.opstats.models",
        "branch_node.imports.models",
        "branch_node.dayclose.models",
        "branch_node.proof.models",
        "branch_node.receivers.models",
        "branch_node.lanes.models",
        "branch_node.resend.models",
        "branch_node.outbound.models",
        "branch_node.setup.models",
        "branch_node.personal.models",
        "branch_node.erased.models",
        "branch_node.handover.models",
        "branch_node.bulk.models",
        "branch_node.archive.models",
        "shared.db.search_followed",
    ),
    before_change=_take_away,
    after_upgrade=_install_generated,
)

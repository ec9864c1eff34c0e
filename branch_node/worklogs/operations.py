"""Writing the work log. Entries are facts: a correction is a new entry that names what it corrects."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.customers import queries as customers
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import refuse_if_merged
from branch_node.managers import queries as managers
from branch_node.managers.models import Manager
from branch_node.worklogs import queries
from branch_node.worklogs.models import WorkLog
from shared.audit import operations as audit
from shared.errors import N_, BranchlineError, Kind
from shared.ids import new_id
from shared.stamp import Stamp

EDITABLE: Final = ("manager_id", "kind", "customer_id", "started_at", "ended_at", "place", "text")


class LogCorrectedMeanwhileError(BranchlineError):
    """Another entry corrects this one already; correct that one."""

    code = "log-corrected-meanwhile"
    kind = Kind.CONFLICT
    message = N_("Somebody corrected this entry meanwhile, so nothing was saved. Correct the latest version.")


def write_log(session: Session, values: Mapping[str, Any], *, by: Stamp) -> WorkLog:
    """Enter one piece of work; it can be corrected later, never changed.

    Raises ManagerNotFoundError, CustomerNotFoundError and CustomerErasedError.
    """
    log = _enter(session, values, corrects_id=None, by=by)
    audit.record(
        session, "work_log.written", subject=("work_log", log.id), by=by, details={"kind": str(log.kind)}
    )
    return log


def correct_log(session: Session, log_id: str, values: Mapping[str, Any], *, by: Stamp) -> WorkLog:
    """Enter the right version of an entry; from now on this one counts and the old one stays beside it.

    Raises WorkLogNotFoundError, LogCorrectedMeanwhileError, ManagerNotFoundError, CustomerNotFoundError and
    CustomerErasedError.
    """
    old = queries.get_log(session, log_id)
    # Facts cannot be locked by changing them: the manager's row keeps two corrections of one entry apart.
    session.execute(select(Manager.id).where(Manager.id == old.manager_id).with_for_update())
    if session.scalar(select(WorkLog.id).where(WorkLog.corrects_id == log_id)):
        raise LogCorrectedMeanwhileError
    log = _enter(session, values, corrects_id=log_id, by=by)
    audit.record(
        session, "work_log.corrected", subject=("work_log", log.id), by=by, details={"corrects": log_id}
    )
    return log


def _enter(session: Session, values: Mapping[str, Any], *, corrects_id: str | None, by: Stamp) -> WorkLog:
    managers.get_manager(session, values["manager_id"])
    if values.get("customer_id"):
        customers.get_customer(session, values["customer_id"])
        refuse_if_erased(session, values["customer_id"])
        if corrects_id is None:
            refuse_if_merged(session, values["customer_id"])
    made = new_id()
    log = WorkLog(
        id=made,
        # The id is unique in the whole company, so numbers of pages and of imports can never meet.
        log_no=f"W-{made}",
        entered_at=by.at,
        corrects_id=corrects_id,
        created_at=by.at,
        created_by=by.actor,
        **{name: values.get(name) for name in EDITABLE},
    )
    session.add(log)
    session.flush()
    return log

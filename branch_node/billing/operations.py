"""Correcting bill lines; a line itself is never changed."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from branch_node.billing import queries
from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.erased.queries import refuse_if_erased
from shared.audit import operations as audit
from shared.errors import N_, BranchlineError, Kind
from shared.ids import new_id
from shared.stamp import Stamp


class CorrectionOfCorrectionError(BranchlineError):
    """A correction cannot be corrected itself; the line it corrects can, once more."""

    code = "correction-of-correction"
    kind = Kind.CONFLICT
    message = N_("This line is a correction itself. Correct the line it belongs to once more.")


class NothingToCorrectError(BranchlineError):
    """The line stands at this amount already."""

    code = "nothing-to-correct"
    kind = Kind.CONFLICT
    message = N_("The line stands at this amount already, so there is nothing to correct.")


class LineCorrectedMeanwhileError(BranchlineError):
    """Somebody corrected the line after the page was opened; nothing was written."""

    code = "line-corrected-meanwhile"
    kind = Kind.CONFLICT
    message = N_("Somebody corrected this line meanwhile, so nothing was saved. Look at it again.")


def correct_line(
    session: Session,
    line_id: str,
    *,
    right_minor: int,
    seen_minor: int,
    remark: str,
    booked_on: date,
    by: Stamp,
) -> BillLine:
    """Enter a line with the difference, so that the corrected line stands at `right_minor` from now on.

    The new line has the kind, product, period and currency of the line it names, so every sum is right at
    once. `seen_minor` is the amount the person saw. Raises BillLineNotFoundError,
    CustomerErasedError (why would be text about them: a line without one comes in a file), CorrectionOfCorrectionError,
    LineCorrectedMeanwhileError and NothingToCorrectError.
    """
    line = queries.get_line(session, line_id)
    # Two corrections of one customer's lines at once would both start from the same amount.
    session.execute(select(Customer.id).where(Customer.id == line.customer_id).with_for_update())
    refuse_if_erased(session, line.customer_id)
    if line.corrects_id is not None:
        raise CorrectionOfCorrectionError
    standing = queries.amount_now(session, line)
    if standing != seen_minor:
        raise LineCorrectedMeanwhileError
    if standing == right_minor:
        raise NothingToCorrectError
    correction = BillLine(
        id=new_id(),
        bill_no=_correction_number(session, line),
        customer_id=line.customer_id,
        product=line.product,
        period=line.period,
        kind=line.kind,
        amount_minor=right_minor - standing,
        currency=line.currency,
        booked_on=booked_on,
        corrects_id=line.id,
        remark=remark,
        created_at=by.at,
        created_by=by.actor,
    )
    session.add(correction)
    session.flush()
    audit.record(
        session,
        "bill_line.corrected",
        subject=("customer", line.customer_id),
        by=by,
        details={"bill_no": line.bill_no, "before": standing, "after": right_minor},
    )
    return correction


def _correction_number(session: Session, line: BillLine) -> str:
    """Return the next free number of the line's corrections: B-17 gets B-17-C1, then B-17-C2."""
    count = select(func.count()).select_from(BillLine).where(BillLine.corrects_id == line.id)
    number = (session.scalar(count) or 0) + 1
    stem = line.bill_no[:50]
    while session.scalar(select(BillLine.id).where(BillLine.bill_no == f"{stem}-C{number}")):
        number += 1
    return f"{stem}-C{number}"

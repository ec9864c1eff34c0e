"""What head office holds of an erased customer beside the rows its branch sends blank: removed, and kept away."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, and_, delete, or_, select, tuple_, update
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.carrying.models import CarriedValues
from hq_server.erasure.models import ErasureDone
from hq_server.erasure.queries import list_open, list_unknown
from hq_server.feed.models import FeedItem, FeedVersion
from hq_server.parking import operations as parking
from hq_server.parking.models import ParkedRecord
from hq_server.proof.models import Difference
from shared.audit.operations import record
from shared.audit.sealing import forget
from shared.db.base import instant_text
from shared.db.personal import about_column
from shared.domain.erasure.rules import CARRIERS, ERASED, blanks
from shared.domain.published.vocabulary import ItemKind
from shared.exports.operations import end_made
from shared.stamp import Stamp, Via
from shared.twoperson.operations import forget_said
from sync_protocol.catalog import Bindings

RECORD: Final = "erasure"
CHUNK: Final = 500


def after_batch(
    session: Session,
    branch_number: int,
    bindings: Bindings,
    *,
    named: Callable[[], Collection[str] | None],
    at: datetime,
) -> None:
    """Carry out what a batch told of, and remove again what a batch from before brought back.

    It can have brought back only what is about the ids it has `named`; None: about anybody. That is asked, and more
    than two statements are spent, only while an erasure of the branch is open.
    """
    by, told_now = Stamp(at, "sync", Via.SYNC, ""), set[str]()
    for told in list_unknown(session, branch_number):
        done = ErasureDone(
            branch_number=branch_number,
            erasure_id=told.id,
            customer_id=told.customer_id,
            row_lineage=told.row_lineage,
            row_change=told.row_change,
            ahead=False,
            done_at=at,
            removed=0,
            last_removed_at=at,
        )
        session.add(done)
        session.flush()
        details = {"erasure": told.id, "branch": branch_number}
        record(session, "customer.erased", subject=("customer", told.customer_id), by=by, details=details)
        end_made(session, by=by)
        told_now.add(told.customer_id)
    still_open = list_open(session, branch_number)
    ids = named() if still_open else ()
    for done in still_open:
        if ids is None or done.customer_id in ids or done.customer_id in told_now:
            sweep(session, done, bindings, at=at)


def sweep(session: Session, done: ErasureDone, bindings: Bindings, *, at: datetime) -> None:
    """Remove what is held of an erased customer from before the erasure, whatever brought it."""
    if done.ahead:
        _blank_rows(session, done, bindings)
    removed = int(forget(session, ("customer", done.customer_id)))
    for name, ids in _records(session, done, bindings).items():
        removed += _remove_refused(session, done, name, ids)
        removed += _remove_carried(session, done, name, ids)
    removed += _remove_shown(session, done, bindings)
    removed += _forget_reasons(session, done)
    if removed:
        done.removed += removed
        done.last_removed_at = at
        done.written_over_at = None
        session.flush()
        parking.tell(session, done.branch_number, at=at, again=False)


def carry_out_ahead(
    session: Session, entries: Sequence[Mapping[str, Any]], bindings: Bindings, *, by: Stamp
) -> int:
    """Carry out what the register knows and this database does not: it is that of an older backup.

    The rows are blanked before their branch sends them so, for nobody may see them meanwhile. Returns how many.
    """
    done_now = 0
    for entry in entries:
        if session.get(ErasureDone, (entry["branch_number"], entry["id"])) is not None:
            continue
        lineage, change = entry["version"]
        done = ErasureDone(
            branch_number=entry["branch_number"],
            erasure_id=entry["id"],
            customer_id=entry["customer_id"],
            row_lineage=lineage,
            row_change=change,
            ahead=True,
            done_at=by.at,
            removed=0,
            last_removed_at=by.at,
        )
        session.add(done)
        session.flush()
        sweep(session, done, bindings, at=by.at)
        details = {"erasure": done.erasure_id, "branch": done.branch_number}
        about = ("customer", done.customer_id)
        record(session, "customer.erased-again", subject=about, by=by, details=details)
        done_now += 1
    return done_now


def for_register(done: ErasureDone) -> dict[str, Any]:
    """Return what the register keeps of an erasure."""
    return {
        "id": done.erasure_id,
        "branch_number": done.branch_number,
        "customer_id": done.customer_id,
        "version": [done.row_lineage, done.row_change],
        "done_at": instant_text(done.done_at),
    }


def _records(session: Session, done: ErasureDone, bindings: Bindings) -> dict[str, list[str]]:
    """Return the ids of what is about a customer, by record type."""
    found = {"customer": [done.customer_id]}
    for name, table, column in _about_customers(bindings):
        mine = and_(table.c.branch_number == done.branch_number, table.c[column] == done.customer_id)
        found[name] = list(session.scalars(select(table.c.id).where(mine)))
    return found


def _about_customers(bindings: Bindings) -> list[tuple[str, Table, str]]:
    found = []
    for name in CARRIERS:
        about = about_column(bindings[name].table)
        if about is not None:
            found.append((name, bindings[name].table, about[1]))
    return found


def _remove_refused(session: Session, done: ErasureDone, name: str, ids: Sequence[str]) -> int:
    """Remove refused lines from before: of these records, and those that name the customer and never went in."""
    own = (ParkedRecord.branch_number == done.branch_number, ParkedRecord.record_type == name)
    before = or_(
        ParkedRecord.row_change.is_(None),
        tuple_(ParkedRecord.row_lineage, ParkedRecord.row_change) < tuple_(done.row_lineage, done.row_change),
    )
    removed = 0
    for start in range(0, len(ids), CHUNK):
        some = ParkedRecord.record_id.in_(ids[start : start + CHUNK])
        removed += _count(session.execute(delete(ParkedRecord).where(*own, before, some)))
    naming = ParkedRecord.line.contains(done.customer_id, autoescape=True)
    return removed + _count(session.execute(delete(ParkedRecord).where(*own, before, naming)))


def _remove_carried(session: Session, done: ErasureDone, name: str, ids: Sequence[str]) -> int:
    own = (CarriedValues.branch_number == done.branch_number, CarriedValues.record_type == name)
    before = tuple_(CarriedValues.row_lineage, CarriedValues.row_change) < tuple_(
        done.row_lineage, done.row_change
    )
    return sum(
        _count(
            session.execute(
                delete(CarriedValues).where(*own, before, CarriedValues.id.in_(ids[start : start + CHUNK]))
            )
        )
        for start in range(0, len(ids), CHUNK)
    )


def _remove_shown(session: Session, done: ErasureDone, bindings: Bindings) -> int:
    """Take out of the differences that were shown what was held of these records then."""
    ids = {one for some in _records(session, done, bindings).values() for one in some}
    changed = 0
    for difference in session.scalars(
        select(Difference).where(
            Difference.branch_number == done.branch_number, Difference.record_type.in_(CARRIERS)
        )
    ):
        rows = [
            {**row, "held": None} if row.get("id") in ids and row.get("held") else row
            for row in difference.rows
        ]
        if rows != difference.rows:
            difference.rows = rows
            changed += 1
    return changed


def _forget_reasons(session: Session, done: ErasureDone) -> int:
    """Forget why orders about the customer were given here, and why two people decided on them."""
    code = session.get_one(Branch, done.branch_number).code
    forgotten = forget_said(session, {"customer": done.customer_id})
    orders = select(FeedVersion).join(FeedItem, FeedItem.id == FeedVersion.item_id)
    mine = FeedVersion.body["customer_id"].as_string() == done.customer_id
    for version in session.scalars(orders.where(FeedItem.kind == ItemKind.PERSONAL_ORDER, mine)):
        if version.branches == [code] and version.body["reason"] != ERASED:
            told = {**version.body, "reason": ERASED}
            which = (FeedVersion.item_id == version.item_id, FeedVersion.version == version.version)
            # Not through the session, which would tell the log what was there.
            session.execute(update(FeedVersion.__table__).where(*which).values(body=told))  # type: ignore[arg-type]
            session.expire(version)
            forgotten += 1
    return forgotten


def _blank_rows(session: Session, done: ErasureDone, bindings: Bindings) -> None:
    """Blank the rows themselves, of which the branch has sent or will send a newer version that says the same."""
    customers = bindings["customer"].table
    _blank(session, customers, done.branch_number, customers.c.id == done.customer_id)
    for _name, table, column in _about_customers(bindings):
        _blank(session, table, done.branch_number, table.c[column] == done.customer_id)


def _blank(session: Session, table: Table, branch_number: int, which: Any) -> None:  # noqa: ANN401 - a condition
    mine = and_(table.c.branch_number == branch_number, which)
    for row in session.execute(select(table).where(mine)).mappings().all():
        wanted = blanks(table, dict(row))
        if any(row[name] != value for name, value in wanted.items()):
            one = and_(table.c.branch_number == branch_number, table.c.id == row["id"])
            session.execute(update(table).where(one).values(wanted))


def _count(result: Any) -> int:  # noqa: ANN401 - a DELETE's result
    return int(result.rowcount)

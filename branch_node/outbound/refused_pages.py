"""What head office refused of this branch, with the reason and the way to the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, render_template, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.outbound.models import RefusedRecord
from branch_node.outbound.oversize import number_of
from branch_node.outbound.receiver_web import named, reading
from branch_node.outbound.refusals import MOST_KEPT
from branch_node.runtime import BranchRuntime
from shared.domain.wire_words import RECORD_NAMES, explain
from shared.ids import is_id
from shared.rights.ranges import BY_HAND, rows_seen
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import may, runtime
from shared.web.paging import PageRequest, paginate
from sync_protocol.apply import WAITS
from sync_protocol.catalog import CATALOG, Bindings, RecordKind
from sync_protocol.changelog.models import Change, OversizeRecord
from sync_protocol.changelog.oversize import list_oversize

blueprint = Blueprint("refusals", __name__, template_folder="templates", url_prefix="/sync/refused")
SORTS: Final = {"id": RefusedRecord.id}


@dataclass(frozen=True, slots=True)
class Place:
    """The page where a record is mended, and what opening it needs."""

    endpoint: str
    argument: str
    resource: Resource
    action: Action = Action.READ

    def url(self, record_id: str) -> str:
        """Return the address of one record's page."""
        values: dict[str, Any] = {self.argument: record_id}
        return url_for(self.endpoint, **values)


# What is computed has no page: it is mended by what it is computed from.
PLACES: Final[Mapping[str, Place]] = {
    "manager": Place("managers.edit", "manager_id", Resource.MANAGER, Action.UPDATE),
    "customer": Place("customers.edit", "customer_id", Resource.CUSTOMER, Action.UPDATE),
    "bill_line": Place("billing.line", "line_id", Resource.BILL_LINE),
    "work_log": Place("worklogs.entry", "log_id", Resource.WORK_LOG),
    "unit": Place("units.one", "unit_id", Resource.UNIT),
}
# What a record is called, where its table has it.
NAMING: Final = ("customer_no", "manager_no", "bill_no", "log_no", "serial_no", "name", "month", "day")


@blueprint.get("")
@requires(Resource.PARKED, Action.READ)
def index() -> str:
    """List refused records, oldest first, each with what is wrong with it."""
    wanted = PageRequest.from_query(SORTS, default="id")
    bindings = runtime(BranchRuntime).bindings
    with reading() as session:
        page = paginate(session, select(RefusedRecord), wanted, sorts=SORTS, tie=RefusedRecord.id)
        names, mended = _names(session, page.items, bindings), _mended(session, page.items)
        rows = [_row(found, names, mended) for found in page.items]
        too_large = [_oversize_row(session, one, bindings) for one in list_oversize(session)]
    return render_template(
        "outbound/refused.html", receiver=named(), page=page, rows=rows, most=MOST_KEPT, too_large=too_large
    )


def _oversize_row(session: Session, one: OversizeRecord, bindings: Bindings) -> dict[str, Any]:
    place = PLACES.get(one.record_type)
    may_open = place is not None and may(place.resource, place.action)
    return {
        "found": one,
        "type": RECORD_NAMES.get(one.record_type, one.record_type),
        "name": number_of(session, bindings, one),
        "url": place.url(one.record_id) if place and may_open else None,
    }


def _row(found: RefusedRecord, names: Mapping[str, str], mended: set[str]) -> dict[str, Any]:
    record = CATALOG.get(found.record_type)
    name = names.get(found.record_id or "")
    place = PLACES.get(found.record_type)
    may_open = place is not None and may(place.resource, place.action)
    return {
        "found": found,
        "type": RECORD_NAMES.get(found.record_type, found.record_type),
        "name": name or found.record_id,
        "reasons": explain(found.code, found.reasons),
        "waits": found.code == WAITS,
        "fact": record is not None and record.kind is RecordKind.FACT,
        "computed": place is None,
        "held": name is not None,
        "mended": found.record_id in mended,
        "url": place.url(str(found.record_id)) if place and may_open and name is not None else None,
    }


def _names(session: Session, found: Sequence[RefusedRecord], bindings: Bindings) -> dict[str, str]:
    """Return what the refused records are called here, by id; nothing of those this branch no longer holds."""
    by_type: dict[str, set[str]] = {}
    for one in found:
        if one.record_type in bindings and is_id(one.record_id or ""):
            by_type.setdefault(one.record_type, set()).add(str(one.record_id))
    names = {}
    for record_type, ids in by_type.items():
        table = bindings[record_type].table
        columns = [table.c[name] for name in NAMING if name in table.c]
        wanted = select(table.c.id, *columns).where(table.c.id.in_(sorted(ids)), *rows_seen(session, table))
        for row in session.execute(wanted.execution_options(**BY_HAND)):
            names[str(row[0])] = " ".join(str(value) for value in tuple(row)[1:] if value)
    return names


def _mended(session: Session, found: Sequence[RefusedRecord]) -> set[str]:
    """Return which of them have been changed since: they go with the next push."""
    ids = sorted(str(one.record_id) for one in found if is_id(one.record_id or ""))
    waiting = select(Change.record_id).where(Change.batch_id.is_(None), Change.record_id.in_(ids))
    return set(session.scalars(waiting))

"""What comes back from a receiver to a node that was set back: of an erased customer nothing but what is blank."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.erased.models import Erasure
from branch_node.erased.queries import is_erased
from branch_node.erasure.operations import Known, carry_out
from branch_node.erasure.queries import last_batch
from shared.db.personal import about_column
from shared.domain.erasure.rules import blanks
from shared.domain.erasure.vocabulary import ErasureReason
from shared.stamp import Stamp, Via
from sync_protocol.catalog import Binding
from sync_protocol.wire import row_values


def carry_out_told(session: Session, values: Mapping[str, Any]) -> bool:
    """Carry out an erasure that a receiver knows of and this node does not; False when it knew the customer erased.

    It counts as not complete: what this node keeps is from an older backup.
    """
    if is_erased(session, values["customer_id"]):
        return False
    told = {**values, "reason": ErasureReason.of(values["reason"]), "waiting": 0, "complete_at": None}
    erasure = Erasure(**told, through_batch=last_batch(session))
    session.add(erasure)
    session.flush()
    by = Stamp(erasure.erased_at, "sync", Via.SYNC, "")
    carry_out(session, Known.of(erasure), by=by, again=True)
    return True


def blanked_line(session: Session, binding: Binding, line: str) -> str | None:
    """Return a wire row about an erased customer with what is personal blank; None when it is about nobody erased."""
    row = json.loads(line)
    values = row_values(binding, row)
    about = about_column(binding.table)
    customer = binding.table.name == Customer.__tablename__
    whose = values["id"] if customer else values.get(about[1]) if about else None
    if not whose or not is_erased(session, whose):
        return None
    for name, blank in blanks(binding.table, values).items():
        if name in values:
            at = binding.record.columns.index(name) + 1
            row[at] = json.dumps(blank) if isinstance(binding.table.c[name].type, JSON) else blank
    return json.dumps(row, ensure_ascii=False)

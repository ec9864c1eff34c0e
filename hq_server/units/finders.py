"""Tracked units of all branches in the search box: a serial or chassis number, typed whole or in part."""

from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.branches.queries import list_branches
from hq_server.replica.models import ReplicaCustomer, ReplicaUnit
from hq_server.units import queries
from hq_server.units.queries import UnitFilter
from shared.domain.units.rules import normal_serial
from shared.domain.units.vocabulary import UnitStatus
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.finding.finder import Finder, Found, Hit, counted

LEAST_PART: Final = 2


def _find(session: Session, asked: str, limit: int, offset: int) -> Found:
    serial = normal_serial(asked)
    if len(serial) < LEAST_PART:
        return Found((), 0)
    wanted = queries.select_units(UnitFilter(text=asked))
    near = ((ReplicaUnit.serial_no == serial).desc(), ReplicaUnit.serial_no, ReplicaUnit.id)
    branches = {branch.number: branch for branch in list_branches(session)}
    rows = session.execute(wanted.order_by(*near).limit(limit).offset(offset)).all()
    hits = [_hit(unit, owner, branches[unit.branch_number]) for unit, owner in rows]
    return Found(hits, *counted(session, wanted.with_only_columns(ReplicaUnit.id)))


def _hit(unit: ReplicaUnit, owner: ReplicaCustomer | None, branch: Branch) -> Hit:
    whose = f"{owner.name} ({owner.customer_no})" if owner else ""
    return Hit(
        unit.serial_no,
        _(", ").join(each for each in (unit.product, unit.model, branch.name, whose) if each),
        url_for("units.one", code=branch.code, unit_id=unit.id),
        label(unit.status),
        "ok" if unit.status is UnitStatus.IN_USE else "",
    )


UNITS: Final = Finder(
    "units",
    _l("Tracked units"),
    "briefcase",
    Resource.UNIT,
    _find,
    lambda asked: url_for("units.index", q=asked),
)

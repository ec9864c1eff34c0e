"""Tracked units in the search box."""

from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from branch_node.units import queries
from branch_node.units.models import Unit
from branch_node.units.queries import UnitRow
from branch_node.units.web import STATUS_TONES
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.finding.finder import Finder, Found, Hit, counted


def _find(session: Session, asked: str, limit: int, offset: int) -> Found:
    wanted = queries.select_found(asked)
    if wanted is None:
        return Found((), 0)
    hits = [_hit(row) for row in queries.found(session, asked, limit, offset)]
    if not offset and len(hits) < limit:
        return Found(hits, len(hits))
    return Found(hits, *counted(session, wanted.with_only_columns(Unit.id)))


def _hit(row: UnitRow) -> Hit:
    unit, owner_no, owner = row
    whose = f"{owner} ({owner_no})" if owner else ""
    return Hit(
        unit.serial_no,
        _(", ").join(each for each in (unit.product, unit.model, whose) if each),
        url_for("units.one", unit_id=unit.id),
        label(unit.status),
        STATUS_TONES[unit.status],
        unit.id,
    )


UNITS: Final = Finder(
    "units",
    _l("Tracked units"),
    "briefcase",
    Resource.UNIT,
    _find,
    lambda asked: url_for("units.index", q=asked),
    hint=queries.any_named,
)

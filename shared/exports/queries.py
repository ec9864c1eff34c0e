"""Reading the register of exports."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.exports.errors import ExportNotFoundError
from shared.exports.models import Export
from shared.exports.numbers import read_number
from shared.exports.vocabulary import MADE, ExportState
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.queries import list_deciders

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def get_export(session: Session, export_id: str) -> Export:
    """Return one export; raises ExportNotFoundError."""
    found = session.get(Export, export_id)
    if found is None:
        raise ExportNotFoundError
    return found


def select_exports(asked: str = "") -> Select[Export]:
    """Select the exports there are, or those whose number or digest of a file was given."""
    statement = select(Export)
    if not asked:
        return statement
    digest = asked.strip().lower()
    if _DIGEST.fullmatch(digest):
        return statement.where(Export.digest == digest)
    return statement.where(Export.number == (read_number(asked) or ""))


def rows_taken(session: Session, user_id: str, *, since: datetime) -> int:
    """Return how many rows somebody has taken out of the node since an instant."""
    taken = select(func.coalesce(func.sum(Export.rows), 0)).where(
        Export.asked_by_id == user_id, Export.made_at >= since, Export.state.in_(MADE)
    )
    return int(session.scalar(taken) or 0)


def find_waiting(session: Session, user_id: str, address: str, *, whole: bool) -> Export | None:
    """Return what somebody has asked for already and nobody has decided yet, or None."""
    return session.scalars(
        select(Export).where(
            Export.asked_by_id == user_id,
            Export.state == ExportState.WAITING,
            Export.address == address,
            Export.whole == whole,
        )
    ).first()


def may_approve(session: Session, user_id: str, tier: str) -> Sequence[str]:
    """Return the names of those who may approve, at a node of `tier`, what this person asks for."""
    return list_deciders(session, tier, Resource.EXPORT, Action.APPROVE, besides=user_id)

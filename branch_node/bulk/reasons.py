"""Why customers were left out of a bulk act or kept as they are, in the reader's language."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from branch_node.bulk import queries
from branch_node.bulk.errors import NotAmongYoursError
from branch_node.bulk.models import BulkAct, BulkRow, RowState
from shared.i18n import gettext as _
from shared.i18n import translate_error


def why(row: BulkRow) -> str:
    """Return why one customer was left out or kept."""
    if not row.why:
        return ""
    try:
        return _(row.why) % row.params
    except (KeyError, ValueError, TypeError):
        return _(row.why)


def reasons_of(session: Session, act: BulkAct, states: Mapping[RowState, int]) -> list[tuple[str, int]]:
    """Return each reason and for how many it holds; those of whom there is no row were not seen, or are gone."""
    told = [(why(row), customers) for row, customers in queries.list_reasons(session, act.id)]
    unseen = act.left_out - states.get(RowState.LEFT, 0)
    return [*told, (translate_error(NotAmongYoursError()), unseen)] if unseen > 0 else told

"""The act of two people behind an export that is larger than one person may take alone."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from shared.errors import N_
from shared.exports.models import Export
from shared.exports.vocabulary import KIND, ExportState
from shared.rights.vocabulary import Action, Resource
from shared.stamp import Stamp
from shared.twoperson.errors import ActChangedError
from shared.twoperson.models import ProposedAct
from shared.twoperson.vocabulary import ActKind, ActState

# What an approval binds: the address says the rows, with every condition.
BOUND: Final = ("number", "address", "form", "whole", "rows", "reason")
_ENDED = {
    ActState.REFUSED: ExportState.REFUSED,
    ActState.WITHDRAWN: ExportState.WITHDRAWN,
    ActState.EXPIRED: ExportState.EXPIRED,
}


def export_kind() -> ActKind:
    """Return the act that lets somebody make one export and fetch it for a while."""
    return ActKind(
        KIND,
        N_("Export personal data"),
        Resource.EXPORT,
        Action.APPROVE,
        execute=_approve,
        drop=_drop,
        facts=_facts,
    )


def _approve(session: Session, act: ProposedAct, by: Stamp) -> None:
    export = session.get_one(Export, act.subject_id)
    bound = {name: getattr(export, name) for name in BOUND}
    if bound != {name: act.payload[name] for name in BOUND}:
        raise ActChangedError
    export.state, export.decided_by = ExportState.APPROVED, by.actor
    export.expires_at = by.at + timedelta(hours=act.payload["hours"])


def _drop(session: Session, act: ProposedAct, by: Stamp) -> None:
    export = session.get_one(Export, act.subject_id)
    export.state = _ENDED[act.state]
    export.decided_by = by.actor if act.state is ActState.REFUSED else None


def _facts(act: ProposedAct) -> Sequence[tuple[str, object]]:
    said = act.payload
    return [
        (N_("Export no."), said["number"]),
        (N_("What is exported"), said["title"]),
        (N_("Rows"), said["rows"]),
        (N_("Columns"), said["columns"]),
        (N_("Masked columns"), said["masked"]),
        (N_("Conditions"), [f"{name}: {text}" for name, text in said["conditions"].items()]),
        (N_("Can be fetched, times"), said["fetches"]),
        (N_("Can be fetched, hours"), said["hours"]),
    ]

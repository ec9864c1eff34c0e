"""Choosing the regions a branch serves, and saying that it is set up."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy.orm import Session

from branch_node.proof.operations import demand
from branch_node.setup import queries
from branch_node.setup.models import ServedRegion, SetupFinished
from shared.audit import operations as audit
from shared.domain.regions import find_region
from shared.errors import N_, BranchlineError, FieldError, Kind
from shared.i18n import label
from shared.stamp import Stamp

PROOF_REASON: Final = "setup"


class RegionUnknownError(FieldError):
    """There is no such region."""

    code = "region-unknown"
    message = N_("There is no region %(given)s. Choose one of those that are found.")


class SetupUnfinishedError(BranchlineError):
    """A step of setting up is not done."""

    code = "setup-unfinished"
    kind = Kind.CONFLICT
    message = N_("These steps are not done yet: %(steps)s.")


def choose_region(session: Session, code: str, *, by: Stamp) -> None:
    """Say that this branch serves a region; raises RegionUnknownError."""
    region = find_region(code)
    if region is None:
        raise RegionUnknownError(field="code", given=code)
    if session.get(ServedRegion, region.code) is None:
        session.add(ServedRegion(code=region.code, chosen_at=by.at, chosen_by=by.actor))
        audit.record(session, "setup.region-chosen", subject=("region", region.code), by=by)


def drop_region(session: Session, code: str, *, by: Stamp) -> None:
    """Say that this branch no longer serves a region."""
    found = session.get(ServedRegion, code)
    if found is not None:
        session.delete(found)
        audit.record(session, "setup.region-dropped", subject=("region", code), by=by)


def ask_for_proof(session: Session, record_types: Iterable[str], *, by: Stamp) -> None:
    """Have the next cycle compare every record type with head office, instead of waiting for the next day."""
    demand(session, record_types, PROOF_REASON)
    audit.record(session, "setup.proof-asked", subject=None, by=by)


def finish_setup(session: Session, *, by: Stamp) -> None:
    """Say that this branch is set up; raises SetupUnfinishedError while any step is not done."""
    if queries.is_finished(session):
        return
    waiting = [one.step for one in queries.list_steps(session) if not one.done]
    if waiting:
        raise SetupUnfinishedError(steps=", ".join(label(step) for step in waiting))
    session.add(SetupFinished(id=1, finished_at=by.at, finished_by=by.actor))
    audit.record(session, "setup.finished", subject=None, by=by)

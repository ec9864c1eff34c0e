"""How far setting up has come: nothing here is ticked off, each step looks at what is there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from branch_node.inbound.models import InboundItem
from branch_node.inbound.queries import find_place
from branch_node.outbound.queries import find_last_cycle, find_membership
from branch_node.proof.queries import list_proofs
from branch_node.setup.models import ServedRegion, SetupFinished
from shared.auth.models import User
from shared.domain.published.vocabulary import ItemKind
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_
from shared.organisation.queries import count_departments
from shared.rights.vocabulary import DataRange, StaffKind
from sync_protocol.changelog.sealing import count_pending

# Without them a branch cannot work: who runs it, who keeps the customers, who keeps the node.
NEEDED_KINDS: Final = (StaffKind.BRANCH_MANAGER, StaffKind.ACCOUNT_MANAGER, StaffKind.ADMINISTRATOR)


class SetupStep(Vocabulary):
    """The steps, in the order in which they are best done."""

    ORGANISATION = ("organisation", N_("Departments"), "部门")
    PEOPLE = ("people", N_("People"), "人员")
    REGIONS = ("regions", N_("Regions served"), "服务区域")
    KEY = ("key", N_("Joined head office"), "加入总公司")
    CODES = ("codes", N_("Code tables and policies"), "代码表和规定")
    FIRST_SYNC = ("first_sync", N_("First sync, proven"), "首次同步并核对一致")


@dataclass(frozen=True, slots=True)
class StepState:
    """How one step stands; `facts` are what it found, for the page to say."""

    step: SetupStep
    done: bool
    facts: dict[str, Any] = field(default_factory=dict)


def is_finished(session: Session) -> bool:
    """Whether somebody has said that this branch is set up."""
    return session.get(SetupFinished, 1) is not None


def find_finished(session: Session) -> SetupFinished | None:
    """Return when and by whom setting up was finished, or None."""
    return session.get(SetupFinished, 1)


def list_regions(session: Session) -> Sequence[str]:
    """Return the codes of the regions this branch serves."""
    return session.scalars(select(ServedRegion.code).order_by(ServedRegion.code)).all()


def list_steps(session: Session) -> list[StepState]:
    """Return how every step stands now."""
    return [_organisation(session), _people(session), _regions(session), *_with_head_office(session)]


def _organisation(session: Session) -> StepState:
    count = count_departments(session)
    return StepState(SetupStep.ORGANISATION, count > 0, {"departments": count})


def _people(session: Session) -> StepState:
    # Who has neither a password nor a code cannot come in; a branch manager without a range can let nobody work.
    able = select(User.kind, User.data_range).where(
        User.disabled_at.is_(None), or_(User.password_hash.is_not(None), User.code_hash.is_not(None))
    )
    found = [(row[0], row[1]) for row in session.execute(able)]
    missing = [kind for kind in NEEDED_KINDS if kind not in {one for one, _range in found}]
    without_range = sum(
        kind is not StaffKind.ADMINISTRATOR and reach is DataRange.NONE for kind, reach in found
    )
    managed = any(kind is StaffKind.BRANCH_MANAGER and reach is not DataRange.NONE for kind, reach in found)
    facts = {"people": len(found), "missing": missing, "without_range": without_range, "managed": managed}
    return StepState(SetupStep.PEOPLE, not missing and managed, facts)


def _regions(session: Session) -> StepState:
    codes = list_regions(session)
    return StepState(SetupStep.REGIONS, bool(codes), {"regions": codes})


def _with_head_office(session: Session) -> list[StepState]:
    member, place, last = find_membership(session), find_place(session), find_last_cycle(session, "done")
    tables = session.scalars(
        select(InboundItem.name).where(
            InboundItem.kind == ItemKind.CODE_TABLE.value, InboundItem.body.is_not(None)
        )
    ).all()
    followed_at = place.followed_at if place else None
    proofs = list_proofs(session)
    differing = [one.record_type for one in proofs if one.equal_at is None]
    proven = bool(proofs) and not differing
    return [
        StepState(SetupStep.KEY, member is not None, {"member": member}),
        # A branch that was told there is nothing yet has followed all there is.
        StepState(
            SetupStep.CODES,
            followed_at is not None or last is not None,
            {"tables": tables, "followed_at": followed_at},
        ),
        StepState(
            SetupStep.FIRST_SYNC,
            last is not None and proven,
            {
                "last": last.ended_at if last else None,
                "pending": count_pending(session),
                "differing": differing,
                "proven_at": _oldest(one.equal_at for one in proofs) if proven else None,
            },
        ),
    ]


def _oldest(instants: Any) -> datetime | None:  # noqa: ANN401 - any iterable of instants
    return min((at for at in instants if at is not None), default=None)

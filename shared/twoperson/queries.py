"""Reading proposed acts."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from shared.auth.queries import list_users
from shared.rights import policy
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.errors import ActNotFoundError
from shared.twoperson.models import ProposedAct
from shared.twoperson.vocabulary import ActState


def get_act(session: Session, act_id: str) -> ProposedAct:
    """Return one act; raises ActNotFoundError."""
    found = session.get(ProposedAct, act_id)
    if found is None:
        raise ActNotFoundError
    return found


def find_waiting(session: Session, kind: str, subject: tuple[str, str]) -> ProposedAct | None:
    """Return the act of a kind that waits for a decision about a record, or None; its time may be over."""
    return session.scalars(
        select(ProposedAct).where(
            ProposedAct.state == ActState.WAITING,
            ProposedAct.kind == kind,
            ProposedAct.subject_type == subject[0],
            ProposedAct.subject_id == subject[1],
        )
    ).one_or_none()


def list_waiting(session: Session, *, now: datetime) -> Sequence[ProposedAct]:
    """Return the acts that wait for a second person, the one that runs out first above."""
    waiting = (ProposedAct.state == ActState.WAITING, ProposedAct.expires_at > now)
    ordered = select(ProposedAct).where(*waiting).order_by(ProposedAct.expires_at, ProposedAct.id)
    return session.scalars(ordered).all()


def count_waiting(session: Session, *, now: datetime) -> int:
    """Return how many acts wait for a second person."""
    waiting = (ProposedAct.state == ActState.WAITING, ProposedAct.expires_at > now)
    return session.scalars(select(func.count()).select_from(ProposedAct).where(*waiting)).one()


def list_deciders(
    session: Session, tier: str, resource: Resource, action: Action, *, besides: str | None
) -> Sequence[str]:
    """Return the names of those who may decide, at a node of `tier`, on what the user `besides` asks for."""
    return [
        user.name
        for user in list_users(session)
        if user.disabled_at is None
        and user.id != besides
        and policy.may(user.rights_at(tier), resource, action)
        and policy.may(user.rights_at(tier), Resource.TWO_PERSON, Action.APPROVE)
    ]


def select_over() -> Select[ProposedAct]:
    """Select the acts that are over, the last decided first."""
    return (
        select(ProposedAct)
        .where(ProposedAct.state != ActState.WAITING)
        .order_by(ProposedAct.decided_at.desc(), ProposedAct.id)
    )

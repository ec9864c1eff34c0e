"""Blanking what is past its term of our own people: closed accounts, and the telephones of managers who left."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import String, cast, exists, select, update
from sqlalchemy.orm import Session

from branch_node.inbound.queries import policy
from branch_node.managers.models import Manager
from branch_node.personal.models import LegalHold
from branch_node.personal.retention import ACTOR
from shared.audit.operations import record
from shared.audit.sealing import forget
from shared.auth.forgetting import forget_closed_accounts
from shared.auth.models import User
from shared.db.base import Base
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.personal.keeping import KEEP_ACCOUNTS, months_before
from shared.stamp import Stamp

MANAGERS: Final = Base.metadata.tables[Manager.__tablename__]


def blank_staff(session: Session, today: date, *, limit: int, by: Stamp) -> Counter[str]:
    """Blank so many accounts and so many managers' telephones at most; returns how many of each.

    Nothing happens while any legal hold is in force here: a court may ask who served the customer.
    """
    months = policy(session, KEEP_ACCOUNTS, now=by.at)
    if not months or session.scalar(select(exists().where(LegalHold.released_at.is_(None)))):
        return Counter()
    before = datetime.combine(months_before(today, months), datetime.min.time(), tzinfo=UTC)
    return +Counter(
        accounts=forget_closed_accounts(session, before, limit=limit, by=by),
        managers=_blank_managers(session, before, limit=limit, by=by),
    )


def _blank_managers(session: Session, before: datetime, *, limit: int, by: Stamp) -> int:
    """Blank by ordinary changes, which travel; the name stays, for what was done for customers names who did it."""
    # PostgreSQL keeps the account manager of an account as text.
    open_account = exists().where(User.manager_id == cast(Manager.id, String), User.disabled_at.is_(None))
    wanted = (
        select(Manager)
        .where(Manager.status == ManagerStatus.LEFT, Manager.mobile.is_not(None))
        .where(Manager.updated_at < before, ~open_account)
        .order_by(Manager.updated_at, Manager.id)
        .limit(limit)
        .with_for_update()
    )
    found = session.scalars(wanted).all()
    for manager in found:
        values = {"mobile": None, "updated_at": by.at, "updated_by": ACTOR}
        # Not through the session, which would tell the log what was there.
        session.execute(update(MANAGERS).where(MANAGERS.c.id == manager.id).values(values))
        session.expire(manager)
        forget(session, ("manager", manager.id))
        record(session, "manager.blanked", subject=("manager", manager.id), by=by)
    return len(found)

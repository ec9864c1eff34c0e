"""Legal holds: while one is open, nothing of the customer is erased."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.personal.models import LegalHold


def is_held(session: Session, customer_id: str) -> bool:
    """Tell whether a hold on a customer is open: then nothing of them may be erased."""
    open_hold = select(LegalHold.id).where(
        LegalHold.customer_id == customer_id, LegalHold.released_at.is_(None)
    )
    return session.scalar(open_hold.limit(1)) is not None

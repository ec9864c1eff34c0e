"""Why head office gave orders about a customer: text about a person, which goes when they are erased."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.inbound.models import InboundItem
from shared.domain.erasure.rules import ERASED
from shared.domain.published.vocabulary import ItemKind

ARE_ORDERS = InboundItem.kind == ItemKind.PERSONAL_ORDER.value


def forget_reasons(session: Session, customer_id: str) -> int:
    """Forget why head office gave the orders about a customer who is erased; returns how many told it."""
    mine = InboundItem.body["customer_id"].as_string() == customer_id
    forgotten = 0
    for item in session.scalars(select(InboundItem).where(ARE_ORDERS, mine)):
        if item.body is not None and item.body["reason"] != ERASED:
            item.body = {**item.body, "reason": ERASED}
            forgotten += 1
    return forgotten

"""What stands around every page of a branch: found out by one statement where each of its parts would ask its own."""

from functools import cache
from typing import Any, Final

from sqlalchemy import Select, literal, select, true
from sqlalchemy.orm import Session

from branch_node.inbound import queries as inbound
from branch_node.inbound.models import FeedPlace
from branch_node.outbound.models import Membership
from branch_node.outbound.queries import read_membership
from shared.db.snapshot import known, reads_only
from shared.domain.published.vocabulary import CodeTable, ItemKind
from sync_protocol.changelog.sealing import count_pending, pending

# Whose line was down for weeks does not wait at each page for a count of all that piled up.
MOST_COUNTED: Final = 1_000


def ask_ahead(session: Session) -> None:
    """Find out which branch this is, what waits to go, and whether head office has said anything to people here."""
    if not reads_only(session):
        return
    member, place, waiting, named, announced = session.execute(_around()).one()
    known(session, member, read_membership)
    known(session, place, inbound.read_place)
    known(session, int(waiting), count_pending, most=MOST_COUNTED)
    known(session, bool(named), inbound.has_table, CodeTable.STAFF_KIND)
    known(session, bool(announced), inbound.has_announcements)


@cache
def _around() -> Select[Any]:
    # A node that has not joined yet, and one that has followed nothing, have no row of their own.
    one = select(literal(1).label("row")).subquery("one")
    asked = (
        Membership,
        FeedPlace,
        pending(MOST_COUNTED).scalar_subquery(),
        inbound.published(ItemKind.CODE_TABLE, CodeTable.STAFF_KIND.value),
        inbound.published(ItemKind.ANNOUNCEMENT),
    )
    return select(*asked).select_from(one).outerjoin(Membership, true()).outerjoin(FeedPlace, true())

"""Head office publishes, changes and withdraws; at rest each branch goes by exactly what is addressed to it."""

from collections import Counter
from random import Random
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from branch_node.inbound.models import InboundItem
from branch_node.torture.stage import CODES, Node, Stage
from hq_server.branches.models import Branch
from hq_server.feed import operations, queries
from hq_server.feed.models import FeedItem, FeedTelling, FeedVersion
from hq_server.feed.operations import Draft
from hq_server.feed.queries import ItemFilter, Standing
from shared.domain.published.codes import Code, write_codes
from shared.domain.published.policies import OUTBOX_DAYS
from shared.domain.published.vocabulary import CodeTable, ItemKind
from sync_protocol.contract.feed import APPLIED

# Of what is published: new items, then later versions; the rest is withdrawn.
NEW: Final = 0.4
CHANGED: Final = 0.8
FOR_ALL: Final = 0.6


def publish(stage: Stage, rng: Random, version: int) -> None:
    """Publish something new, the next version of something, or withdraw it; `version` marks what is said."""
    by, chosen = stage.stamp(), rng.random()
    with stage.hq.database.sessions.begin() as session:
        out = [one for one in _standing(session) if one.current and not one.current.withdrawn]
        one = rng.choice(out) if out else None
        branches = [] if rng.random() < FOR_ALL else [rng.choice(CODES)]
        if one is None or chosen < NEW:
            kind, name = rng.choice(_OFFERS)
            one = next((each for each in _standing(session) if name and each.item.name == name), None)
            if one is None:
                draft = Draft(_body(kind, version), branches)
                item = operations.make_item(session, kind, name, draft, by=by)
                operations.publish(session, item.id, by=by)
                return
        if chosen >= CHANGED and one.current and not one.current.withdrawn:
            operations.withdraw(session, one.item.id, by=by)
            return
        draft = Draft(_body(one.item.kind, version), branches)
        seen = one.draft or one.current
        operations.save_draft(session, one.item.id, draft, seen_at=seen.made_at if seen else None, by=by)
        operations.publish(session, one.item.id, by=by)


def judge(stage: Stage, code: str, node: Node) -> Counter[str]:
    """Count what a branch goes by and should not, or the reverse, and what head office was not told of."""
    with stage.hq.database.reads() as session:
        number = session.scalars(select(Branch.number).where(Branch.code == code)).one()
        due = {one.item.id: one.current for one in _standing(session) if one.current}
        tellings = select(FeedTelling.item_id, FeedTelling.version).where(
            FeedTelling.branch_number == number, FeedTelling.outcome == APPLIED
        )
        told = {(row.item_id, row.version) for row in session.execute(tellings)}
    should = {one: (now.version, now.body) for one, now in due.items() if now.addresses(code)}
    with node.runtime.database.reads() as session:
        items = session.scalars(select(InboundItem)).all()
        held = {item.id: (item.body_version, item.body) for item in items if item.body is not None}
        known = {(item.id, item.version) for item in items}
    wrong = {one for one in should.keys() | held.keys() if should.get(one) != held.get(one)}
    untold = {one for one, now in due.items() if (one, now.version) in known - told}
    return Counter(stale=len(wrong), unsettled=len(untold))


_OFFERS: Final = (
    (ItemKind.POLICY, OUTBOX_DAYS),
    (ItemKind.CODE_TABLE, CodeTable.PRODUCT.value),
    (ItemKind.ANNOUNCEMENT, ""),
    (ItemKind.ANNOUNCEMENT, ""),
)


def _body(kind: ItemKind, version: int) -> dict[str, Any]:
    if kind is ItemKind.POLICY:
        return {"value": 30 + version % 300}
    if kind is ItemKind.CODE_TABLE:
        return write_codes([Code("宽带"), Code(f"P{version}")])
    return {"title": f"公告 {version}", "text": f"{version}", "from": None, "for": []}


def _standing(session: Session) -> list[Standing]:
    """Return every item in an order that follows from the run alone: ids do not."""
    found = queries.list_standings(session, ItemFilter())
    return sorted(
        found, key=lambda one: (one.item.kind.value, one.item.name, one.item.title, _first(session, one.item))
    )


def _first(session: Session, item: FeedItem) -> int:
    first = select(FeedVersion.seq).where(FeedVersion.item_id == item.id, FeedVersion.seq.is_not(None))
    return session.scalars(first.order_by(FeedVersion.version).limit(1)).first() or 0

"""Files merged into a customer follow it: whoever comes to see the one sees the other, whoever ceases to does not."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, aliased

from branch_node.customers.models import Customer, CustomerShare, Serving
from branch_node.identity.models import CustomerIdentity
from shared.stamp import Stamp


def files_merged_into(session: Session, customer_id: str) -> Sequence[Customer]:
    """Return the files that were merged into a customer."""
    wanted = (
        select(Customer)
        .join(CustomerIdentity, CustomerIdentity.customer_id == Customer.id)
        .where(CustomerIdentity.identity_id == customer_id)
    )
    return session.scalars(wanted.order_by(Customer.id)).all()


def follow_holder(
    session: Session,
    customer_ids: Sequence[str],
    before: str | None,
    after: str | None,
    *,
    by: Stamp,
    only: Collection[str] | None = None,
) -> list[str]:
    """Let what was merged into these customers go from who held them to who holds them now; returns the files that did.

    A file that somebody else holds stays theirs, for when the merge is taken back, and is shared anew. `only` some of
    the files change hands.
    """
    moved = []
    for file in _merged_files(session, customer_ids):
        if file.manager_id == before and (only is None or file.id in only):
            file.manager_id = after
            file.touch(by)
            moved.append(file.id)
        else:
            _share_instead(session, file, before, after, by=by)
    session.flush()
    return moved


def files_elsewhere(session: Session, manager_id: str) -> list[str]:
    """Return the files somebody holds that were merged into customers of others."""
    survivor = aliased(Customer, name="survivor")
    wanted = (
        select(Customer.id)
        .join(CustomerIdentity, CustomerIdentity.customer_id == Customer.id)
        .join(survivor, survivor.id == CustomerIdentity.identity_id)
        .where(Customer.manager_id == manager_id, survivor.manager_id.is_distinct_from(manager_id))
    )
    return list(session.scalars(wanted.order_by(Customer.id)))


def give_files(session: Session, ids: Collection[str], before: str, after: str, *, by: Stamp) -> None:
    """Let files that were merged into others' customers change hands themselves, those still held by `before`."""
    for at in sorted(ids):
        file = session.get_one(Customer, at, with_for_update=True)
        if file.manager_id == before:
            file.manager_id = after
            file.touch(by)
    session.flush()


def follow_share(session: Session, share: CustomerShare) -> None:
    """Let what was merged into a customer be seen by whom it is shared with, for as long."""
    for file in files_merged_into(session, share.customer_id):
        if file.manager_id == share.manager_id:
            continue
        own = session.get(CustomerShare, (file.id, share.manager_id))
        if own is None:
            own = CustomerShare(customer_id=file.id, manager_id=share.manager_id)
            session.add(own)
        own.shared_at, own.shared_by, own.ends_at = share.shared_at, share.shared_by, share.ends_at
    session.flush()


def follow_share_end(session: Session, customer_id: str, manager_id: str) -> None:
    """Let who sees a customer no more see nothing of what was merged into it either, unless they hold it."""
    merged = [file.id for file in files_merged_into(session, customer_id)]
    of_them = CustomerShare.customer_id.in_(merged), CustomerShare.manager_id == manager_id
    session.execute(delete(CustomerShare).where(*of_them))


def follow_serving(session: Session, serving: Serving) -> None:
    """Open what was merged into a customer to who serves them, for as long."""
    for file in files_merged_into(session, serving.customer_id):
        own = session.get(Serving, (serving.user_id, file.id))
        if own is None:
            own = Serving(user_id=serving.user_id, customer_id=file.id)
            session.add(own)
        own.began_at, own.ends_at = serving.began_at, serving.ends_at
    session.flush()


def end_followers(session: Session, customer_ids: Collection[str], *, since: datetime) -> None:
    """End what lets others see files because of a merge that is taken back: the shares made since it."""
    made_since = CustomerShare.customer_id.in_(sorted(customer_ids)), CustomerShare.shared_at >= since
    session.execute(delete(CustomerShare).where(*made_since))


def _merged_files(session: Session, customer_ids: Sequence[str]) -> Sequence[Customer]:
    found: list[Customer] = []
    for _chunk, some in groupby(enumerate(customer_ids), lambda pair: pair[0] // 500):
        wanted = (
            select(Customer)
            .join(CustomerIdentity, CustomerIdentity.customer_id == Customer.id)
            .where(CustomerIdentity.identity_id.in_([one for _at, one in some]))
        )
        found += session.scalars(wanted.order_by(Customer.id).with_for_update(of=Customer)).all()
    return found


def _share_instead(
    session: Session, file: Customer, before: str | None, after: str | None, *, by: Stamp
) -> None:
    old = session.get(CustomerShare, (file.id, before)) if before else None
    if old is not None:
        session.delete(old)
    if after is None or after == file.manager_id:
        return
    if session.get(CustomerShare, (file.id, after)) is not None:
        return
    session.add(
        CustomerShare(
            customer_id=file.id, manager_id=after, shared_at=by.at, shared_by=by.actor[:80], ends_at=None
        )
    )

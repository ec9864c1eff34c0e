"""Keeping the search index of all branches' customers in step with the batches that bring them."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Row, exists, select
from sqlalchemy.orm import Session

from hq_server.customers.queries import (
    SEARCH_INDEX,
    contact_words,
    search_key,
    search_words,
    select_searched,
)
from hq_server.replica.models import ReplicaContact, ReplicaCustomer, Tombstone
from shared.db import search

# Batches of these change under which words customers are found.
SEARCHED: Final = frozenset({"customer", "contact"})


def index_batches(session: Session, batch_ids: Collection[int]) -> int:
    """Index the customers these batches brought and forget those they removed; returns how many.

    A batch of contact people indexes their customers again. Doing it twice changes nothing. A customer that a later
    batch has replaced since is left to that batch.
    """
    brought = sorted(batch_ids)
    people = select(ReplicaContact.branch_number, ReplicaContact.customer_id)
    of_people = exists(
        people.where(
            ReplicaContact.batch_id.in_(brought),
            ReplicaContact.branch_number == ReplicaCustomer.branch_number,
            ReplicaContact.customer_id == ReplicaCustomer.id,
        )
    )
    indexed = 0
    for condition in (ReplicaCustomer.batch_id.in_(brought), of_people):
        customers = session.execute(
            select_searched().where(condition), execution_options={"yield_per": search.CHUNK}
        )
        indexed += sum(_put(session, part) for part in customers.partitions())
    removed = session.execute(
        select(Tombstone.branch_number, Tombstone.id).where(
            Tombstone.batch_id.in_(brought),
            Tombstone.record_type == "customer",
            ~exists().where(
                ReplicaCustomer.branch_number == Tombstone.branch_number, ReplicaCustomer.id == Tombstone.id
            ),
        )
    ).all()
    search.drop(session, SEARCH_INDEX, [search_key(number, one) for number, one in removed])
    return indexed + len(removed)


def _put(session: Session, customers: Sequence[Row[*tuple[Any, ...]]]) -> int:
    also = contact_words(session, [(one.branch_number, one.id) for one in customers])
    entries = []
    for one in customers:
        words = dict.fromkeys([*search_words(one), *also.get((one.branch_number, one.id), ())])
        entries.append((search_key(one.branch_number, one.id), list(words)))
    return search.put(session, SEARCH_INDEX, entries)

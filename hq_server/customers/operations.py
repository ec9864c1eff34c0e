"""Keeping the search index of all branches' customers in step with the batches that bring them."""

from collections.abc import Collection

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from hq_server.customers.queries import SEARCH_INDEX, search_key, search_words, select_searched
from hq_server.replica.models import ReplicaCustomer, Tombstone
from shared.db import search


def index_batches(session: Session, batch_ids: Collection[int]) -> int:
    """Index the customers these batches brought and forget those they removed; returns how many.

    Doing it twice changes nothing. A customer that a later batch has replaced since is left to that batch.
    """
    customers = session.execute(
        select_searched().where(ReplicaCustomer.batch_id.in_(sorted(batch_ids))),
        execution_options={"yield_per": search.CHUNK},
    )
    indexed = 0
    for part in customers.partitions():
        entries = [(search_key(one.branch_number, one.id), search_words(one)) for one in part]
        indexed += search.put(session, SEARCH_INDEX, entries)
    removed = session.execute(
        select(Tombstone.branch_number, Tombstone.id).where(
            Tombstone.batch_id.in_(sorted(batch_ids)),
            Tombstone.record_type == "customer",
            ~exists().where(
                ReplicaCustomer.branch_number == Tombstone.branch_number, ReplicaCustomer.id == Tombstone.id
            ),
        )
    ).all()
    search.drop(session, SEARCH_INDEX, [search_key(number, one) for number, one in removed])
    return indexed + len(removed)

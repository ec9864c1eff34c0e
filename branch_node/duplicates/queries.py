"""Whom a customer may be the same as, and which pairs wait for a decision."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import BigInteger, Row, column, func, select, values
from sqlalchemy.orm import Session, aliased

from branch_node.customers.models import Customer
from branch_node.duplicates.models import DuplicateKey, DuplicatePair
from branch_node.managers.models import Manager
from shared.domain.duplicates.blocking import MOST_SHARING, keys_of
from shared.domain.duplicates.features import COMPARED, Features, features_of
from shared.domain.duplicates.rules import Verdict, judge
from shared.domain.duplicates.vocabulary import PairState
from shared.domain.duplicates.weights import VERSION
from shared.errors import N_, BranchlineError, Kind

CHUNK: Final = 500
MOST_HITS: Final = 5
COLUMNS: Final = [getattr(Customer, name) for name in ("id", *COMPARED)]


class PairNotFoundError(BranchlineError):
    """There is no such pair, or the files have changed and are no longer alike."""

    code = "duplicate-pair-not-found"
    kind = Kind.NOT_FOUND
    message = N_("This pair is no longer in the list: one of the two files has changed or gone.")


@dataclass(frozen=True, slots=True)
class Hit:
    """A customer who may be the one somebody is about to enter."""

    customer: Customer
    manager_name: str | None
    verdict: Verdict


def digest_of(row: Mapping[str, Any]) -> int:
    """Return the digest of what is compared of a customer, by the weights of today."""
    plain = json.dumps([VERSION, *(row[name] for name in COMPARED)], ensure_ascii=False, sort_keys=True)
    return int.from_bytes(blake2b(plain.encode(), digest_size=8).digest()) >> 1


def find_like(
    session: Session, entered: Mapping[str, Any], *, besides: str | None = None, most: int = MOST_HITS
) -> list[Hit]:
    """Return whom a customer entered like this may be, the likeliest first."""
    alike = [(verdict, at) for _, at, verdict in judged(session, {"": features_of(entered)}) if at != besides]
    alike.sort(key=lambda each: (-each[0].score, each[1]))
    best = {at: verdict for verdict, at in alike[:most]}
    return [Hit(row[0], row[1], best[row[0].id]) for row in _with_managers(session, list(best))]


def find_probable(session: Session, entered: Mapping[str, Any]) -> list[str]:
    """Return whom a customer entered like this very likely is, the likeliest first; the session is the node's own.

    A name that many share says nothing by itself; with a number, a birthday or an address it does.
    """
    return [hit.customer.id for hit in find_like(session, entered) if hit.verdict.probable]


def judged(session: Session, wanted: Mapping[str, Features]) -> Iterator[tuple[str, str, Verdict]]:
    """Yield who of `wanted` is like whom, and how far; the others come in the order of their ids.

    They are read and compared some at a time, each once, so that memory does not grow with how many there are. Two of
    `wanted` are told once, the lesser id first.
    """
    met = candidates(session, {at: keys_of(one) for at, one in wanted.items()})
    others = sorted(met)
    for start in range(0, len(others), CHUNK):
        some = others[start : start + CHUNK]
        features = features_by_id(session, [at for at in some if at not in wanted])
        features |= {at: wanted[at] for at in some if at in wanted}
        for other in filter(features.__contains__, some):
            for at in sorted(met.pop(other)):
                if other in wanted and other < at:
                    continue
                if (verdict := judge(wanted[at], features[other])) is not None:
                    yield at, other, verdict


def candidates(session: Session, wanted: Mapping[str, Iterable[int]]) -> dict[str, set[str]]:
    """Return by customer which of `wanted`, given with their keys, share one with them that says something."""
    holders: dict[int, list[str]] = {}
    for at, keys in wanted.items():
        for key in keys:
            holders.setdefault(key, []).append(at)
    met: dict[str, set[str]] = {}
    for key, customer_id in _sharing(session, sorted(holders)):
        for at in holders[key]:
            if at != customer_id:
                met.setdefault(customer_id, set()).add(at)
    return met


def _sharing(session: Session, keys: Sequence[int]) -> Iterable[tuple[int, str]]:
    """Yield who is looked for under these keys; of one that too many share no more is read than tells that."""
    for start in range(0, len(keys), CHUNK):
        rows = [(key,) for key in keys[start : start + CHUNK]]
        asked = values(column("key", BigInteger), name="asked").data(rows).cte("asked")
        shared = aliased(DuplicateKey)
        one_too_many = (
            select(shared.customer_id)
            .where(shared.key == asked.c.key)
            .order_by(shared.customer_id)
            .limit(1)
            .offset(MOST_SHARING)
            .scalar_subquery()
        )
        few = select(asked.c.key).where(one_too_many.is_(None)).subquery()
        telling = select(DuplicateKey.key, DuplicateKey.customer_id).join(few, few.c.key == DuplicateKey.key)
        for row in session.execute(telling):
            yield row[0], row[1]


def features_by_id(session: Session, ids: Collection[str]) -> dict[str, Features]:
    """Return what these customers are compared by."""
    found: dict[str, Features] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), CHUNK):
        rows = session.execute(select(*COLUMNS).where(Customer.id.in_(wanted[start : start + CHUNK])))
        found |= {row["id"]: features_of(dict(row)) for row in rows.mappings()}
    return found


def _with_managers(session: Session, ids: Sequence[str]) -> Sequence[Row[Customer, str | None]]:
    found = session.execute(
        select(Customer, Manager.name)
        .outerjoin(Manager, Manager.id == Customer.manager_id)
        .where(Customer.id.in_(ids))
    ).all()
    return sorted(found, key=lambda row: ids.index(row[0].id))


# --- pairs ---------------------------------------------------------------------------------------

One, Other = aliased(Customer, name="one"), aliased(Customer, name="other")
PairRow = Row[DuplicatePair, Customer, Customer]


def get_pair(session: Session, pair_id: str) -> DuplicatePair:
    """Return one pair; raises PairNotFoundError."""
    found = session.get(DuplicatePair, pair_id)
    if found is None:
        raise PairNotFoundError
    return found


def list_pairs(session: Session, state: PairState, *, limit: int, offset: int = 0) -> Sequence[PairRow]:
    """Return one page of the pairs in a state with both customers, the likeliest first."""
    return session.execute(
        select(DuplicatePair, One, Other)
        .join(One, One.id == DuplicatePair.one_id)
        .join(Other, Other.id == DuplicatePair.other_id)
        .where(DuplicatePair.state == state)
        .order_by(DuplicatePair.score.desc(), DuplicatePair.id)
        .limit(limit)
        .offset(offset)
    ).all()


def count_pairs(session: Session, state: PairState) -> int:
    """Return how many pairs are in a state, of those whose customers who looks may see."""
    counted = (
        select(func.count())
        .select_from(DuplicatePair)
        .join(One, One.id == DuplicatePair.one_id)
        .join(Other, Other.id == DuplicatePair.other_id)
        .where(DuplicatePair.state == state)
    )
    return session.scalar(counted) or 0


def pairs_of(session: Session, customer_id: str) -> Sequence[PairRow]:
    """Return the pairs of one customer that wait for a decision."""
    return session.execute(
        select(DuplicatePair, One, Other)
        .join(One, One.id == DuplicatePair.one_id)
        .join(Other, Other.id == DuplicatePair.other_id)
        .where(
            (DuplicatePair.one_id == customer_id) | (DuplicatePair.other_id == customer_id),
            DuplicatePair.state.in_((PairState.OPEN, PairState.LATER)),
        )
        .order_by(DuplicatePair.score.desc())
    ).all()

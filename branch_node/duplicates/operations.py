"""Looking at the files that changed, and writing down what people decide of the pairs found."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.duplicates.models import DuplicateFile, DuplicateKey, DuplicatePair
from branch_node.duplicates.queries import CHUNK, COLUMNS, digest_of, get_pair, judged
from shared.audit.operations import record
from shared.domain.duplicates.blocking import keys_of
from shared.domain.duplicates.features import Features, features_of
from shared.domain.duplicates.rules import Verdict
from shared.domain.duplicates.vocabulary import PairState
from shared.domain.duplicates.weights import VERSION
from shared.ids import new_id
from shared.stamp import Stamp

FILES: Final = 1_000
PAIRS: Final = 1_000
HUNDREDTHS: Final = 100

Pair = tuple[str, str]


def changed_behind(session: Session, after: str) -> tuple[str | None, list[dict[str, Any]]]:
    """Return the last of the next files, and those of them that are not as the finder saw them last."""
    rows = session.execute(select(*COLUMNS).where(Customer.id > after).order_by(Customer.id).limit(FILES))
    files = [dict(row) for row in rows.mappings()]
    if not files:
        return None, []
    known = _digests(session, [row["id"] for row in files])
    return files[-1]["id"], [row for row in files if known.get(row["id"]) != digest_of(row)]


def look_at(session: Session, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> int:
    """Index these files anew and compare them with whoever shares a key; returns how many pairs they stand in.

    What people decided of a pair stands while both files are what they were then; pairs no longer alike go. Pairs are
    written some at a time, so that memory does not grow with how many there are.
    """
    features = {str(row["id"]): features_of(row) for row in rows}
    _index(session, rows, features)
    standing = _standing(session, list(features))
    found = 0
    alike = judged(session, features)
    while some := list(islice(alike, PAIRS)):
        verdicts = {(min(at, other), max(at, other)): verdict for at, other, verdict in some}
        _keep(session, verdicts, {pair: standing.pop(pair, None) for pair in verdicts}, now=now)
        found += len(verdicts)
    gone = sorted(standing.values())
    for start in range(0, len(gone), CHUNK):
        session.execute(delete(DuplicatePair).where(DuplicatePair.id.in_(gone[start : start + CHUNK])))
    return found


def decide(session: Session, pair_id: str, state: PairState, *, by: Stamp) -> DuplicatePair:
    """Say what two files are to each other; it is not asked again unless one changes. Raises PairNotFoundError."""
    pair = get_pair(session, pair_id)
    pair.state = state
    undecided = state is PairState.OPEN
    pair.decided_at, pair.decided_by = (None, None) if undecided else (by.at, by.actor[:80])
    record(
        session,
        "duplicate.decided",
        subject=("customer", pair.one_id),
        by=by,
        details={"other": pair.other_id, "decision": state.value, "score": pair.score / HUNDREDTHS},
    )
    return pair


def forget(session: Session, customer_id: str) -> int:
    """Forget all that the finder keeps of a customer who is erased; returns how many rows went."""
    about = (
        delete(DuplicateKey).where(DuplicateKey.customer_id == customer_id),
        delete(DuplicateFile).where(DuplicateFile.customer_id == customer_id),
        delete(DuplicatePair).where(
            or_(DuplicatePair.one_id == customer_id, DuplicatePair.other_id == customer_id)
        ),
    )
    gone = 0
    for statement in about:
        gone += int(session.execute(statement).rowcount)  # type: ignore[attr-defined]
    return gone


def _digests(session: Session, ids: Collection[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), CHUNK):
        some = DuplicateFile.customer_id.in_(wanted[start : start + CHUNK])
        known |= {
            row[0]: row[1]
            for row in session.execute(select(DuplicateFile.customer_id, DuplicateFile.digest).where(some))
        }
    return known


def _index(session: Session, rows: Sequence[Mapping[str, Any]], features: Mapping[str, Features]) -> None:
    ids = sorted(features)
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        session.execute(delete(DuplicateKey).where(DuplicateKey.customer_id.in_(some)))
        session.execute(delete(DuplicateFile).where(DuplicateFile.customer_id.in_(some)))
    keys = [{"key": key, "customer_id": at} for at, one in features.items() for key in keys_of(one)]
    if keys:
        session.execute(insert(DuplicateKey), keys)
    session.execute(
        insert(DuplicateFile), [{"customer_id": row["id"], "digest": digest_of(row)} for row in rows]
    )


def _keep(
    session: Session, found: Mapping[Pair, Verdict], standing: Mapping[Pair, str | None], *, now: datetime
) -> None:
    """Write down what was found of some pairs, of which those in the table are given by their id."""
    digests = _digests(session, {at for pair in found for at in pair})
    known = [pair_id for pair_id in standing.values() if pair_id is not None]
    for start in range(0, len(known), CHUNK):
        some = DuplicatePair.id.in_(known[start : start + CHUNK])
        for pair in session.scalars(select(DuplicatePair).where(some)):
            _renew(pair, found[pair.one_id, pair.other_id], digests, now=now)
    new = [
        {
            "id": new_id(),
            "one_id": one,
            "other_id": other,
            "found_at": now,
            "state": PairState.OPEN,
            **_seen(verdict, digests[one], digests[other]),
        }
        for (one, other), verdict in found.items()
        if standing[one, other] is None
    ]
    if new:
        session.execute(insert(DuplicatePair.__table__), new)  # type: ignore[arg-type]


def _renew(pair: DuplicatePair, verdict: Verdict, digests: Mapping[str, int], *, now: datetime) -> None:
    seen = _seen(verdict, digests[pair.one_id], digests[pair.other_id])
    if (seen["one_digest"], seen["other_digest"]) == (pair.one_digest, pair.other_digest):
        return
    for name, value in seen.items():
        setattr(pair, name, value)
    if pair.state is not PairState.SAME:
        pair.state, pair.found_at, pair.decided_at, pair.decided_by = PairState.OPEN, now, None, None


def _seen(verdict: Verdict, one: int, other: int) -> dict[str, Any]:
    return {
        "score": round(verdict.score * HUNDREDTHS),
        "levels": {name: level.value for name, level in verdict.levels.items()},
        "weights": VERSION,
        "one_digest": one,
        "other_digest": other,
    }


def _standing(session: Session, ids: Sequence[str]) -> dict[Pair, str]:
    """Return the pairs in the table that these files stand in, by their two files."""
    found: dict[Pair, str] = {}
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        stand = select(DuplicatePair.id, DuplicatePair.one_id, DuplicatePair.other_id)
        for side in (DuplicatePair.one_id, DuplicatePair.other_id):
            found |= {(row[1], row[2]): row[0] for row in session.execute(stand.where(side.in_(some)))}
    return found

"""Looking at the files that changed, and writing down what people decide of the pairs found."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.duplicates.models import DuplicateFile, DuplicateKey, DuplicatePair
from branch_node.duplicates.queries import CHUNK, COLUMNS, candidates, digest_of, features_by_id, get_pair
from shared.audit.operations import record
from shared.domain.duplicates.blocking import keys_of
from shared.domain.duplicates.features import Features, features_of
from shared.domain.duplicates.rules import Verdict, judge
from shared.domain.duplicates.vocabulary import PairState
from shared.domain.duplicates.weights import VERSION
from shared.ids import new_id
from shared.stamp import Stamp

FILES: Final = 1_000
HUNDREDTHS: Final = 100


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

    What people decided of a pair stands while both files are what they were then.
    """
    features = {str(row["id"]): features_of(row) for row in rows}
    _index(session, rows, features)
    keys = {at: keys_of(one) for at, one in features.items()}
    met = candidates(session, keys)
    others = (
        features_by_id(session, {at for some in met.values() for at in some} - features.keys()) | features
    )
    found: dict[tuple[str, str], Verdict] = {}
    for at, some in met.items():
        for other in some & others.keys():
            pair = (min(at, other), max(at, other))
            if pair not in found and (verdict := judge(features[at], others[other])) is not None:
                found[pair] = verdict
    _keep(session, list(features), found, now=now)
    return len(found)


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
    session: Session, looked: Sequence[str], found: Mapping[tuple[str, str], Verdict], *, now: datetime
) -> None:
    """Bring the pairs of these files up to what was found: those no longer alike go, what was decided stays decided."""
    digests = _digests(session, {at for pair in found for at in pair} | set(looked))
    for pair in _pairs_of(session, looked):
        verdict = found.get((pair.one_id, pair.other_id))
        if verdict is None:
            session.delete(pair)
        else:
            _renew(pair, verdict, digests, now=now)
    present = {(pair.one_id, pair.other_id) for pair in _pairs_of(session, looked)}
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
        if (one, other) not in present
    ]
    if new:
        session.execute(insert(DuplicatePair), new)


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


def _pairs_of(session: Session, ids: Sequence[str]) -> list[DuplicatePair]:
    found: list[DuplicatePair] = []
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        found += session.scalars(
            select(DuplicatePair).where(or_(DuplicatePair.one_id.in_(some), DuplicatePair.other_id.in_(some)))
        )
    return list({pair.id: pair for pair in found if pair not in session.deleted}.values())

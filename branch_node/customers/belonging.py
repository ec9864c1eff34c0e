"""THE list of what belongs to a customer: what merges, hand-overs, erasures and the customer's page make of each table.

A table that names customers and does not stand here fails a test (tests/architecture/test_belonging.py), so that nobody
adds one and forgets what becomes of it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Table, func, select
from sqlalchemy.orm import Session

from branch_node.identity.queries import files_of
from shared.db.base import Base
from shared.errors import N_

AT_ONCE: Final = 500


class Merging(StrEnum):
    """What a merge does with rows of the file that goes: everything else than MOVES stays where it is.

    COUNTS: read as the person's, by identity. OF_FILE: says something of that file alone. ACT: tells of an act.
    """

    MOVES = "moves"
    COUNTS = "counts"
    OF_FILE = "of-file"
    ACT = "act"


class Handing(StrEnum):
    """What a hand-over does: ALONG is seen by whoever holds the customer; OWN goes by a rule of its own; KEPT stays."""

    ALONG = "along"
    OWN = "own"
    KEPT = "kept"


class Erasing(StrEnum):
    """What an erasure does with rows, and where.

    BLANKED with the profile wherever it is carried out; APART where it is ordered; SEALED with a key that is forgotten;
    NOTHING personal stands there, or it is about the customer of another column.
    """

    BLANKED = "blanked"
    APART = "apart"
    SEALED = "sealed"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Belonging:
    """One column that names a customer; `word`: what its rows are called, `guarded`: none is of a merged file."""

    table: str
    column: str
    merging: Merging
    handing: Handing
    erasing: Erasing
    word: str = ""
    guarded: bool = False


_ALONG, _KEPT, _OWN = Handing.ALONG, Handing.KEPT, Handing.OWN
_BLANKED, _APART, _NOTHING = Erasing.BLANKED, Erasing.APART, Erasing.NOTHING
_SEALED: Final = Erasing.SEALED
BELONGINGS: Final[Sequence[Belonging]] = (
    Belonging("contacts", "customer_id", Merging.MOVES, _ALONG, _BLANKED, N_("Contact people"), guarded=True),
    Belonging(
        "qualifications", "customer_id", Merging.OF_FILE, _ALONG, _BLANKED, N_("Judgements"), guarded=True
    ),
    Belonging("units", "owner_id", Merging.COUNTS, _ALONG, _BLANKED, N_("Tracked units")),
    Belonging("bill_lines", "customer_id", Merging.COUNTS, _ALONG, _BLANKED, N_("Bill lines")),
    Belonging("work_logs", "customer_id", Merging.COUNTS, _ALONG, _BLANKED, N_("Work logs")),
    Belonging("unit_events", "customer_id", Merging.COUNTS, _ALONG, _BLANKED, N_("Entries about units")),
    Belonging("offer_answers", "customer_id", Merging.COUNTS, _ALONG, _BLANKED, N_("Answers to offers")),
    Belonging(
        "question_answers", "customer_id", Merging.COUNTS, _ALONG, _BLANKED, N_("Answers to questions")
    ),
    Belonging("documents", "customer_id", Merging.MOVES, _ALONG, _BLANKED, N_("Documents"), guarded=True),
    Belonging("document_versions", "customer_id", Merging.MOVES, _ALONG, _BLANKED),
    Belonging("unit_owners", "customer_id", Merging.COUNTS, _ALONG, _NOTHING),
    Belonging("customer_months", "customer_id", Merging.COUNTS, _ALONG, _NOTHING, N_("Months of statistics")),
    Belonging("customer_shares", "customer_id", Merging.MOVES, _OWN, _NOTHING, N_("Shares")),
    Belonging(
        "customer_moves",
        "customer_id",
        Merging.OF_FILE,
        _ALONG,
        _APART,
        N_("Moves between stages and tiers"),
        guarded=True,
    ),
    Belonging("customer_field_ages", "customer_id", Merging.OF_FILE, _ALONG, _NOTHING),
    Belonging("customer_servings", "customer_id", Merging.MOVES, _KEPT, _NOTHING),
    Belonging(
        "archive_entries", "customer_id", Merging.OF_FILE, _ALONG, _SEALED, N_("Entries of the archive")
    ),
    Belonging("legal_holds", "customer_id", Merging.OF_FILE, _ALONG, _APART, N_("Legal holds")),
    Belonging("personal_requests", "customer_id", Merging.OF_FILE, _ALONG, _APART),
    Belonging("closed_customers", "customer_id", Merging.OF_FILE, _ALONG, _NOTHING),
    Belonging("customer_identities", "customer_id", Merging.ACT, _ALONG, _NOTHING),
    Belonging("customer_merges", "survivor_id", Merging.ACT, _ALONG, _APART, N_("Merges")),
    Belonging("customer_merges", "loser_id", Merging.ACT, _ALONG, _NOTHING),
    Belonging("duplicate_files", "customer_id", Merging.OF_FILE, _ALONG, _NOTHING),
    Belonging("duplicate_keys", "customer_id", Merging.OF_FILE, _ALONG, _NOTHING),
    Belonging("duplicate_pairs", "one_id", Merging.ACT, _ALONG, _NOTHING),
    Belonging("duplicate_pairs", "other_id", Merging.ACT, _ALONG, _NOTHING),
    Belonging("import_matches", "other_id", Merging.ACT, _KEPT, _NOTHING),
    Belonging("handover_customers", "customer_id", Merging.ACT, _KEPT, _NOTHING),
    Belonging("bulk_rows", "customer_id", Merging.ACT, _KEPT, _NOTHING),
    Belonging("erasures", "customer_id", Merging.ACT, _ALONG, _NOTHING),
)
# What is written about a customer and not about a file merged into theirs; facts keep naming the file they are of.
NOT_OF_MERGED: Final = tuple(one.table for one in BELONGINGS if one.guarded)


def tables_of(erasing: Erasing) -> tuple[Table, ...]:
    """Return the tables with which an erasure does this, in their order here; the app has loaded their models."""
    return tuple(Base.metadata.tables[one.table] for one in BELONGINGS if one.erasing is erasing)


def count_belongings(
    session: Session,
    customer_ids: Sequence[str],
    *,
    merging: Collection[Merging] = tuple(Merging),
    handing: Collection[Handing] = tuple(Handing),
) -> list[tuple[Belonging, int]]:
    """Return how many rows of each kind hang on some files, as far as who looks sees them.

    Kinds without any are left out. `merging` and `handing` name by what becomes of them which kinds are counted.
    """
    found = []
    for one in BELONGINGS:
        if one.word and one.merging in merging and one.handing in handing:
            count = sum(_count(session, one, customer_ids[at : at + AT_ONCE]) for at in _starts(customer_ids))
            found += [(one, count)] if count else []
    return found


def count_of_person(session: Session, customer_id: str) -> list[tuple[Belonging, int]]:
    """Return how many rows hang on a customer; of what was merged into them those that count as theirs."""
    files, found = files_of(session, customer_id), dict(count_belongings(session, [customer_id]))
    if len(files) > 1:
        found |= dict(count_belongings(session, files, merging=(Merging.COUNTS,)))
    return [(one, found[one]) for one in BELONGINGS if one in found]


def _starts(ids: Sequence[str]) -> range:
    return range(0, len(ids), AT_ONCE)


def _count(session: Session, one: Belonging, ids: Sequence[str]) -> int:
    entity = _entity(one.table)
    rows = select(func.count()).select_from(entity).where(getattr(entity, one.column).in_(ids))
    return session.scalar(rows) or 0


def _entity(table: str) -> Any:  # noqa: ANN401 - whatever class maps it
    return next(one.class_ for one in Base.registry.mappers if one.local_table is Base.metadata.tables[table])

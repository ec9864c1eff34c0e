"""What people say of a file that was checked: which rows are customers who are here, and what a cell should say."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, func, select, true, update
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.imports.models import ImportEdit, ImportMatch, ImportRefusal, ImportState, MatchChoice
from branch_node.imports.operations import in_state
from shared.audit import operations as audit
from shared.domain.duplicates.weights import PROBABLE
from shared.errors import N_, BranchlineError, Kind
from shared.stamp import Stamp

CERTAIN: Final = round(PROBABLE * 100)
MOST_EDITS: Final = 2_000
MOST_LETTERS: Final = 4_000
_AT_ONCE: Final = 1_000


class UndecidedError(BranchlineError):
    """Rows very likely stand for customers who are here, and nobody has said what becomes of them."""

    code = "import-undecided"
    kind = Kind.CONFLICT
    message = N_("%(count)s rows very likely are customers who are here. Say of each what becomes of it.")


class CannotChooseError(BranchlineError):
    """This cannot be done with that row; nothing was written."""

    code = "import-choice"
    kind = Kind.CONFLICT
    message = N_(
        "Line %(row)s: a row updates one customer whom you see, and no other row updates the same one."
    )


class TooManyEditsError(BranchlineError):
    """More rows are wrong than people mend on a page; nothing was written."""

    code = "import-edits"
    kind = Kind.CONFLICT
    message = N_("At most %(most)s rows are mended here. Mend the others in the error file.")


def choose(session: Session, import_id: str, said: Mapping[int, MatchChoice | None], *, by: Stamp) -> int:
    """Say of single rows what becomes of them; returns how many changed.

    Raises WrongStateError, and CannotChooseError for an update of somebody unseen or by two rows.
    """
    in_state(session, import_id, ImportState.CHECKED)
    wanted = select(ImportMatch).where(ImportMatch.import_id == import_id, ImportMatch.row.in_(list(said)))
    changed = [match for match in session.scalars(wanted) if match.choice is not said[match.row]]
    for match in changed:
        match.choice = said[match.row]
    session.flush()
    _check_updates(session, import_id, [one for one in changed if one.choice is MatchChoice.UPDATE])
    _note(session, import_id, Counter(one.choice for one in changed), by)
    return len(changed)


def choose_all(session: Session, import_id: str, choice: MatchChoice, *, by: Stamp) -> int:
    """Say the same of every row nobody has decided; returns of how many.

    An update leaves those undecided that look like an earlier row, like somebody unseen, or like whom another row
    updates.
    """
    in_state(session, import_id, ImportState.CHECKED)
    of_import = ImportMatch.import_id == import_id
    waiting = ImportMatch.choice.is_(None)
    if choice is MatchChoice.UPDATE:
        rows = _free_to_update(session, of_import)
        some = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
        wanted: list[ColumnElement[bool]] = [ImportMatch.row.in_(each) for each in some]
    else:
        wanted = [true()]
    changed = 0
    for which in wanted:
        done = session.execute(
            update(ImportMatch).where(of_import, waiting, which).values(choice=choice),
            execution_options={"synchronize_session": "fetch"},
        )
        changed += int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
    _note(session, import_id, {choice: changed}, by)
    return changed


def _free_to_update(session: Session, of_import: ColumnElement[bool]) -> list[int]:
    """Return the undecided rows that may update their customer: one a customer, the first, and only whom one sees."""
    taken = set(
        session.scalars(
            select(ImportMatch.other_id).where(of_import, ImportMatch.choice == MatchChoice.UPDATE)
        )
    )
    others = select(ImportMatch.other_id).where(of_import)
    seen = set(session.scalars(select(Customer.id).where(Customer.id.in_(others))))
    free = []
    undecided = select(ImportMatch.row, ImportMatch.other_id).where(of_import, ImportMatch.choice.is_(None))
    for row, other in session.execute(undecided.order_by(ImportMatch.row)):
        if other in seen and other not in taken:
            taken.add(other)
            free.append(row)
    return free


def refuse_undecided(session: Session, import_id: str) -> None:
    """Let no file in while rows that are very likely customers who are here wait for a word: raises UndecidedError."""
    waiting = (
        select(func.count())
        .select_from(ImportMatch)
        .where(ImportMatch.import_id == import_id, ImportMatch.choice.is_(None), ImportMatch.score >= CERTAIN)
    )
    if count := session.scalar(waiting):
        raise UndecidedError(count=count)


def mend(session: Session, import_id: str, cells: Mapping[int, Mapping[int, str]], *, by: Stamp) -> int:
    """Put other words into cells (by line and position) of refused rows; returns how many rows changed.

    The file stays as it was uploaded; what was mended stands beside it as long as it is kept. Raises WrongStateError
    and TooManyEditsError.
    """
    in_state(session, import_id, ImportState.CHECKED)
    refused = select(ImportRefusal).where(
        ImportRefusal.import_id == import_id, ImportRefusal.row.in_(list(cells))
    )
    mended = 0
    for row in session.scalars(refused).all():
        fresh = list(row.cells)
        for position, text in cells[row.row].items():
            if 0 <= position < len(fresh):
                fresh[position] = text.strip()[:MOST_LETTERS]
        if fresh != list(row.cells):
            session.merge(ImportEdit(import_id=import_id, row=row.row, cells=fresh))
            mended += 1
    session.flush()
    counted = select(func.count()).select_from(ImportEdit).where(ImportEdit.import_id == import_id)
    if (session.scalar(counted) or 0) > MOST_EDITS:
        raise TooManyEditsError(most=MOST_EDITS)
    if mended:
        audit.record(
            session, "import.corrected", subject=("import", import_id), by=by, details={"rows": mended}
        )
    return mended


def _check_updates(session: Session, import_id: str, updates: list[ImportMatch]) -> None:
    if not updates:
        return
    others = [match.other_id for match in updates]
    seen = set(session.scalars(select(Customer.id).where(Customer.id.in_(others))))
    rows = session.execute(
        select(ImportMatch.other_id, func.count())
        .where(
            ImportMatch.import_id == import_id,
            ImportMatch.choice == MatchChoice.UPDATE,
            ImportMatch.other_id.in_(others),
        )
        .group_by(ImportMatch.other_id)
    )
    twice = {other for other, count in rows if count > 1}
    for match in updates:
        if match.other_id not in seen or match.other_id in twice:
            raise CannotChooseError(row=match.row)


def _note(session: Session, import_id: str, counts: Mapping[MatchChoice | None, int], by: Stamp) -> None:
    told = {choice.value: count for choice, count in counts.items() if choice is not None and count}
    if told:
        details = {
            "rows": sum(told.values()),
            "decision": ", ".join(f"{word} {count}" for word, count in told.items()),
        }
        audit.record(session, "import.decided", subject=("import", import_id), by=by, details=details)

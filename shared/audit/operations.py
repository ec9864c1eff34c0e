"""Writing the operation log."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.orm import Session

from shared.audit.capture import row_change
from shared.audit.pending import Draft, add_draft, add_drafts, draft_of, make_draft, write_when_many
from shared.audit.plain import clean
from shared.audit.vocabulary import LogAction, LogOutcome
from shared.stamp import Stamp

# One row written in bulk: its id, what it held (nothing: it is new) and what it holds (nothing: it is gone).
Row = tuple[str, Mapping[str, Any], Mapping[str, Any]]


def record(
    session: Session,
    event: str,
    *,
    subject: tuple[str, str] | None,
    by: Stamp,
    details: Mapping[str, Any] | None = None,
    action: LogAction | None = None,
    outcome: LogOutcome | None = None,
) -> None:
    """Write down one act in the caller's transaction: it stands if and only if the act does.

    `event` is `noun.verb` (`customer.created`), `subject` the record's type and id; what kind of act it is follows from
    the verb (shared.audit.vocabulary). What the transaction changed in a row of this subject is added by itself
    (`capture`). `details` must be plain JSON and never holds a secret nor a personal value; control characters are
    taken out, for logs are read in terminals. Numbers are given just before the commit.
    """
    add_draft(session, make_draft(event, subject, by, clean(details or {}), action, outcome))


def record_rows(
    session: Session,
    noun: str,
    table: Table,
    rows: Iterable[Row],
    *,
    by: Stamp,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down, one entry a row, what a bulk statement did to rows of `table`, which the session does not see.

    The columns of a changed row may be those alone that were written. `details` stand in every entry.
    """
    common = clean(details or {})
    add_drafts(session, _drafts(noun, table, rows, by, common))
    write_when_many(session)


def _drafts(
    noun: str, table: Table, rows: Iterable[Row], by: Stamp, details: dict[str, Any]
) -> Iterator[Draft]:
    first: dict[LogAction, Draft] = {}
    for row_id, before, after in rows:
        change = row_change(table, noun, row_id, before, after)
        if not change.pairs:
            continue
        like = first.get(change.action)
        if like is None:
            like = first[change.action] = draft_of(change, by, details)
            yield like
        else:
            yield like.another(row_id, change)

"""Computing customer months from bill lines and work logs.

What a month is: the bill lines of that period, and the work logs that began in that month on the node's
clock. One row a customer, month and currency; contacts stand in the row of the node's own currency.

What counts: of bill lines every one, plainly summed by kind, because a correction is itself a line
with the signed difference. Of work logs only those that no other corrects, because a correction tells
the whole story anew. Contacts are visits, calls, messages and services with a customer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import String, bindparam, func, insert, select, text
from sqlalchemy.orm import Session

from branch_node.billing.models import BillLine
from branch_node.statistics.models import CustomerMonth
from branch_node.worklogs.models import WorkLog
from branch_node.worklogs.queries import CONTACTS
from shared.db.base import Instant
from shared.domain.billing.vocabulary import BillKind
from shared.domain.calendar import local_month, month_bounds, months_between
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.ids import new_id

CHUNK: Final = 2_000
FIGURES: Final = (
    "charge_minor",
    "payment_minor",
    "adjustment_minor",
    "bill_lines",
    "contacts",
    "visits",
    "last_contact_on",
)


@dataclass(frozen=True, slots=True)
class MonthsComputed:
    """What computing changed; rows that were right already are not touched and not counted."""

    created: int = 0
    updated: int = 0
    removed: int = 0

    def __add__(self, other: "MonthsComputed") -> "MonthsComputed":
        """Return both together."""
        return MonthsComputed(
            self.created + other.created, self.updated + other.updated, self.removed + other.removed
        )


def compute_months(
    session: Session, *, timezone: str, currency: str, months: Sequence[str] | None = None
) -> MonthsComputed:
    """Make customer months say what bill lines and work logs say; writes only rows that differ.

    All months there are facts or rows of, or just `months`. Ids of rows stay, so a row that did not change is
    not sent to HQ again; rows whose facts are gone are removed. Running it twice changes nothing.
    """
    total = MonthsComputed()
    for month in months if months is not None else known_months(session, timezone=timezone):
        total += _compute_month(session, month, timezone=timezone, currency=currency)
    return total


def known_months(session: Session, *, timezone: str) -> list[str]:
    """Return the months that there are facts or rows of, the first one first."""
    known = set(session.scalars(select(BillLine.period).distinct()))
    known.update(session.scalars(select(CustomerMonth.month).distinct()))
    first, last = session.execute(select(func.min(WorkLog.started_at), func.max(WorkLog.started_at))).one()
    if first is not None:
        known.update(months_between(local_month(first, timezone), local_month(last, timezone)))
    return sorted(known)


def _compute_month(session: Session, month: str, *, timezone: str, currency: str) -> MonthsComputed:
    _fill_fresh(session, month, timezone=timezone, currency=currency)
    differs = " OR ".join(f"m.{name} IS DISTINCT FROM f.{name}" for name in FIGURES)
    same = "f.customer_id = m.customer_id AND f.currency = m.currency"
    updated = _count(
        session,
        f"UPDATE customer_months AS m SET {', '.join(f'{name} = f.{name}' for name in FIGURES)}"  # noqa: S608 - names are ours
        f" FROM fresh_months f WHERE m.month = :month AND {same} AND ({differs})",
        month,
    )
    removed = _count(
        session,
        "DELETE FROM customer_months AS m WHERE m.month = :month"  # noqa: S608 - names are ours
        f" AND NOT EXISTS (SELECT 1 FROM fresh_months f WHERE {same})",
        month,
    )
    created, missing = 0, _missing(session, month)
    while chunk := list(islice(missing, CHUNK)):
        session.execute(insert(CustomerMonth), chunk)
        created += len(chunk)
    session.execute(text("DROP TABLE fresh_months"))
    return MonthsComputed(created, updated, removed)


def _fill_fresh(session: Session, month: str, *, timezone: str, currency: str) -> None:
    """Put what the month's rows should say into a table of this transaction."""
    begins, ends = month_bounds(month, timezone)
    parameters = {
        "month": month,
        "currency": currency,
        "begins": begins,
        "ends": ends,
        "charge": BillKind.CHARGE.value,
        "payment": BillKind.PAYMENT.value,
        "adjustment": BillKind.ADJUSTMENT.value,
        "visit": WorkLogKind.VISIT.value,
        "contacts": [kind.value for kind in CONTACTS],
    }
    day = _local_day_sql(session, begins, ends, timezone)
    # CREATE TABLE AS takes no parameters on PostgreSQL, so the table is made empty and filled.
    columns = ", ".join(("customer_id", "currency", *FIGURES))
    session.execute(
        text(f"CREATE TEMPORARY TABLE fresh_months AS SELECT {columns} FROM customer_months WHERE 1 = 0")  # noqa: S608 - ours
    )
    session.execute(text("CREATE UNIQUE INDEX ix_fresh_months ON fresh_months (customer_id, currency)"))
    statement = text(_FRESH.format(day=day)).bindparams(
        bindparam("begins", type_=Instant()),
        bindparam("ends", type_=Instant()),
        bindparam("currency", type_=String(3)),
        bindparam("contacts", expanding=True),
    )
    session.execute(statement, parameters)


_FRESH: Final = """
INSERT INTO fresh_months
  (customer_id, currency, charge_minor, payment_minor, adjustment_minor, bill_lines,
   contacts, visits, last_contact_on)
SELECT customer_id, currency, sum(charge), sum(payment), sum(adjustment), sum(bill_lines),
       sum(contacts), sum(visits), max(last_contact_on)
FROM (
  SELECT b.customer_id AS customer_id, b.currency AS currency,
         sum(CASE WHEN b.kind = :charge THEN b.amount_minor ELSE 0 END) AS charge,
         sum(CASE WHEN b.kind = :payment THEN b.amount_minor ELSE 0 END) AS payment,
         sum(CASE WHEN b.kind = :adjustment THEN b.amount_minor ELSE 0 END) AS adjustment,
         count(*) AS bill_lines, 0 AS contacts, 0 AS visits, CAST(NULL AS date) AS last_contact_on
  FROM bill_lines b WHERE b.period = :month GROUP BY b.customer_id, b.currency
  UNION ALL
  SELECT w.customer_id, CAST(:currency AS varchar(3)), 0, 0, 0, 0,
         count(*), sum(CASE WHEN w.kind = :visit THEN 1 ELSE 0 END), max({day})
  FROM work_logs w
  WHERE w.started_at >= :begins AND w.started_at < :ends AND w.customer_id IS NOT NULL AND w.kind IN :contacts
    AND NOT EXISTS (SELECT 1 FROM work_logs c WHERE c.corrects_id = w.id)
  GROUP BY w.customer_id
) facts
GROUP BY customer_id, currency
"""


def _missing(session: Session, month: str) -> Iterator[Mapping[str, Any]]:
    columns = [CustomerMonth.__table__.c[name] for name in ("customer_id", "currency", *FIGURES)]
    statement = text(
        f"SELECT f.customer_id, f.currency, {', '.join(f'f.{name}' for name in FIGURES)}"  # noqa: S608 - names are ours
        " FROM fresh_months f LEFT JOIN customer_months m"
        " ON m.customer_id = f.customer_id AND m.currency = f.currency AND m.month = :month"
        " WHERE m.id IS NULL ORDER BY f.customer_id, f.currency"
    ).columns(*columns)
    # Read whole before the first insert: a cursor over a table that is being written has no sure end.
    for row in session.execute(statement, {"month": month}).mappings().all():
        yield {"id": new_id(), "month": month, **row}


def _count(session: Session, statement: str, month: str) -> int:
    return session.connection().execute(text(statement), {"month": month}).rowcount


def _local_day_sql(session: Session, begins: datetime, ends: datetime, timezone: str) -> str:
    """Return SQL for the day a log began on at the node; both databases get the zone's offsets from here."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    moves = _offsets(begins, ends, timezone)
    cases = [
        f"WHEN w.started_at < '{_literal(until, sqlite=sqlite)}' THEN {_day(offset, sqlite=sqlite)}"
        for until, offset in moves[:-1]
    ]
    last = _day(moves[-1][1], sqlite=sqlite)
    return f"CASE {' '.join(cases)} ELSE {last} END" if cases else last


def _day(offset: int, *, sqlite: bool) -> str:
    if sqlite:  # cut to whole seconds first: SQLite would round half a millisecond up into the next day
        return f"date(substr(w.started_at, 1, 19), '{offset:+d} seconds')"
    return f"CAST((w.started_at AT TIME ZONE 'UTC') + interval '{offset} seconds' AS date)"


def _literal(at: datetime, *, sqlite: bool) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if sqlite else at.isoformat()


def _offsets(begins: datetime, ends: datetime, timezone: str) -> list[tuple[datetime, int]]:
    """Return (until, seconds from UTC) for each stretch of the month with one offset of the zone."""
    zone = ZoneInfo(timezone)
    stretches: list[tuple[datetime, int]] = []
    at, step = begins, timedelta(minutes=15)
    offset = _offset(at, zone)
    while (at := at + step) < ends:
        now = _offset(at, zone)
        if now != offset:
            stretches.append((at, offset))
            offset = now
    return [*stretches, (ends, offset)]


def _offset(at: datetime, zone: ZoneInfo) -> int:
    moved = at.astimezone(zone).utcoffset()
    return int(moved.total_seconds()) if moved else 0

"""What was entered on a day, counted the same way at the branch and at HQ."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from sync_protocol.catalog import Binding, Bindings, RecordKind


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Counts of facts by record type, and sums of money by `currency/period/kind/product` in minor units."""

    counts: dict[str, int]
    totals: dict[str, int]


def day_figures(
    session: Session,
    bindings: Bindings,
    starts_at: datetime,
    ends_at: datetime,
    *,
    branch_number: int | None = None,
) -> DayFigures:
    """Return the figures of all facts entered from `starts_at` until before `ends_at`.

    At HQ, `branch_number` says whose.
    """
    counts: dict[str, int] = {}
    totals: dict[str, int] = {}
    for name, binding in bindings.items():
        if binding.record.kind is RecordKind.FACT:
            inside = _inside(binding, starts_at, ends_at, branch_number)
            if binding.record.money is None:
                rows = session.scalar(select(func.count()).select_from(binding.table).where(*inside))
                counts[name] = int(rows or 0)
            else:
                counts[name] = _sum_money(session, binding, inside, totals)
    return DayFigures(counts, totals)


def _inside(
    binding: Binding, starts_at: datetime, ends_at: datetime, branch_number: int | None
) -> list[ColumnElement[bool]]:
    columns = binding.table.c
    inside = [columns.created_at >= starts_at, columns.created_at < ends_at]
    return inside if branch_number is None else [columns.branch_number == branch_number, *inside]


def _sum_money(
    session: Session, binding: Binding, inside: list[ColumnElement[bool]], totals: dict[str, int]
) -> int:
    """Add the sums of one record type to `totals`; return how many rows they are of."""
    money, columns = binding.record.money, binding.table.c
    assert money is not None
    keys = [columns[name] for name in (money.currency, money.period, money.kind, money.product)]
    statement: Select[Any] = (
        select(*keys, func.count(), func.sum(columns[money.amount])).where(*inside).group_by(*keys)
    )
    count = 0
    for currency, period, kind, product, rows, amount in session.execute(statement):
        totals[f"{currency}/{period}/{kind}/{product}"] = int(amount)
        count += int(rows)
    return count

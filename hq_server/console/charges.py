"""Charges of this month beside last month's, by branch; one not yet in is marked, never left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from hq_server.analysis.months import first_day
from hq_server.analysis.queries import BranchMonth
from hq_server.branches.models import Branch
from hq_server.branches.queries import Coverage


@dataclass(frozen=True, slots=True)
class ChargeRow:
    """One branch's charges in one currency; `is_in` says whether anything of this month can have arrived."""

    code: str
    name: str
    this_month: int
    last_month: int
    is_in: bool

    @property
    def change(self) -> Fraction | None:
        """Growth over last month, or None where there was nothing, or the month has not arrived."""
        if not self.last_month or not self.is_in:
            return None
        return Fraction(self.this_month - self.last_month, abs(self.last_month))


@dataclass(frozen=True, slots=True)
class ChargeTable:
    """One currency's charges of every branch, largest first, with those not yet in at the top."""

    currency: str
    rows: Sequence[ChargeRow]

    @property
    def this_month(self) -> int:
        """The sum of this month, of the branches that are in."""
        return sum(row.this_month for row in self.rows)

    @property
    def last_month(self) -> int:
        """The sum of last month."""
        return sum(row.last_month for row in self.rows)


def charges_table(
    branches: Sequence[Branch],
    figures: Sequence[BranchMonth],
    coverage: Coverage,
    *,
    month: str,
    timezone: str,
) -> list[ChargeTable]:
    """Lay out the charges of `month` by currency; a branch is in when complete as of some time in it."""
    start = first_day(month)
    began = datetime(start.year, start.month, 1, tzinfo=ZoneInfo(timezone))
    arrived = {one.number for one in coverage.included if one.as_of >= began}
    known = {(one.branch_number, one.currency): one for one in figures}
    tables = []
    for currency in sorted({one.currency for one in figures}):
        rows = [_row(one, known.get((one.number, currency)), is_in=one.number in arrived) for one in branches]
        shown = [row for row in rows if row.this_month or row.last_month or not row.is_in]
        shown.sort(key=lambda row: (row.is_in, -row.this_month, row.code))
        tables.append(ChargeTable(currency, shown))
    return tables


def _row(branch: Branch, figure: BranchMonth | None, *, is_in: bool) -> ChargeRow:
    this_month = figure.this_month if figure else 0
    last_month = figure.last_month if figure else 0
    return ChargeRow(branch.code, branch.name, this_month, last_month, is_in)

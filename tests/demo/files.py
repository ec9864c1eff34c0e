"""Writes a branch of the made-up company as the four import files."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from tests.demo.company import BranchData, make_company
from tests.demo.history import bill_lines, work_logs

# In the order in which they must be imported; the columns are those of `branch-node import --template`.
COLUMNS = {
    "managers": "manager_no,name,post,level,department,mobile,status",
    "customers": (
        "customer_no,kind,name,short_name,id_type,id_no,mobile,phone,email,region_code,address,grade,status,"
        "opened_on,manager_no,preferred_channel,tags,remark"
    ),
    "billing": "bill_no,customer_no,product,period,kind,amount,currency,booked_on,remark",
    "worklogs": "log_no,manager_no,kind,customer_no,started_at,ended_at,place,text,entered_at",
}


def write_company(folder: Path, *, seed: int, now: datetime, scale: float = 1.0) -> list[BranchData]:
    """Write managers.csv, customers.csv, billing.csv and worklogs.csv of each branch to `folder`/<code>/.

    `now` is the branches' local time without a zone, as their old systems write it.
    """
    company = make_company(seed=seed, now=now, scale=scale)
    for branch in company:
        write_branch(folder / branch.plan.code, branch, seed=seed, now=now)
    return company


def write_branch(folder: Path, branch: BranchData, *, seed: int, now: datetime) -> None:
    """Write the four import files of one branch, in the encoding of its old system."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Iterable[object]] = {
        "managers": branch.managers,
        "customers": branch.customers,
        "billing": bill_lines(branch, seed=seed, today=now.date()),
        "worklogs": work_logs(branch, seed=seed, now=now),
    }
    for kind, columns in COLUMNS.items():
        _write(folder / f"{kind}.csv", columns.split(","), rows[kind], branch.plan.encoding)


def money(fen: int) -> str:
    """Return minor units as people write them: two decimals, exact."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _write(path: Path, columns: Sequence[str], records: Iterable[object], encoding: str) -> None:
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows([_cell(record, column) for column in columns] for record in records)


def _cell(record: object, column: str) -> str:
    if column == "currency":
        return "CNY"
    value = getattr(record, column)
    if column == "amount":
        return money(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, tuple):
        return "、".join(value)
    return str(value)

"""The Telco customer file, dealt out to branches as the import files they would bring."""

import csv
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from tests.demo.files import COLUMNS, money
from tests.demo.history import months_ending

PHONE, PHONE_CENTS = (
    "Phone",
    1800,
)  # a phone alone costs 18.25 at least; with Internet, 18 of the charge is for it
ADD_ONS = (
    "MultipleLines",
    "OnlineSecurity",
    "OnlineBackup",
    "DeviceProtection",
    "TechSupport",
    "StreamingTV",
    "StreamingMovies",
)
TOTALS_MAP = """
[columns]
customerID = ["bill_no", "customer_no"]
TotalCharges = "amount"
[constants]
product = "Paid to date"
period = "{period}"
kind = "payment"
booked_on = "{booked_on}"
"""
Row = Mapping[str, str]


@dataclass(frozen=True)
class Share:
    """One branch's part of the file, written as import files, and what it must add up to.

    `blank_rows` are the lines of telco.csv without a TotalCharges; `expected` counts cents by (period, kind).
    """

    folder: Path
    customers: int
    blank_rows: tuple[int, ...]
    expected: Counter[tuple[str, str]]


def deal_out(path: Path, branches: Sequence[str]) -> dict[str, list[Row]]:
    """Return the file's rows by branch, dealt by a hash of customerID so that every run deals alike."""
    shares: dict[str, list[Row]] = {branch: [] for branch in branches}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            number = zlib.crc32(row["customerID"].encode()) % len(branches)
            shares[branches[number]].append(row)
    return shares


def write_share(folder: Path, rows: Sequence[Row], *, today: date) -> Share:
    """Write managers, customers and monthly billing as import files, and the rows themselves with a map."""
    folder.mkdir(parents=True)
    _write(folder / "managers.csv", "managers", [["T001", "Telco desk", "", "", "", "", "active"]])
    _write(folder / "customers.csv", "customers", (_customer(row, today) for row in rows))
    expected: Counter[tuple[str, str]] = Counter()
    _write(folder / "billing.csv", "billing", _monthly(rows, today, expected))
    blanks = tuple(_write_raw(folder, rows, today, expected))
    return Share(folder, len(rows), blanks, expected)


def products(row: Row) -> list[tuple[str, int]]:
    """Return what the customer takes each month and its price in cents; together exactly MonthlyCharges."""
    cents = _cents(row["MonthlyCharges"])
    if row["InternetService"] == "No":
        return [(PHONE, cents)]
    internet = f"Internet ({row['InternetService']})"
    if row["PhoneService"] == "No":
        return [(internet, cents)]
    return [(PHONE, PHONE_CENTS), (internet, cents - PHONE_CENTS)]


def _cents(amount: str) -> int:
    cents = Decimal(amount) * 100
    assert cents == cents.to_integral_value(), amount
    return int(cents)


def _customer(row: Row, today: date) -> list[str]:
    opened_on = months_ending(today, int(row["tenure"]) or 1)[0]
    grade = {"Two year": "A", "One year": "B"}.get(row["Contract"], "C")
    values = {
        "customer_no": row["customerID"],
        "kind": "individual",
        "name": f"Customer {row['customerID']}",
        "grade": grade,
        "status": "closed" if row["Churn"] == "Yes" else "active",
        "opened_on": opened_on.isoformat(),
        "manager_no": "T001",
        "tags": ";".join(name for name in ADD_ONS if row[name] == "Yes"),
    }
    return [values.get(column, "") for column in COLUMNS["customers"].split(",")]


def _monthly(rows: Sequence[Row], today: date, expected: Counter[tuple[str, str]]) -> Iterator[list[str]]:
    for row in rows:
        taken = products(row)
        for month in months_ending(today, int(row["tenure"])):
            period = f"{month:%Y-%m}"
            for number, (product, cents) in enumerate(taken, start=1):
                expected[period, "charge"] += cents
                bill_no = f"{row['customerID']}-{period}-{number}"
                yield _line(bill_no, row, product, period, "charge", money(cents), month)


def _write_raw(
    folder: Path, rows: Sequence[Row], today: date, expected: Counter[tuple[str, str]]
) -> Iterator[int]:
    """Write the branch's rows as they are, with a map that takes TotalCharges as paid to date.

    Yields the lines whose total is blank; it stays blank, for nobody may guess it.
    """
    period = f"{today:%Y-%m}"
    with (folder / "telco.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "totals.toml").write_text(
        TOTALS_MAP.format(period=period, booked_on=today.isoformat()), encoding="utf-8"
    )
    for line, row in enumerate(rows, start=2):
        if row["TotalCharges"].strip():
            expected[period, "payment"] += _cents(row["TotalCharges"])
        else:
            yield line


def _line(
    bill_no: str, row: Row, product: str, period: str, kind: str, amount: str, booked_on: date
) -> list[str]:
    return [bill_no, row["customerID"], product, period, kind, amount, "CNY", booked_on.isoformat(), ""]


def _write(path: Path, kind: str, rows: Iterator[list[str]] | list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS[kind].split(","))
        writer.writerows(rows)

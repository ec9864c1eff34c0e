"""The Telco file becomes import files without losing a customer or a cent."""

import csv
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from tests.real_data.telco import deal_out, products, write_share

BRANCHES = ("T001", "T002", "T003")
TODAY = date(2026, 10, 16)


@pytest.fixture(scope="module")
def shares(real_data_folder):
    return deal_out(real_data_folder / "telco_customers.csv", BRANCHES)


def test_every_customer_goes_to_exactly_one_of_three_branches_of_like_size(shares):
    numbers = [row["customerID"] for rows in shares.values() for row in rows]

    assert len(numbers) == len(set(numbers)) == 7043
    assert all(2000 < len(rows) < 2700 for rows in shares.values())


def test_the_products_of_a_customer_cost_the_monthly_charge_to_the_cent(shares):
    for rows in shares.values():
        for row in rows:
            assert sum(cents for _, cents in products(row)) == Decimal(row["MonthlyCharges"]) * 100
            assert all(cents > 0 for _, cents in products(row))


def test_the_files_add_up_to_tenure_times_the_monthly_charge_and_leave_eleven_totals_blank(shares, tmp_path):
    written = {code: write_share(tmp_path / code, rows, today=TODAY) for code, rows in shares.items()}

    charged: Counter[str] = Counter()
    for code in BRANCHES:
        with (tmp_path / code / "billing.csv").open(encoding="utf-8", newline="") as stream:
            for line in csv.DictReader(stream):
                charged[line["customer_no"]] += int(Decimal(line["amount"]) * 100)
    for rows in shares.values():
        for row in rows:
            assert charged[row["customerID"]] == int(row["tenure"]) * Decimal(row["MonthlyCharges"]) * 100
    assert sum(len(share.blank_rows) for share in written.values()) == 11
    assert {
        period for share in written.values() for period, _ in share.expected if period > "2026-10"
    } == set()

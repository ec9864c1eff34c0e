"""The made-up company is what a branch could bring: consistent, importable, the same for the same seed."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import phonenumbers
import pytest

from shared.domain.billing.vocabulary import BillKind
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    PreferredChannel,
)
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.worklogs.vocabulary import WorkLogKind
from tests.demo import numbers, words
from tests.demo.company import make_company
from tests.demo.files import COLUMNS, money, write_company
from tests.demo.history import bill_lines, months_ending, work_logs

# Local times without a zone, as an old system writes them.
NOW = datetime.fromisoformat("2026-10-16T11:30")
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Rows]]:
    folder = tmp_path_factory.mktemp("company")
    branches = write_company(folder, seed=7, now=NOW)
    return {
        branch.plan.code: {
            kind: read(folder / branch.plan.code / f"{kind}.csv", branch.plan.encoding) for kind in COLUMNS
        }
        for branch in branches
    }


def read(path: Path, encoding: str) -> Rows:
    with path.open(encoding=encoding, newline="") as stream:
        return list(csv.DictReader(stream))


def each(company: dict[str, dict[str, Rows]], kind: str) -> Iterator[dict[str, str]]:
    for files in company.values():
        yield from files[kind]


def test_the_same_arguments_give_the_same_files_to_the_byte(tmp_path):
    for name in ("one", "two"):
        write_company(tmp_path / name, seed=3, now=NOW, scale=0.05)

    made = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.csv"))
    assert len(made) == 12
    for path in made:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_another_seed_gives_another_company():
    names = {
        seed: [customer.name for customer in make_company(seed=seed, now=NOW, scale=0.05)[0].customers]
        for seed in (1, 2)
    }

    assert names[1] != names[2]


def test_each_branch_has_twenty_managers_and_all_together_a_few_thousand_customers(company):
    assert {code: len(files["managers"]) for code, files in company.items()} == dict.fromkeys(company, 20)
    assert 2000 <= sum(1 for _ in each(company, "customers")) <= 5000


def test_every_reference_is_to_a_record_of_the_same_branch_and_every_number_is_unique(company):
    for files in company.values():
        managers = {row["manager_no"] for row in files["managers"]}
        customers = {row["customer_no"] for row in files["customers"]}
        assert {row["manager_no"] for row in files["customers"]} <= managers | {""}
        assert {row["customer_no"] for row in files["billing"]} <= customers
        assert {row["customer_no"] for row in files["worklogs"]} <= customers | {""}
        assert {row["manager_no"] for row in files["worklogs"]} <= managers
        for kind, key in (
            ("managers", "manager_no"),
            ("customers", "customer_no"),
            ("billing", "bill_no"),
            ("worklogs", "log_no"),
        ):
            assert len({row[key] for row in files[kind]}) == len(files[kind])


def test_every_code_is_a_word_of_the_product(company):
    allowed = {
        ("managers", "status"): ManagerStatus,
        ("customers", "kind"): CustomerKind,
        ("customers", "id_type"): IdentityDocument,
        ("customers", "grade"): Grade,
        ("customers", "status"): CustomerStatus,
        ("customers", "preferred_channel"): PreferredChannel,
        ("billing", "kind"): BillKind,
        ("worklogs", "kind"): WorkLogKind,
    }
    for (kind, column), vocabulary in allowed.items():
        found = {row[column] for row in each(company, kind)} - {""}
        assert found <= {member.value for member in vocabulary}, (kind, column)
        assert len(found) > 1


def test_identity_numbers_pass_their_check_and_belong_to_nobody(company):
    for row in each(company, "customers"):
        number = row["id_no"]
        assert len(number) == 18
        if row["kind"] == "individual":
            assert number.startswith("99")
            assert numbers.id_check_digit(number[:17]) == number[17]
        else:
            assert number[2:8] == numbers.NOWHERE
            assert numbers.credit_check_character(number[:17]) == number[17]


@pytest.mark.parametrize(
    ("number", "check"), [("11010519491231002", "X"), ("44052418800101001", "4")], ids=["GB 11643", "second"]
)
def test_the_identity_check_digit_is_the_one_of_the_standard(number, check):
    assert numbers.id_check_digit(number) == check


def test_the_credit_code_check_character_is_the_one_of_the_standard():
    assert numbers.credit_check_character("91350100M000100Y4") == "3"


def test_phones_are_valid_in_form(company):
    for row in each(company, "customers"):
        for column in ("mobile", "phone"):
            if row[column]:
                assert phonenumbers.is_valid_number(phonenumbers.parse(row[column], "CN")), row[column]


def test_some_surnames_have_a_reading_of_their_own(company):
    surnames = {row["name"][0] for row in each(company, "customers") if row["kind"] == "individual"}

    assert set("单曾解仇") <= surnames


def test_regions_are_districts_of_the_branch_city(company):
    for plan in words.BRANCHES:
        found = {row["region_code"] for row in company[plan.code]["customers"]}
        assert found == {place.code for place in plan.places}


def test_billing_covers_a_year_up_to_the_current_month_and_customers_came_in_each_of_them(company):
    months = [f"{month:%Y-%m}" for month in months_ending(NOW.date(), 12)]

    assert (months[0], months[-1]) == ("2025-11", "2026-10")
    assert sorted({row["period"] for row in each(company, "billing")}) == months
    assert set(months) <= {row["opened_on"][:7] for row in each(company, "customers")}


def test_most_is_paid_and_some_is_owed(company):
    totals: Counter[str] = Counter()
    for row in each(company, "billing"):
        totals[row["kind"]] += int(Decimal(row["amount"]) * 100)

    owed = totals["charge"] + totals["adjustment"] - totals["payment"]
    assert 0.01 < owed / totals["charge"] < 0.2
    assert totals["adjustment"] < 0


def test_every_branch_has_customers_untouched_for_thirty_sixty_and_ninety_days(company):
    for files in company.values():
        last = {row["customer_no"]: date.min for row in files["customers"] if row["status"] == "active"}
        for row in files["worklogs"]:
            if row["customer_no"] in last:
                day = date.fromisoformat(row["started_at"][:10])
                last[row["customer_no"]] = max(last[row["customer_no"]], day)
        for days in (30, 60, 90):
            untouched = sum(day < NOW.date() - timedelta(days=days) for day in last.values())
            assert 0.05 < untouched / len(last) < 0.9, days


def test_some_managers_are_idle_and_the_best_log_several_times_what_the_slack_do(company):
    for files in company.values():
        logs = Counter(
            row["manager_no"] for row in files["worklogs"] if row["started_at"][:10] > "2026-09-16"
        )
        counts = sorted(logs[row["manager_no"]] for row in files["managers"])
        assert counts[0] == 0
        assert counts[-1] > 5 * counts[5]


@pytest.mark.parametrize(
    "now",
    ["2028-02-29T09:00", "2027-01-01T00:05", "2026-10-16T23:59"],
    ids=["leap day", "first minutes of a year", "end of a day"],
)
def test_nothing_happens_in_the_future(now):
    now = datetime.fromisoformat(now)
    for branch in make_company(seed=11, now=now, scale=0.1):
        assert max(customer.opened_on for customer in branch.customers) <= now.date()
        assert max(line.booked_on for line in bill_lines(branch, seed=11, today=now.date())) <= now.date()
        logs = list(work_logs(branch, seed=11, now=now))
        assert max(log.entered_at for log in logs) <= now
        assert all(log.started_at <= log.ended_at <= log.entered_at for log in logs)


def test_scale_changes_the_number_of_customers_in_proportion():
    small, large = (
        sum(len(branch.customers) for branch in make_company(seed=1, now=NOW, scale=scale))
        for scale in (0.1, 0.5)
    )

    assert large == 5 * small


@pytest.mark.parametrize(
    ("fen", "text"), [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-12345, "-123.45"), (100, "1.00")]
)
def test_money_is_written_exactly(fen, text):
    assert money(fen) == text

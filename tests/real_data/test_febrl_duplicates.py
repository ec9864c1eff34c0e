"""The two FEBRL files, imported one after the other into one branch: how many of the 5,000 pairs the finder names."""

import csv
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from branch_node.customers.models import Customer
from branch_node.duplicates.jobs import find_duplicates
from branch_node.duplicates.models import DuplicatePair
from branch_node.imports import operations as imports
from branch_node.imports.columns import Context
from branch_node.imports.mapping import ColumnMap, get_kind, make_plan
from branch_node.imports.operations import Job
from branch_node.runtime import BranchRuntime
from branch_node.tables import APP
from shared.db.engine import Database
from shared.db.migrations import upgrade
from shared.domain.duplicates.weights import PROBABLE
from shared.files.tables import open_table, sha256
from shared.jobs.job import Progress
from tests.support.branch import ANA, NOON, SHANGHAI

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("febrl")]

PARTS = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")
HEADINGS = ("rec_id", "type", "person", "address", "soc_sec_id", "date_of_birth")
MAP = ColumnMap(
    columns={
        "rec_id": ("customer_no",),
        "type": ("kind",),
        "person": ("name",),
        "soc_sec_id": ("id_no",),
        "date_of_birth": ("attributes.date_of_birth",),
    }
)
PAIRS = 5_000


def prepared(source, target):
    """The file as an import takes it: given name and surname in one cell, and so the address; nothing is mended."""
    with (
        source.open(encoding="utf-8", newline="") as given,
        target.open("w", encoding="utf-8", newline="") as made,
    ):
        writer = csv.writer(made)
        writer.writerow(HEADINGS)
        for row in csv.DictReader(given, skipinitialspace=True):
            name = f"{row['given_name']} {row['surname']}".strip()
            address = " ".join(filter(None, (row[part] for part in PARTS)))
            writer.writerow(
                [
                    row["rec_id"],
                    "individual",
                    name or "unknown",
                    address,
                    row["soc_sec_id"],
                    row["date_of_birth"],
                ]
            )
    return target


def take(database, path):
    table = open_table(path)
    plan = make_plan(
        get_kind("customers"), table.headings, MAP, Context(ZoneInfo(SHANGHAI), NOON, "CNY"), update_by=None
    )
    job = Job(table, plan, ANA)
    with database.sessions.begin() as session:
        at = imports.start_import(session, job, file_name=path.name, sha256=sha256(path), column_map=MAP).id
    imports.run_import(database.sessions.begin, at, job)


@pytest.fixture(scope="module")
def found(real_data_folder, tmp_path_factory, database_factory):
    """What the finder found, by the numbers of both: as two imports, each looked through before the next."""
    folder = tmp_path_factory.mktemp("febrl")
    url = database_factory.create("sqlite")
    database = Database(url)
    upgrade(database, APP)
    runtime = cast("BranchRuntime", SimpleNamespace(database=database))
    alone = None
    for name in ("febrl4a", "febrl4b"):
        take(database, prepared(real_data_folder / f"{name}.csv", folder / f"{name}.csv"))
        outcome = find_duplicates(runtime, ANA, Progress())
        alone = outcome.counts["pairs"] if alone is None else alone
    with database.sessions() as session:
        numbers = {row[0]: row[1] for row in session.execute(select(Customer.id, Customer.customer_no))}
        pairs = [
            (numbers[one], numbers[other], score / 100)
            for one, other, score in session.execute(
                select(DuplicatePair.one_id, DuplicatePair.other_id, DuplicatePair.score)
            )
        ]
    database.dispose()
    database_factory.drop(url)
    return SimpleNamespace(pairs=pairs, customers=len(numbers), alone=alone)


def figures(pairs):
    true = sum(1 for one, other, _score in pairs if one.split("-")[1] == other.split("-")[1])
    return true / len(pairs), true / PAIRS


def test_both_files_are_in_and_the_first_holds_nobody_twice(found):
    assert (found.customers, found.alone) == (2 * PAIRS, 0)


def test_nearly_all_pairs_are_put_before_people_and_hardly_another(found):
    precision, recall = figures(found.pairs)
    print(f"FEBRL, possible: precision {precision:.4f}, recall {recall:.4f} of {PAIRS} pairs")

    assert precision >= 0.999
    assert recall >= 0.995


def test_what_is_called_probable_is_right(found):
    precision, recall = figures([pair for pair in found.pairs if pair[2] >= PROBABLE])
    print(f"FEBRL, probable: precision {precision:.4f}, recall {recall:.4f}")

    assert precision == 1
    assert recall >= 0.98

"""`export-unsent`: personal data leaves the node by command for a reason, by somebody, and never unlogged."""

import csv
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select

from branch_node.cli import cli
from branch_node.config import create_home
from branch_node.customers.models import Customer
from branch_node.imports import exporting
from shared.audit.models import AuditEntry
from shared.ids import new_id
from tests.support.branch import NOON

FEW, MANY = 100, 5_000
WHY = "moved from the copy that was switched off"


@pytest.fixture
def command(database, tmp_path):
    create_home(tmp_path / "home", database_url=database.url)

    def run(*arguments):
        out = tmp_path / "out"
        return out, CliRunner().invoke(
            cli, ["export-unsent", str(out), "--home", str(tmp_path / "home"), *arguments]
        )

    return run


def enter(sessions, number):
    """Enter customers in bulk; the last of them alone has an attribute that is named after their number."""
    made: dict[str, Any] = {
        "kind": "individual",
        "name": "客户",
        "status": "active",
        "remark": "字" * 400,
        "tags": [],
    }
    made |= dict.fromkeys(("created_at", "updated_at"), NOON) | dict.fromkeys(
        ("created_by", "updated_by"), "ana"
    )
    rows = [
        made | {"id": new_id(), "customer_no": f"C{number}-{each:05}", "attributes": {"楼层": "三"}}
        for each in range(number)
    ]
    rows[-1]["attributes"] = {f"表{number}": "九"}
    with sessions.begin() as session:
        session.execute(insert(Customer), rows)


def entries(database):
    with database.reads() as session:
        wanted = select(AuditEntry.details).where(AuditEntry.event == "sync.unsent-exported")
        return session.scalars(wanted).all()


@pytest.mark.parametrize(
    "said",
    [
        (),
        ("--by", "wang"),
        ("--reason", WHY),
        ("--by", "wang", "--reason", " "),
        ("--by", "no-one", "--reason", WHY),
    ],
    ids=["neither", "no reason", "nobody", "an empty reason", "no account"],
)
def test_nothing_is_written_without_an_account_and_a_reason(command, database, make_user, said):
    make_user("wang")

    out, result = command(*said)

    assert result.exit_code != 0
    assert not out.exists()
    assert entries(database) == []


def test_who_took_the_files_and_why_stands_in_the_operation_log(command, database, make_user, three):
    make_user("wang")

    out, result = command("--by", "wang", "--reason", WHY)

    assert result.exit_code == 0, result.output
    assert (out / "customers.csv").exists()
    (told,) = entries(database)
    assert (told["taken_by"], told["reason"]) == ("wang", WHY)


def test_a_file_of_many_records_takes_no_more_memory_than_one_of_few(
    command, database, sessions, make_user, monkeypatch
):
    monkeypatch.setattr(exporting, "FETCH", 50)
    make_user("wang")
    command("--by", "wang", "--reason", WHY)  # what is loaded and compiled once is not the file's
    peaks, out = [], Path()
    for number in (FEW, MANY):
        enter(sessions, number)
        tracemalloc.start()
        out, result = command("--by", "wang", "--reason", WHY)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert result.exit_code == 0, result.output

    with (out / "customers.csv").open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    assert len(written) == FEW + MANY
    assert [row[f"attributes.表{MANY}"] for row in written if row[f"attributes.表{MANY}"]] == [
        "九"
    ]  # a heading from the last row
    assert peaks[1] - peaks[0] < 0.2 * (out / "customers.csv").stat().st_size

"""The `import` command as scripts and people use it."""

import csv
import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from branch_node.billing.models import BillLine
from branch_node.customers.models import Customer
from branch_node.imports.commands import make_command
from branch_node.imports.models import Import
from shared.clock import FakeClock
from shared.config import Home, NodeSettings
from shared.db.engine import Database
from shared.files.tables import open_table
from shared.runtime import NodeRuntime
from tests.support.branch import NOON


@pytest.fixture
def command(database, tmp_path):
    def open_runtime(home):
        settings = NodeSettings(
            home=Home(home), database_url=database.url, secret_key="k" * 40, language="en"
        )
        return NodeRuntime(settings, FakeClock(NOON), Database(database.url))

    def run(*arguments):
        return CliRunner().invoke(
            make_command(open_runtime),
            [*map(str, arguments), "--home", str(tmp_path)],
            catch_exceptions=False,
        )

    return run


@pytest.fixture
def bill_file(importer, customers):
    customers()
    return importer.write(
        "b.csv",
        "bill_no,customer_no,product,period,kind,amount,booked_on,Note\n"
        "B1,C1,宽带,2026-02,charge,10.00,2026-02-28,\nB2,C1,宽带,2026-02,charge,,2026-02-28,=1+1\n"
        "B3,C7,+86 宽带,2026-02,charge,1.00,2026-02-28,-\n",
    )


def test_a_script_gets_counts_and_refused_rows_as_json_and_exit_code_2(command, bill_file):
    result = command("billing", bill_file, "--json")

    report = json.loads(result.stdout)
    assert result.exit_code == 2
    assert (report["kind"], report["file"], report["read"], report["created"]) == ("billing", "b.csv", 3, 1)
    assert (report["updated"], report["unchanged"], report["unknown_columns"]) == (0, 0, ["Note"])
    assert [(entry["row"], entry["column"], entry["code"]) for entry in report["refused"]] == [
        (3, "amount", "blank-number"),
        (4, "product", "formula"),
    ]
    assert all(entry["message"] for entry in report["refused"])


@pytest.mark.parametrize("name", ["errors.csv", "errors.xlsx"])
def test_the_error_file_mended_is_taken_in_as_it_is(command, bill_file, importer, tmp_path, name):
    errors = tmp_path / name
    command("billing", bill_file, "--errors", errors)
    mended = tmp_path / "mended.csv"

    if name.endswith(".csv"):
        text = errors.read_text(encoding="utf-8-sig")
        assert text.splitlines()[0].endswith("Note,row,column,code,message")
        assert "'=1+1" in text
        mended.write_text(text.replace("charge,,", "charge,2.00,"), encoding="utf-8")
    else:
        table = open_table(errors)
        with mended.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table.headings)
            for row in table.rows():
                writer.writerow([*row.cells[:5], row.cells[5] or "2.00", *row.cells[6:]])
    result = command("billing", mended, "--json")

    report = json.loads(result.stdout)
    assert (report["created"], report["unknown_columns"]) == (1, ["Note"])
    assert [entry["code"] for entry in report["refused"]] == ["formula"]
    assert [line.amount_minor for line in importer.all(BillLine)] == [1000, 200]


def test_a_dry_run_reports_the_same_and_writes_nothing(command, bill_file, importer):
    result = command("billing", bill_file, "--dry-run", "--json")

    report = json.loads(result.stdout)
    assert (result.exit_code, report["import_id"], report["created"]) == (2, None, 1)
    assert len(report["refused"]) == 2
    assert importer.all(BillLine) == []


def test_undo_takes_back_and_then_refuses(command, bill_file, importer):
    import_id = json.loads(command("billing", bill_file, "--json").stdout)["import_id"]

    assert command("--undo", import_id).exit_code == 0
    assert importer.all(BillLine) == []
    again = command("--undo", import_id)
    assert again.exit_code == 2
    assert "can be undone" in again.stderr


def test_a_refused_undo_names_every_obstacle(command, bill_file, importer):
    command("billing", bill_file)
    with importer.database.reads() as session:
        first = session.scalars(select(Import.id).where(Import.kind == "customers")).one()

    result = command("--undo", first)

    assert result.exit_code == 2
    assert "bill_lines" in result.stderr
    assert len(importer.all(Customer)) == 3


def test_the_template_names_the_columns_in_order_without_a_node(database):
    result = CliRunner().invoke(
        make_command(lambda home: pytest.fail("no node needed")), ["--template", "worklogs"]
    )

    assert result.stdout == "log_no,manager_no,kind,customer_no,started_at,ended_at,place,text,entered_at\n"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file-empty"),
        (b"a\0b", "file-null-bytes"),
        (b"customer_no,name\nC1,x\n", "columns-missing"),
        (b"PK\x03\x04 not really", "file-broken-workbook"),
    ],
)
def test_a_file_that_cannot_be_read_needs_a_person_and_changes_nothing(
    command, importer, tmp_path, content, code
):
    path = tmp_path / "broken.csv"
    path.write_bytes(content)

    result = command("customers", path, "--json")

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == code
    assert importer.all(Customer) == []


def test_a_missing_file_and_a_broken_mapping_are_told(command, importer, tmp_path):
    assert "no file" in command("customers", tmp_path / "absent.csv").stderr
    path = importer.write("c.csv", "customer_no,kind,name\n")
    mapping = importer.write("map.toml", "[columns]\nname = 3\n")

    assert command("customers", path, "--map", mapping).exit_code == 2


def test_a_mapping_file_maps_headings_constants_and_words(command, importer):
    path = importer.write("c.csv", "客户编号,Name,Churn,tenure\nC1,甲,Yes,5\n")
    mapping = importer.write(
        "map.toml",
        'ignore = ["tenure"]\n[columns]\nName = "name"\nChurn = "status"\n[constants]\nkind = "individual"\n'
        '[values.status]\nYes = "closed"\n',
    )

    result = command("customers", path, "--map", mapping, "--json")

    assert (result.exit_code, json.loads(result.stdout)["unknown_columns"]) == (0, [])
    assert [(c.status.value, c.attributes) for c in importer.all(Customer)] == [("closed", {})]

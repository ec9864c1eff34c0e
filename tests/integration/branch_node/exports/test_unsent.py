"""`export-unsent`: personal data leaves the node by command for a reason, by somebody, and never unlogged."""

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from branch_node.cli import cli
from branch_node.config import create_home
from shared.audit.models import AuditEntry

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

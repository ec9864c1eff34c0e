"""The `hq-server` command."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from hq_server.app import JOBS, create_app, open_runtime
from hq_server.branches.keys import revoke as revoke_keys
from hq_server.branches.operations import CODE_VALID_FOR, enrol_branch
from hq_server.branches.queries import get_branch
from hq_server.config import create_home
from hq_server.console.queries import status_document
from hq_server.ingest.backups import BackupWatch
from hq_server.ingest.unpacking import unpack as take_package
from hq_server.personal.jobs import before_use
from hq_server.proof.own_log import known_heads
from hq_server.tables import APP as TABLES
from hq_server.verification.operations import ask_branches
from hq_server.verification.queries import branch_proofs, exit_code, verify_document
from shared.cli import (
    NEEDS_PERSON,
    NodeApp,
    NodeGroup,
    command_stamp,
    common_commands,
    database_option,
    echo,
    echo_json,
    exit_with,
    home_option,
    init_node,
    say,
)
from shared.errors import N_
from shared.i18n import gettext as _
from sync_protocol.contract.keys import fingerprint, public_key_of

APP: Final = NodeApp(
    "hq-server",
    TABLES,
    "HQ_HOME",
    open_runtime,
    create_app,
    JOBS,
    backing_up=BackupWatch,
    known_heads=known_heads,
    before_use=before_use,
)


@click.group(cls=NodeGroup, help=N_("Head office: takes in what branches send, consolidates and oversees."))
@click.version_option(package_name="branchline")
def cli() -> None:
    """Group the commands."""


@cli.command(help=N_("Make keys, settings and database; print a first sign-in code for the administrator."))
@home_option(APP.home_env)
@database_option()
def init(home: Path, database: str | None) -> None:
    """Make a new HQ; run again it changes nothing but a code not used yet."""
    create_home(home, database_url=database)
    init_node(APP.open(home), TABLES)


@cli.command(help=N_("Register a branch and print the one-time code its node joins with."))
@home_option(APP.home_env)
@click.argument("branch_code")
@click.argument("name")
@click.option(
    "--again", is_flag=True, help=N_("For a branch that lost its key or its node: the new node replaces it.")
)
@click.option("--json", "as_json", is_flag=True, help=N_("Print branch and code as JSON."))
def enrol(home: Path, branch_code: str, name: str, *, again: bool, as_json: bool) -> None:
    """Register a branch; again before its node has joined, the earlier code stops working."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    interval = runtime.settings.push_interval_s
    with runtime.database.sessions.begin() as session:
        _branch, code = enrol_branch(
            session, branch_code, name, push_interval_s=interval, by=command_stamp(runtime), again=again
        )
    hours = int(CODE_VALID_FOR.total_seconds() // 3600)
    say(
        _(
            "The node of branch %(branch)s may join once, within %(hours)s hours.",
            branch=branch_code,
            hours=hours,
        )
    )
    own = fingerprint(public_key_of(runtime.identity.private_key))
    say(_("Key fingerprint of head office: %(fingerprint)s", fingerprint=own))
    if as_json:
        echo_json({"branch": branch_code, "code": code})
    else:
        echo(code)


@cli.command(help=N_("Refuse a branch's keys from the next request on."))
@home_option(APP.home_env)
@click.argument("branch_code")
@click.option(
    "--key", metavar="ID", help=N_("Only this key: its first digits, as shown on the branch's page.")
)
def revoke(home: Path, branch_code: str, key: str | None) -> None:
    """Revoke all keys of a branch, or one; `enrol --again` lets its node come back with a new one."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.sessions.begin() as session:
        revoked = revoke_keys(session, get_branch(session, branch_code), key=key, by=command_stamp(runtime))
    for one in revoked:
        echo(one)


@cli.command(help=N_("Take in a file a branch packed, and write the receipts that go back to it."))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@home_option(APP.home_env)
@click.option(
    "--receipts",
    type=click.Path(dir_okay=False, path_type=Path),
    help=N_("Where the receipts go; FILE.receipts when not given."),
)
@click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
def unpack(file: Path, home: Path, receipts: Path | None, *, as_json: bool) -> None:
    """Take in a package; what the line brought before changes nothing."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    target = receipts or file.with_name(file.name + ".receipts")
    found = take_package(runtime, file, target, by=command_stamp(runtime))
    if as_json:
        echo_json({**asdict(found), "receipts": str(target)})
    say(
        _(
            "Branch %(branch)s: %(taken)s batches, %(rows)s rows, %(parked)s parked. Receipts: %(receipts)s",
            branch=found.branch,
            taken=found.taken,
            rows=found.rows,
            parked=found.parked,
            receipts=target,
        )
    )
    for one in found.refused:
        say(f"{one['batch']}: {one['code']} {one['detail']}")
    if found.refused:
        exit_with(NEEDS_PERSON)


@cli.command(help=N_("Print every branch: its line, what was received and applied, counts and totals."))
@home_option(APP.home_env)
@click.option("--json", "as_json", is_flag=True, help=N_("Print the whole as JSON."))
def status(home: Path, *, as_json: bool) -> None:
    """Print how the branches stand."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.reads() as session:
        document = status_document(session, runtime.clock.now())
    if as_json:
        echo_json(document)
        return
    for branch in document["branches"]:
        echo(_branch_line(branch))


@cli.command(help=N_("Tell whether head office holds exactly what the branches hold; ends with 0, 1 or 2."))
@home_option(APP.home_env)
@click.option("--branch", "code", metavar="CODE", help=N_("This branch only."))
@click.option("--ask", "everybody", is_flag=True, help=N_("Have them prove it anew at their next contact."))
@click.option("--json", "as_json", is_flag=True, help=N_("Print the whole as JSON."))
@click.pass_context
def verify(context: click.Context, home: Path, code: str | None, *, everybody: bool, as_json: bool) -> None:
    """Print how the proofs stand. 0: all equal, 1: not proven yet or being repaired, 2: a person is needed.

    What is not proven yet is asked for; `--ask` asks for what is proven as well.
    """
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.sessions.begin() as session:
        if code is not None:
            get_branch(session, code)
        document = verify_document(session, runtime.clock.now(), code=code)
        standing = branch_proofs(session, code=code)
        ask_branches(session, standing, everybody=everybody, by=command_stamp(runtime))
    if as_json:
        echo_json(document)
    else:
        for branch in document["branches"]:
            echo(_proof_line(branch))
    context.exit(exit_code([branch["verdict"] for branch in document["branches"]]))


def _proof_line(branch: dict[str, Any]) -> str:
    tables = " ".join(
        f"{name}={table['rows'] if table['equal'] else table['verdict']}"
        for name, table in branch["tables"].items()
    )
    return "\t".join(
        (branch["code"], branch["verdict"], str(branch["through"]), branch["as_of"] or "-", tables)
    )


def _branch_line(branch: dict[str, Any]) -> str:
    records = " ".join(f"{name}={count}" for name, count in branch["records"].items())
    through = f"{branch['applied_through']}/{branch['received_through']}"
    parts = (branch["code"], branch["name"], branch["link"], branch["last_seen"] or "-", through, records)
    return "\t".join((*parts, f"parked={branch['parked']}"))


for _command in common_commands(APP):
    cli.add_command(_command)


def main() -> None:
    """Run the command."""
    cli(prog_name=APP.command)

"""The `branch-node` command."""

from pathlib import Path
from typing import Any, Final

import click

from branch_node.app import JOBS, create_app, open_runtime
from branch_node.archive.commands import register as register_archive
from branch_node.config import create_home
from branch_node.imports.commands import register as register_import
from branch_node.imports.exporting import export_unsent
from branch_node.outbound.commands import register as register_sync
from branch_node.outbound.log_asking import ask_heads
from branch_node.outbound.log_commands import register as register_log
from branch_node.outbound.log_head import told_heads
from branch_node.outbound.queries import status_document
from branch_node.outbound.receivers import replace_earlier, standings
from branch_node.outbound.recovered import CONFLICT, count_states
from branch_node.outbound.resend_commands import register as register_resend
from branch_node.personal.commands import register as register_personal
from branch_node.personal.finishing import before_use
from branch_node.setup.commands import setup_commands
from branch_node.tables import APP as TABLES
from shared.audit import operations as audit
from shared.auth.queries import get_user_named
from shared.cli import (
    NodeApp,
    NodeGroup,
    command_stamp,
    common_commands,
    database_option,
    echo,
    echo_json,
    home_option,
    init_node,
    say,
)
from shared.errors import N_
from shared.exports.operations import check_reason
from shared.i18n import gettext

APP: Final = NodeApp(
    "branch-node",
    TABLES,
    "BRANCH_HOME",
    open_runtime,
    create_app,
    JOBS,
    after_restore=replace_earlier,
    known_heads=told_heads,
    ask_heads=ask_heads,
    before_use=before_use,
)


@click.group(
    cls=NodeGroup, help=N_("One branch: works with the line down, and pushes to head office on a timer.")
)
@click.version_option(package_name="branchline")
def cli() -> None:
    """Group the commands."""


@cli.command(help=N_("Make keys, settings and database; print a first sign-in code for the administrator."))
@home_option(APP.home_env)
@database_option()
def init(home: Path, database: str | None) -> None:
    """Make a new node; run again it changes nothing but a code not used yet."""
    create_home(home, database_url=database)
    init_node(APP.open(home), TABLES)


@cli.command(help=N_("Print the line, what waits to go, the last cycle, counts and totals."))
@home_option(APP.home_env)
@click.option("--json", "as_json", is_flag=True, help=N_("Print the whole as JSON."))
def status(home: Path, *, as_json: bool) -> None:
    """Print how this node stands."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.reads() as session:
        document = status_document(session, runtime.bindings, now=runtime.clock.now())
    document["receivers"] = standings(runtime)
    if as_json:
        echo_json(document)
        return
    for name, value in _lines(document):
        echo(f"{name}\t{value}")


@cli.command(
    help=N_("Run made-up companies through crashes, bad lines and restores; tell whether anything was lost.")
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help=N_("Where the runs begin; a seed is a run.")
)
@click.option("--runs", type=click.IntRange(min=1), default=1, show_default=True, help=N_("How many runs."))
@click.option(
    "--database",
    metavar="URL",
    help=N_("A PostgreSQL server on which to make databases and drop them again; SQLite when not given."),
)
@click.option("--json", "as_json", is_flag=True, help=N_("Print the outcome as JSON."))
@click.option(
    "--receivers",
    type=click.IntRange(1, 2),
    default=1,
    show_default=True,
    help=N_("With 2, a regional office gets bill lines and work logs beside head office."),
)
def torture(seed: int, runs: int, *, database: str | None, as_json: bool, receivers: int) -> None:
    """Torture this very program in a folder of its own; no node of this machine is touched."""
    # Here and not above: it brings head office's program in, which no other command of a branch needs.
    from branch_node.torture import commands  # noqa: PLC0415

    commands.torture(seed, runs, server=database, as_json=as_json, receivers=receivers)


def _lines(document: dict[str, Any]) -> list[tuple[str, Any]]:
    branch, last = document["branch"], document["last_cycle"]
    return [
        ("branch", f"{branch['code']} {branch['name']} {branch['hq']}" if branch else "-"),
        ("link", document["link"]),
        ("pending", document["pending"]),
        (
            "last_cycle",
            f"{last['started_at']} {last['outcome']} {last['problem'] or ''}".strip() if last else "-",
        ),
        *((f"receiver {one['name']}", f"{one['link']} {one['pending']}") for one in document["receivers"]),
        *document["records"].items(),
    ]


@cli.command(
    "export-unsent",
    help=N_("Write what head office has not taken as files that `import` reads: to empty a refused copy."),
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@home_option(APP.home_env)
@click.option("--by", "username", required=True, help=N_("The user name of whoever takes the files out."))
@click.option("--reason", required=True, help=N_("What the files are for; it stands in the operation log."))
@click.option("--json", "as_json", is_flag=True, help=N_("Tell what was written as JSON."))
def export_unsent_command(folder: Path, home: Path, username: str, reason: str, *, as_json: bool) -> None:
    """Export; the files are taken in at the right node with `import KIND FILE`."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    said = check_reason(reason)
    # The log has it before there is a file: a command that breaks off has left something behind.
    with runtime.database.sessions.begin() as session:
        user = get_user_named(session, username)
        details = {"taken_by": user.username, "reason": said, "folder": folder.name}
        subject = ("user", user.id)
        audit.record(
            session, "sync.unsent-exported", subject=subject, by=command_stamp(runtime), details=details
        )
    counts = export_unsent(runtime, folder)
    with runtime.database.reads() as session:
        undecided = count_states(session).get(CONFLICT, 0)
    if as_json:
        echo_json({"folder": str(folder), "records": counts, "undecided": undecided})
    else:
        for name, rows in counts.items():
            echo(f"{folder / name}.csv\t{rows}")
    if undecided:
        say(
            gettext(
                "%(count)s records wait for a choice between two versions; head office's are not in these files. "
                "Choose under Sync, Histories and recovered records, then export again.",
                count=undecided,
            )
        )


register_import(cli, APP.open)
register_sync(cli, APP)
register_resend(cli, APP)
register_log(cli, APP)
register_personal(cli, APP)
register_archive(cli, APP)
cli.add_command(setup_commands(APP))
for _command in common_commands(APP):
    cli.add_command(_command)


def main() -> None:
    """Run the command."""
    cli(prog_name=APP.command)

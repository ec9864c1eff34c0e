"""The `branch-node` command."""

from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from branch_node.app import JOBS, create_app, open_runtime
from branch_node.config import create_home
from branch_node.imports.commands import register as register_import
from branch_node.imports.exporting import export_unsent
from branch_node.outbound import keys, tracing
from branch_node.outbound.membership import join_hq
from branch_node.outbound.packing import pack as pack_waiting
from branch_node.outbound.packing import take_receipts
from branch_node.outbound.queries import get_membership, status_document
from branch_node.outbound.receivers import replace_earlier
from branch_node.tables import APP as TABLES
from shared.audit import operations as audit
from shared.cli import (
    NodeApp,
    NodeGroup,
    command_stamp,
    common_commands,
    echo,
    echo_json,
    home_option,
    init_node,
    run_job_now,
    say,
)
from shared.domain.wire_words import RECORD_NUMBERS
from shared.errors import N_
from shared.i18n import gettext as _
from sync_protocol.contract.keys import fingerprint, key_id, public_key_of

APP: Final = NodeApp(
    "branch-node", TABLES, "BRANCH_HOME", open_runtime, create_app, JOBS, after_restore=replace_earlier
)
PUSH: Final = "push"
PATIENCE: Final = timedelta(seconds=10)


@click.group(
    cls=NodeGroup, help=N_("One branch: works with the line down, and pushes to head office on a timer.")
)
@click.version_option(package_name="branchline")
def cli() -> None:
    """Group the commands."""


@cli.command(help=N_("Make keys, settings and database; print a first sign-in code for the administrator."))
@home_option(APP.home_env)
@click.option("--database", metavar="URL", help=N_("Where the data is; SQLite in DIR when not given."))
def init(home: Path, database: str | None) -> None:
    """Make a new node; run again it changes nothing but a code not used yet."""
    create_home(home, database_url=database)
    init_node(APP.open(home), TABLES)


@cli.command(help=N_("Become the branch that head office enrolled; this node's key is pinned there."))
@home_option(APP.home_env)
@click.option(
    "--hq", required=True, metavar="URL", help=N_("Head office's address: https://, unless on this machine.")
)
@click.option("--code", required=True, help=N_("The one-time code head office gave."))
@click.option(
    "--again",
    is_flag=True,
    help=N_("This node is a branch already: join once more under a new key; data and history stay."),
)
def join(home: Path, hq: str, code: str, *, again: bool) -> None:
    """Join; when the answer was lost on the way, the same command may be run again."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    member = join_hq(runtime, hq, code, by=command_stamp(runtime), again=again)
    say(
        _("This node is now branch %(branch)s, %(name)s.", branch=member.branch_code, name=member.branch_name)
    )
    own = fingerprint(public_key_of(runtime.private_key))
    say(_("Key fingerprint of this node (head office must show the same): %(fingerprint)s", fingerprint=own))
    say(_("Key fingerprint of head office: %(fingerprint)s", fingerprint=fingerprint(member.hq_public_key)))
    echo(member.branch_code)


@cli.command(
    "rotate-key", help=N_("Replace this node's key by a new one; head office takes both for a while.")
)
@home_option(APP.home_env)
def rotate_key(home: Path) -> None:
    """Make the next key and push: the cycle announces it and puts it in place, now or when the line is back."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.reads() as session:
        get_membership(session)
        days = keys.age_days(session, key_id(public_key_of(runtime.private_key)), at=runtime.clock.now())
    say(_("The present key is %(days)s days old.", days=days))
    keys.make_next(runtime.settings.home)
    try:
        run_job_now(APP, runtime, PUSH, wait=PATIENCE)
    finally:
        if keys.has_next(runtime.settings.home):
            say(_("The new key is not in place yet; the next push that reaches head office finishes it."))
        else:
            own = fingerprint(public_key_of(runtime.private_key))
            say(
                _(
                    "Key fingerprint of this node (head office must show the same): %(fingerprint)s",
                    fingerprint=own,
                )
            )


@cli.command(help=N_("Run one sync cycle now."))
@home_option(APP.home_env)
@click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
def push(home: Path, *, as_json: bool) -> None:
    """Push now, in this process; waits a little for a push that is already at work."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.reads() as session:
        get_membership(session)
    run_job_now(APP, runtime, PUSH, wait=PATIENCE, as_json=as_json)


@cli.command(help=N_("Print the line, what waits to go, the last cycle, counts and totals."))
@home_option(APP.home_env)
@click.option("--json", "as_json", is_flag=True, help=N_("Print the whole as JSON."))
def status(home: Path, *, as_json: bool) -> None:
    """Print how this node stands."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.reads() as session:
        document = status_document(session, runtime.bindings, now=runtime.clock.now())
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
@click.option("--json", "as_json", is_flag=True, help=N_("Print the outcome as JSON."))
def torture(seed: int, runs: int, *, as_json: bool) -> None:
    """Torture this very program in a folder of its own; no node of this machine is touched."""
    # Here and not above: it brings head office's program in, which no other command of a branch needs.
    from branch_node.torture import commands  # noqa: PLC0415

    commands.torture(seed, runs, as_json=as_json)


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
        *document["records"].items(),
    ]


@cli.command(
    help=N_("Write what waits into a file for head office, where there is no line; for its eyes only.")
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@home_option(APP.home_env)
@click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
def pack(file: Path, home: Path, *, as_json: bool) -> None:
    """Pack; the same batches may also go over the line, before or after."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.reads() as session:
        get_membership(session)
    # Under the name of the push: only one of the two may seal at a time.
    job = next(job for job in JOBS if job.name == PUSH)
    packing = replace(job, run=lambda node, stamp, progress: pack_waiting(node, file, stamp, progress))
    run_job_now(replace(APP, jobs=[packing]), runtime, PUSH, wait=PATIENCE, as_json=as_json)


@cli.command(help=N_("Take in the receipts that head office gave for a file."))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@home_option(APP.home_env)
@click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
def receipts(file: Path, home: Path, *, as_json: bool) -> None:
    """Take receipts; taking them twice changes nothing."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    found = take_receipts(runtime, file, by=command_stamp(runtime))
    if as_json:
        echo_json(asdict(found))
    say(
        _(
            "Newly acknowledged: %(new)s; known before: %(known)s; not of this node: %(foreign)s.",
            new=found.new,
            known=found.known,
            foreign=found.foreign,
        )
    )


@cli.command(help=N_("Tell how far each change of a record has come on its way to head office."))
@click.argument("record", type=click.Choice(list(RECORD_NUMBERS)))
@click.argument("number")
@home_option(APP.home_env)
@click.option("--json", "as_json", is_flag=True, help=N_("Print the whole as JSON."))
def where(record: str, number: str, home: Path, *, as_json: bool) -> None:
    """Print where a record is."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    with runtime.database.reads() as session:
        found = tracing.trace(session, runtime.bindings, record, number).document()
    if as_json:
        echo_json(found)
        return
    for change in found["changes"]:
        batch = f"{change['channel']} {change['batch_no']}" if change["batch_no"] else "-"
        echo(
            f"{change['change']}\t{change['op']}\t{change['stage']}\t{batch}\t{change['received_at'] or '-'}"
        )


@cli.command(
    "export-unsent",
    help=N_("Write what head office has not taken as files that `import` reads: to empty a refused copy."),
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@home_option(APP.home_env)
@click.option("--json", "as_json", is_flag=True, help=N_("Tell what was written as JSON."))
def export_unsent_command(folder: Path, home: Path, *, as_json: bool) -> None:
    """Export; the files are taken in at the right node with `import KIND FILE`."""
    runtime = APP.open(home)
    APP.check_migrated(runtime)
    counts = export_unsent(runtime, folder)
    with runtime.database.sessions.begin() as session:
        audit.record(
            session, "sync.unsent-exported", subject=None, by=command_stamp(runtime), details=dict(counts)
        )
    if as_json:
        echo_json({"folder": str(folder), "records": counts})
        return
    for name, rows in counts.items():
        echo(f"{folder / name}.csv\t{rows}")


register_import(cli, APP.open)
for _command in common_commands(APP):
    cli.add_command(_command)


def main() -> None:
    """Run the command."""
    cli(prog_name=APP.command)


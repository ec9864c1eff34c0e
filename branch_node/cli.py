"""The `branch-node` command."""

from pathlib import Path

import click

from branch_node.app import JOBS, create_app, open_runtime
from branch_node.config import create_home
from branch_node.imports.commands import register as register_import
from branch_node.outbound.membership import join_hq
from branch_node.outbound.queries import get_membership, status_document
from branch_node.tables import APP
from shared.cli import common_commands, exits, home_option, init_node, print_status, run_job, say, stamp
from shared.i18n import gettext as _
from sync_protocol.contract.keys import fingerprint, public_key_of

HOME_ENV = "BRANCH_HOME"
PUSH = "push"


@click.group()
@click.version_option(package_name="branchline")
def cli() -> None:
    """One branch: works with the line down, and pushes to head office on a timer."""


@cli.command()
@home_option(HOME_ENV)
@click.option(
    "--database", "database_url", metavar="URL", help="SQLAlchemy URL; SQLite in DIR when not given"
)
@exits
def init(home: Path, database_url: str | None) -> None:
    """Make keys, configuration and database; print a one-time sign-in code for the first administrator."""
    create_home(home, database_url=database_url)
    init_node(open_runtime(home), APP)


@cli.command()
@home_option(HOME_ENV)
@click.option(
    "--hq",
    "hq_url",
    required=True,
    metavar="URL",
    help="address of head office, https:// unless on this machine",
)
@click.option("--code", required=True, help="the one-time code head office gave")
@exits
def join(home: Path, hq_url: str, code: str) -> None:
    """Become the branch that head office enrolled; the key made by `init` is pinned there."""
    runtime = open_runtime(home)
    member = join_hq(runtime, hq_url, code, by=stamp(runtime))
    say(
        _(
            "This node is now branch %(branch)s (%(name)s).",
            branch=member.branch_code,
            name=member.branch_name,
        )
    )
    own = fingerprint(public_key_of(runtime.private_key))
    say(_("Key fingerprint of this node, head office must show the same: %(fingerprint)s", fingerprint=own))
    say(_("Key fingerprint of head office: %(fingerprint)s", fingerprint=fingerprint(member.hq_public_key)))
    click.echo(member.branch_code)


@cli.command()
@home_option(HOME_ENV)
@click.option("--json", "as_json", is_flag=True, help="what the cycle did")
@exits
def push(home: Path, *, as_json: bool) -> None:
    """Run one sync cycle now."""
    runtime = open_runtime(home)
    with runtime.database.reads() as session:
        get_membership(session)
    run_job(runtime, JOBS, PUSH, as_json=as_json)


@cli.command()
@home_option(HOME_ENV)
@click.option("--json", "as_json", is_flag=True, help="the whole document")
@exits
def status(home: Path, *, as_json: bool) -> None:
    """Print the link, what waits to go, the last cycle, and counts and totals of this node's tables."""
    runtime = open_runtime(home)
    with runtime.database.reads() as session:
        document = status_document(session, runtime.bindings, now=runtime.clock.now())
    print_status(document, as_json=as_json)


register_import(cli, open_runtime)
for _command in common_commands(open_runtime, home_env=HOME_ENV, create_app=create_app, jobs=JOBS, app=APP):
    cli.add_command(_command)


def main() -> None:
    """Run the command."""
    cli(prog_name="branch-node")


if __name__ == "__main__":
    main()

"""The `hq-server` command."""

import json
from pathlib import Path

import click

from hq_server.app import JOBS, create_app, open_runtime
from hq_server.branches.operations import CODE_VALID_FOR, enrol_branch
from hq_server.config import create_home
from hq_server.console.queries import status_document
from hq_server.tables import APP
from shared.cli import common_commands, exits, home_option, init_node, print_status, say, stamp
from shared.i18n import gettext as _
from sync_protocol.contract.keys import fingerprint, public_key_of

HOME_ENV = "HQ_HOME"


@click.group()
@click.version_option(package_name="branchline")
def cli() -> None:
    """Head office: takes in what branches send, consolidates and oversees."""


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
@click.argument("branch_code")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help='{"branch": ..., "code": ...}')
@exits
def enrol(home: Path, branch_code: str, name: str, *, as_json: bool) -> None:
    """Register a branch and print the one-time code its node joins with."""
    runtime = open_runtime(home)
    with runtime.database.sessions.begin() as session:
        branch, code = enrol_branch(
            session, branch_code, name, push_interval_s=runtime.settings.push_interval_s, by=stamp(runtime)
        )
        document = {"branch": branch.code, "code": code}
    own = fingerprint(public_key_of(runtime.identity.private_key))
    hours = int(CODE_VALID_FOR.total_seconds() // 3600)
    say(
        _(
            "Branch %(branch)s may join once with this code, within %(hours)s hours.",
            branch=branch_code,
            hours=hours,
        )
    )
    say(_("Key fingerprint of head office: %(fingerprint)s", fingerprint=own))
    click.echo(json.dumps(document, ensure_ascii=False) if as_json else code)


@cli.command()
@home_option(HOME_ENV)
@click.option("--json", "as_json", is_flag=True, help="the whole document")
@exits
def status(home: Path, *, as_json: bool) -> None:
    """Print every branch: link, what was received and applied, what is parked, counts and totals."""
    runtime = open_runtime(home)
    with runtime.database.reads() as session:
        document = status_document(session, runtime.clock.now())
    print_status(document, as_json=as_json)


for _command in common_commands(open_runtime, home_env=HOME_ENV, create_app=create_app, jobs=JOBS, app=APP):
    cli.add_command(_command)


def main() -> None:
    """Run the command."""
    cli(prog_name="hq-server")


if __name__ == "__main__":
    main()

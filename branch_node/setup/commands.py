"""Setting a new branch up from the command line: the same steps, for whoever prepares many nodes."""

from pathlib import Path

import click

from branch_node.setup import operations, queries
from shared.cli import NodeApp, command_stamp, echo, echo_json, home_option, say
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import label
from shared.organisation.operations import DepartmentValues, add_department
from sync_protocol.catalog import CATALOG


def setup_commands(app: NodeApp) -> click.Group:
    """Return the group `setup`."""
    group = click.Group("setup", help=N_("Set a new branch up: status, department, region, prove, finish."))
    for command in (_status(app), _department(app), _region(app), _prove(app), _finish(app)):
        group.add_command(command)
    return group


def _status(app: NodeApp) -> click.Command:
    @click.command("status", help=N_("Tell which steps are done."))
    @home_option(app.home_env)
    @click.option("--json", "as_json", is_flag=True, help=N_("Print JSON."))
    def status(home: Path, *, as_json: bool) -> None:
        runtime = app.open(home)
        with runtime.database.reads() as session:
            steps = queries.list_steps(session)
            finished = queries.is_finished(session)
        if as_json:
            echo_json({"finished": finished, "steps": {one.step.value: one.done for one in steps}})
            return
        for one in steps:
            echo(f"{label(one.step)}\t{_('done') if one.done else _('to do')}")

    return status


def _department(app: NodeApp) -> click.Command:
    @click.command("department", help=N_("Add a department at the top."))
    @click.argument("code")
    @click.argument("name")
    @home_option(app.home_env)
    def department(code: str, name: str, home: Path) -> None:
        runtime = app.open(home)
        with runtime.database.sessions.begin() as session:
            added = add_department(session, DepartmentValues(name, code), by=command_stamp(runtime))
        say(_("%(name)s is added.", name=added.name))

    return department


def _region(app: NodeApp) -> click.Command:
    @click.command("region", help=N_("Choose a region the branch serves, by its code."))
    @click.argument("code")
    @home_option(app.home_env)
    def region(code: str, home: Path) -> None:
        runtime = app.open(home)
        with runtime.database.sessions.begin() as session:
            operations.choose_region(session, code, by=command_stamp(runtime))

    return region


def _prove(app: NodeApp) -> click.Command:
    @click.command("prove", help=N_("Have the next push compare every row with head office."))
    @home_option(app.home_env)
    def prove(home: Path) -> None:
        runtime = app.open(home)
        with runtime.database.sessions.begin() as session:
            operations.ask_for_proof(session, CATALOG, by=command_stamp(runtime))

    return prove


def _finish(app: NodeApp) -> click.Command:
    @click.command("finish", help=N_("Say that the branch is set up; refused while a step is not done."))
    @home_option(app.home_env)
    def finish(home: Path) -> None:
        runtime = app.open(home)
        with runtime.database.sessions.begin() as session:
            operations.finish_setup(session, by=command_stamp(runtime))
        say(_("This branch is set up."))

    return finish

"""Letting people in, from the command line: the first administrator, and whoever locked themselves out."""

import sys
from pathlib import Path

import click

from shared.auth import operations, queries, second_step
from shared.auth.models import User
from shared.auth.sealing import Seal
from shared.cli.context import NodeApp, command_stamp, echo, echo_json, home_option, say
from shared.errors import N_
from shared.i18n import format_instant, gettext, label
from shared.organisation.operations import place_person
from shared.organisation.queries import get_department_with_code
from shared.rights.policy import ceiling
from shared.rights.vocabulary import KINDS_OF, DataRange, StaffKind
from shared.runtime import NodeRuntime


def user_commands(app: NodeApp) -> click.Group:
    """Return the group `user` of one app."""
    group = click.Group("user", help=N_("Users: add, list, disable, enable, new code, second step."))
    for make in (_add, _list, _disable, _enable, _code, _second_step, _reset_second_step):
        group.add_command(make(app))
    return group


def _add(app: NodeApp) -> click.Command:
    kinds = KINDS_OF[app.tables.name]

    @click.command("add", help=N_("Add a user and print the one-time code for the first sign-in."))
    @click.argument("username")
    @home_option(app.home_env)
    @click.option("--name", required=True, help=N_("The person's name."))
    @click.option(
        "--kind",
        type=click.Choice([kind.value for kind in kinds]),
        default=kinds[0].value,
        show_default=True,
        help=N_("Which of the kinds of staff they are; it decides what they may do."),
    )
    @click.option("--department", metavar="CODE", help=N_("The department they belong to, by its code."))
    @click.option(
        "--no-range", is_flag=True, help=N_("They see nothing of the business until somebody grants it.")
    )
    @click.option(
        "--password-stdin", is_flag=True, help=N_("Set the password read from stdin; print no code.")
    )
    @click.option("--json", "as_json", is_flag=True, help=N_("Print JSON."))
    def add(
        username: str,
        home: Path,
        name: str,
        kind: str,
        department: str | None,
        *,
        no_range: bool,
        password_stdin: bool,
        as_json: bool,
    ) -> None:
        runtime = app.open(home)
        by = command_stamp(runtime)
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
        with runtime.database.sessions.begin() as session:
            user, code = operations.create_user(
                session,
                username=username,
                name=name,
                kind=StaffKind(kind),
                data_range=DataRange.NONE if no_range else ceiling(StaffKind(kind)),
                by=by,
            )
            if department is not None:
                place_person(session, user, get_department_with_code(session, department).id, by=by)
            if password is not None:
                operations.set_password(session, user, password, by=by)
            _tell_code(
                user, None if password is not None else code, runtime.settings.timezone, as_json=as_json
            )

    return add


def _list(app: NodeApp) -> click.Command:
    @click.command("list", help=N_("List the users."))
    @home_option(app.home_env)
    @click.option("--json", "as_json", is_flag=True, help=N_("Print JSON."))
    def list_(home: Path, *, as_json: bool) -> None:
        runtime = app.open(home)
        with runtime.database.reads() as session:
            users = queries.list_users(session)
        if as_json:
            echo_json([_document(user) for user in users])
            return
        for user in users:
            state = gettext("enabled") if user.enabled else gettext("disabled")
            echo(f"{user.username:<24} {label(user.kind)} · {state} · {user.name}")

    return list_


def _disable(app: NodeApp) -> click.Command:
    @click.command("disable", help=N_("Keep a user out from the next request on."))
    @click.argument("username")
    @home_option(app.home_env)
    def disable(username: str, home: Path) -> None:
        runtime = app.open(home)
        with runtime.database.sessions.begin() as session:
            user = queries.get_user_named(session, username)
            operations.disable_user(session, user, by=command_stamp(runtime))
        say(gettext("%(user)s can no longer sign in.", user=user.username))

    return disable


def _enable(app: NodeApp) -> click.Command:
    @click.command("enable", help=N_("Let a disabled user in again."))
    @click.argument("username")
    @home_option(app.home_env)
    def enable(username: str, home: Path) -> None:
        runtime = app.open(home)
        with runtime.database.sessions.begin() as session:
            user = queries.get_user_named(session, username)
            operations.enable_user(session, user, by=command_stamp(runtime))
        say(gettext("%(user)s can sign in again.", user=user.username))

    return enable


def _code(app: NodeApp) -> click.Command:
    @click.command("code", help=N_("Print a new one-time code, for a forgotten password."))
    @click.argument("username")
    @home_option(app.home_env)
    @click.option("--json", "as_json", is_flag=True, help=N_("Print JSON."))
    def code(username: str, home: Path, *, as_json: bool) -> None:
        runtime = app.open(home)
        with runtime.database.sessions.begin() as session:
            user = queries.get_user_named(session, username)
            issued = operations.issue_code(session, user, by=command_stamp(runtime))
            _tell_code(user, issued, runtime.settings.timezone, as_json=as_json)

    return code


def _second_step(app: NodeApp) -> click.Command:
    @click.command(
        "second-step", help=N_("Give a user a second step and print the key for their authenticator.")
    )
    @click.argument("username")
    @home_option(app.home_env)
    @click.option("--secret-stdin", is_flag=True, help=N_("Take the key from stdin; print nothing."))
    def enrol(username: str, home: Path, *, secret_stdin: bool) -> None:
        runtime = app.open(home)
        given = sys.stdin.readline().strip().replace(" ", "").upper() if secret_stdin else None
        secret = given or second_step.new_secret()
        with runtime.database.sessions.begin() as session:
            user = queries.get_user_named(session, username)
            by = command_stamp(runtime)
            second_step.enrol_at_once(session, user, secret, seal=_seal(runtime), by=by)
        if given is None:
            echo(secret)
            echo(second_step.uri_of(user, secret, node=runtime.settings.host))
        say(gettext("%(user)s is asked for a code when signing in from now on.", user=user.username))

    return enrol


def _reset_second_step(app: NodeApp) -> click.Command:
    @click.command(
        "reset-second-step",
        help=N_("Take away the second step of a user who lost their authenticator; their sessions end."),
    )
    @click.argument("username")
    @home_option(app.home_env)
    def reset(username: str, home: Path) -> None:
        runtime = app.open(home)
        with runtime.database.sessions.begin() as session:
            user = queries.get_user_named(session, username)
            second_step.reset(session, user, by=command_stamp(runtime))
        say(gettext("%(user)s sets the second step up again at the next sign-in.", user=user.username))

    return reset


def _seal(runtime: NodeRuntime) -> Seal:
    return Seal(runtime.settings.home.ensure_key(second_step.KEY))


def _tell_code(user: User, code: str | None, timezone: str, *, as_json: bool) -> None:
    expires = user.code_expires_at
    if as_json:
        echo_json(_document(user) | {"code": code, "code_expires_at": expires and expires.isoformat()})
    elif code is not None:
        echo(code)
    if code is not None and expires is not None:
        until = format_instant(expires, timezone=timezone)
        say(gettext("One-time code for %(user)s, valid until %(time)s.", user=user.username, time=until))
    else:
        say(gettext("%(user)s can sign in.", user=user.username))


def _document(user: User) -> dict[str, object]:
    return {
        "username": user.username,
        "name": user.name,
        "kind": user.kind.value,
        "range": user.data_range.value,
        "enabled": user.enabled,
    }

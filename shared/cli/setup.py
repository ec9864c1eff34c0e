"""The first steps of a new node: its tables, and the person who may sign in first."""

from typing import Final

from shared.auth.operations import create_user, issue_code
from shared.auth.queries import count_administrators, find_user
from shared.cli.context import command_stamp, echo, say
from shared.db.migrations import MigratedApp, upgrade
from shared.i18n import gettext
from shared.rights.vocabulary import StaffKind
from shared.runtime import NodeRuntime

FIRST: Final = "admin"


def init_node(runtime: NodeRuntime, tables: MigratedApp) -> None:
    """Make the tables and the first administrator; print the one-time sign-in code on stdout.

    Run again before that code was used, it gives a new one; once there is an administrator it gives none.
    """
    upgrade(runtime.database, tables)
    by = command_stamp(runtime)
    with runtime.database.sessions.begin() as session:
        first = find_user(session, FIRST)
        if first is not None and first.password_hash is None:
            code = issue_code(session, first, by=by)
        elif count_administrators(session):
            code = None
        else:
            _user, code = create_user(
                session, username=FIRST, name=gettext("Administrator"), kind=StaffKind.ADMINISTRATOR, by=by
            )
    if code is None:
        say(gettext("This node was set up before; nothing was changed."))
        return
    settings = runtime.settings
    say(gettext("The node is ready in %(home)s.", home=settings.home.path))
    say(
        gettext(
            "Sign in first as %(user)s with the code below at http://%(host)s:%(port)s/account/first-sign-in "
            "(once, within three days), and choose a password.",
            user=FIRST,
            host=settings.host,
            port=settings.port,
        )
    )
    echo(code)

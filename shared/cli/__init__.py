"""The commands that both kinds of node have, and what an app's own commands are made of.

An app's `cli.py` declares a `NodeApp` and a `NodeGroup` with `common_commands(app)` and the app's own commands
in it. Those may be plain click commands: help given as `N_("...")` is translated, and errors become exit codes.
"""

from shared.cli.commands import common_commands
from shared.cli.context import (
    NodeApp,
    command_stamp,
    database_option,
    echo,
    echo_json,
    from_stdin,
    home_option,
    say,
)
from shared.cli.group import NodeGroup
from shared.cli.outcome import NEEDS_PERSON, WILL_RETRY, exit_with
from shared.cli.running import run_job_now
from shared.cli.setup import init_node

__all__ = [
    "NEEDS_PERSON",
    "WILL_RETRY",
    "NodeApp",
    "NodeGroup",
    "command_stamp",
    "common_commands",
    "database_option",
    "echo",
    "echo_json",
    "exit_with",
    "from_stdin",
    "home_option",
    "init_node",
    "run_job_now",
    "say",
]

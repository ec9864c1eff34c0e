"""`hq-log-ends`: prints what head office has signed of its own operation log, for whoever examines it."""

from pathlib import Path
from typing import Any

import click

from branch_node.outbound import hq_log
from branch_node.runtime import BranchRuntime
from shared.cli import NodeApp, echo, echo_json, home_option
from shared.db.base import instant_text
from shared.errors import N_


def register(cli: click.Group, app: NodeApp) -> None:
    """Add the command to the program."""

    @cli.command("hq-log-ends", help=N_("Print where head office's operation log ended, as it signed that."))
    @home_option(app.home_env)
    @click.option("--json", "as_json", is_flag=True, help=N_("Print the whole as JSON."))
    def hq_log_ends(home: Path, *, as_json: bool) -> None:
        runtime: BranchRuntime = app.open(home)
        app.check_migrated(runtime)
        ends = _ends(runtime)
        if as_json:
            echo_json(ends)
            return
        for end in ends:
            echo(f"{end['seq']}\t{end['digest']}\t{end['at']}\t{end['bad'] or '-'}")


def _ends(runtime: BranchRuntime) -> list[dict[str, Any]]:
    with runtime.database.reads() as session:
        return [
            {
                "hq": end.hq_id,
                "seq": end.seq,
                "digest": end.digest,
                "at": instant_text(end.at),
                "signature": end.signature,
                "bad": end.bad,
            }
            for end in hq_log.list_ends(session)
        ]

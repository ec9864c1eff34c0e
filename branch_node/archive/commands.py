"""`verify-archive`: tells whether the retained archive is as it was written."""

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from branch_node.archive.verification import Why, verify
from shared.cli import NodeApp, echo_json, exit_with, home_option, say
from shared.errors import N_
from shared.i18n import gettext

BROKEN: Final = 2
SENTENCES: Final = {
    Why.MISSING: N_("Entry %(seq)s is missing."),
    Why.CHANGED: N_("Entry %(seq)s is not as it was written."),
    Why.CONTENT: N_("The content of entry %(seq)s is not what was put there."),
    Why.TAKEN: N_("The content of entry %(seq)s was taken away, and no decision says so."),
    Why.UNLOCK: N_("Entry %(seq)s was added without two people having unlocked the archive."),
    Why.CUT: N_("The archive was cut: entry %(seq)s and all after it are missing."),
    Why.HEAD: N_("The end of the archive (entry %(seq)s) was not written by this node."),
}


def register(cli: click.Group, app: NodeApp) -> None:
    """Add the command to the program."""

    @cli.command(
        "verify-archive", help=N_("Check that the retained archive is as it was written: exit 0 or 2.")
    )
    @home_option(app.home_env)
    @click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
    def verify_archive(home: Path, *, as_json: bool) -> None:
        runtime = app.open(home)
        app.check_migrated(runtime)
        with runtime.database.reads() as session:
            verdict = verify(session)
        if as_json:
            echo_json(
                {
                    "intact": verdict.intact,
                    "entries": verdict.entries,
                    "digest": verdict.digest,
                    "bad": asdict(verdict.bad) if verdict.bad else None,
                }
            )
        if verdict.bad is None:
            say(gettext("The retained archive is intact through entry %(seq)s.", seq=verdict.entries))
        else:
            say(gettext(SENTENCES[verdict.bad.why], seq=verdict.bad.seq))
        exit_with(0 if verdict.intact else BROKEN)

"""`branch-node torture`: anybody may see for themselves that nothing is lost."""

import logging
import sys
from typing import Final

from sqlalchemy import make_url

from branch_node.torture.campaign import campaign
from branch_node.torture.ledger import FAILINGS
from branch_node.torture.run import Verdict
from shared.cli import echo, echo_json, say
from shared.i18n import gettext as _

WRONG: Final = 2
TOLD_EVERY: Final = 10


def torture(seed: int, runs: int, *, server: str | None, as_json: bool, receivers: int = 1) -> None:
    """Carry out runs and print what they came to; ends the command with 2 when anything was wrong.

    `server` is the URL of a PostgreSQL server to run on; SQLite without one. With two `receivers` there is a regional
    office beside head office.
    """
    done: list[Verdict] = []

    def heed(verdict: Verdict) -> None:
        done.append(verdict)
        if not verdict.good:
            _tell_failure(verdict, _again(verdict.seed, server, receivers))
        if len(done) % TOLD_EVERY == 0 or len(done) == runs:
            faults = sum(one.faults.total() for one in done)
            say(_("%(done)s of %(runs)s runs, %(faults)s faults", done=len(done), runs=runs, faults=faults))

    # The nodes in here report every fault they meet; that is thousands of lines about what is meant to happen.
    logging.disable(logging.CRITICAL)
    try:
        outcome = campaign(seed, runs, heed, server=server, receivers=receivers)
    finally:
        logging.disable(logging.NOTSET)
    document = outcome.document()
    if as_json:
        echo_json(document)
    else:
        for name in ("runs", "faults", *FAILINGS):
            echo(f"{name}\t{document[name]}")
        say(
            _("Nothing was lost.")
            if outcome.good
            else _("Something is wrong: keep the seeds above and report them.")
        )
    if not outcome.good:
        sys.exit(WRONG)


def _again(seed: int, server: str | None, receivers: int) -> str:
    """Return the command that carries a run out once more, on the same kind of database; a password is left out."""
    command = f"branch-node torture --seed {seed}" + (f" --receivers {receivers}" if receivers > 1 else "")
    return f"{command} --database {make_url(server).render_as_string()}" if server else command


def _tell_failure(verdict: Verdict, again: str) -> None:
    wrong = ", ".join(f"{name} {verdict.found[name]}" for name in FAILINGS if verdict.found[name])
    say(_("Seed %(seed)s: %(wrong)s (again: %(again)s)", seed=verdict.seed, wrong=wrong, again=again))
    for line in verdict.trace:
        say(f"  {line}")

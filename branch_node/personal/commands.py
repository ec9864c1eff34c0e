"""The command that tells what personal data goes in the next night, before it does."""

from pathlib import Path
from typing import Any

import click

from branch_node.personal import retention
from branch_node.personal.retention import MOST_A_NIGHT
from branch_node.runtime import BranchRuntime
from shared.cli import NodeApp, echo, echo_json, home_option
from shared.domain.calendar import local_day
from shared.domain.personal.keeping import CLASS_WORDS
from shared.errors import N_
from shared.i18n import gettext as _


def register(cli: click.Group, app: NodeApp) -> None:
    """Add the command to the program."""

    @cli.command(
        "retention", help=N_("Tell what personal data past its term the next night blanks, by class.")
    )
    @home_option(app.home_env)
    @click.option("--dry-run", is_flag=True, help=N_("To be said: blanking itself is the night's work."))
    @click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
    def tell(home: Path, *, dry_run: bool, as_json: bool) -> None:
        if not dry_run:
            raise click.UsageError(_("Blanking is the night's work. Say --dry-run to see what it would do."))
        runtime = app.open(home)
        app.check_migrated(runtime)
        told = foresee(runtime)
        if as_json:
            echo_json(told)
        else:
            _say(told)


def foresee(runtime: BranchRuntime) -> dict[str, Any]:
    """Return how many customers the next night would blank something of, and of which class; nothing is kept of it."""
    now, zone = runtime.clock.now(), runtime.settings.timezone
    with runtime.database.sessions() as session:
        certain = retention.certain_time(session, now)
        # As the night does first; closed without a commit, it leaves nothing.
        retention.note_closed(session)
        kept = retention.terms(session, now)
        found = list(retention.find_due(session, kept, local_day(certain or now, zone), timezone=zone))
    tonight = found[:MOST_A_NIGHT] if certain else []
    return {
        "time_certain": certain is not None,
        "due": len(found),
        "tonight": len(tonight),
        "erased_whole": sum(due.whole for due in tonight),
        "by_class": dict(retention.count_kinds(tonight)),
    }


def _say(told: dict[str, Any]) -> None:
    if not told["time_certain"]:
        echo(_("Nothing goes: the clock is in doubt until head office has confirmed the time."))
    echo(
        _(
            "Customers past a term: %(due)s, tonight %(tonight)s, of these erased whole %(whole)s.",
            due=told["due"],
            tonight=told["tonight"],
            whole=told["erased_whole"],
        )
    )
    for kind, word in CLASS_WORDS.items():
        if count := told["by_class"].get(kind.value):
            echo(f"{_(word)}: {count}")

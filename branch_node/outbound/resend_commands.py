"""The command that has something sent once more."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from branch_node.outbound import receivers
from branch_node.outbound.queries import get_membership
from branch_node.resend import operations, queries
from branch_node.resend.models import Resend
from branch_node.resend.operations import Wish
from branch_node.resend.queries import BatchName
from shared.cli import NodeApp, command_stamp, echo, echo_json, home_option, say
from shared.db.base import instant_text
from shared.db.scope import FIRST
from shared.errors import N_
from shared.i18n import gettext as _
from sync_protocol.catalog import CATALOG

DAY: Final = click.DateTime(formats=["%Y-%m-%d"])
LISTED: Final = 20


class _Batch(click.ParamType[BatchName]):
    """CHANNEL/NO as people write it; /LINEAGE behind it where a number was used in several histories."""

    name = "CHANNEL/NO"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as the base class
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> BatchName:
        """Read it."""
        channel, *numbers = str(value).split("/")
        if not channel or len(numbers) not in {1, 2} or not all(one.isdecimal() for one in numbers):
            self.fail(_("Write a batch as CHANNEL/NO, such as billing/42."), param, ctx)
        return BatchName(channel, int(numbers[0]), int(numbers[1]) if len(numbers) > 1 else 0)


def register(cli: click.Group, app: NodeApp) -> None:
    """Add the command to a node's own."""

    @cli.command(help=N_("Send records to head office once more, as they are now; people go on working."))
    @home_option(app.home_env)
    @click.option("--record", type=click.Choice(list(CATALOG)), help=N_("All records of this type."))
    @click.option(
        "--number", "numbers", multiple=True, help=N_("Of that type only the record with this number.")
    )
    @click.option("--entered-from", type=DAY, help=N_("Of that type only those entered from this day on."))
    @click.option("--entered-to", type=DAY, help=N_("And entered up to this day."))
    @click.option("--all", "everything", is_flag=True, help=N_("All records of every type."))
    @click.option("--batch", type=_Batch(), help=N_("The records in one batch."))
    @click.option("--reason", default="", help=N_("Why; it is kept on record."))
    @click.option(
        "--stop", type=int, metavar="ID", help=N_("Send no more of what has this number in the list.")
    )
    @click.option(
        "--list", "listed", is_flag=True, help=N_("Print what is being sent once more, and what was.")
    )
    @click.option(
        "--receiver",
        metavar="NAME",
        default=FIRST,
        help=N_("Which receiver it is about; head office when not given."),
    )
    @click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
    def resend(
        home: Path,
        receiver: str,
        stop: int | None,
        *,
        listed: bool,
        as_json: bool,
        **wish: Any,  # noqa: ANN401 - the options above
    ) -> None:
        """Ask for it; the next pushes send it, behind today's records and the backlog."""
        runtime: Any = app.open(home)
        app.check_migrated(runtime)
        view, by = receivers.view_of(runtime, receiver), command_stamp(runtime)
        if listed:
            with view.database.reads() as session:
                _print(queries.list_resends(session, limit=LISTED), as_json=as_json)
            return
        with view.database.sessions.begin() as session:
            lineage = get_membership(session).lineage
            if stop is not None:
                made = [operations.stop(session, stop, by=by)]
            else:
                made = operations.ask(session, view.bindings, _wish(wish, lineage), by=by)
        _print(made, as_json=as_json)
        if stop is None:
            say(_("It goes with the next pushes, behind today's records; `branch-node push` begins at once."))


def _wish(given: dict[str, Any], lineage: int) -> Wish:
    first, last = (_day(given[name]) for name in ("entered_from", "entered_to"))
    batch: BatchName | None = given["batch"]
    if batch is not None and not batch.lineage:
        batch = BatchName(batch.channel, batch.batch_no, lineage)
    return Wish(
        reason=given["reason"],
        record_type=given["record"],
        everything=given["everything"],
        numbers=given["numbers"],
        entered=(first, last),
        batch=batch,
    )


def _day(given: datetime | None) -> Any:  # noqa: ANN401 - a day or none
    return given.date() if given is not None else None


def _print(found: Any, *, as_json: bool) -> None:  # noqa: ANN401 - some resends
    documents = [_document(one) for one in found]
    if as_json:
        echo_json(documents)
        return
    for one in documents:
        echo(
            f"{one['id']}\t{one['record']}\t{one['state']}\t{one['sent']}/{one['planned'] or '?'}\t{one['reason']}"
        )


def _document(one: Resend) -> dict[str, Any]:
    return {
        "id": one.id,
        "record": one.record_type,
        "state": one.state.value,
        "sent": one.rows_sent,
        "planned": one.rows_planned if one.rows_planned is not None else one.ids and len(one.ids),
        "batch": one.batch,
        "entered": [one.entered_from, one.entered_to] if one.entered_from else None,
        "asked_by": one.asked_by,
        "asked_at": instant_text(one.asked_at),
        "ended_at": instant_text(one.ended_at) if one.ended_at else None,
        "reason": one.reason,
    }

"""The commands of the sync: joining and leaving, pushing, keys, files, and where a record is."""

from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from branch_node.outbound import keys, receivers, tracing
from branch_node.outbound.membership import join_hq, join_receiver
from branch_node.outbound.models import Membership
from branch_node.outbound.outcomes import PUSH, PUSH_RECEIVERS, outcome_of_all
from branch_node.outbound.packing import pack as pack_waiting
from branch_node.outbound.packing import take_receipts
from branch_node.outbound.queries import get_membership
from branch_node.runtime import BranchRuntime
from shared.cli import NodeApp, command_stamp, echo, echo_json, from_stdin, home_option, run_job_now, say
from shared.db.scope import FIRST
from shared.domain.wire_words import RECORD_NUMBERS
from shared.errors import N_
from shared.i18n import gettext as _
from shared.jobs.job import Outcome, Progress
from shared.stamp import Stamp
from sync_protocol.catalog import CATALOG
from sync_protocol.contract.keys import fingerprint, key_id, public_key_of

PATIENCE: Final = timedelta(seconds=10)
FILE: Final = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
JSON: Final = click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
RECEIVER: Final = click.option(
    "--receiver",
    metavar="NAME",
    default=FIRST,
    help=N_("Which receiver it is about; head office when not given."),
)


def register(cli: click.Group, app: NodeApp) -> None:
    """Add the commands to a node's own."""
    for add in (_joining, _leaving, _pushing, _rotating, _packing, _tracing):
        add(cli, app)


def _joining(cli: click.Group, app: NodeApp) -> None:
    @cli.command(help=N_("Become the branch that head office enrolled; this node's key is pinned there."))
    @home_option(app.home_env)
    @click.option(
        "--hq",
        "--url",
        "hq",
        required=True,
        metavar="URL",
        help=N_("Head office's address: https://, unless on this machine."),
    )
    @click.option(
        "--code",
        required=True,
        callback=from_stdin,
        help=N_("The one-time code head office gave; - reads it from stdin."),
    )
    @click.option(
        "--again",
        is_flag=True,
        help=N_("This node is a branch already: join once more under a new key; data and history stay."),
    )
    @click.option(
        "--receiver",
        metavar="NAME",
        default=FIRST,
        help=N_("Join one more receiver under this name, beside head office."),
    )
    @click.option(
        "--records",
        metavar="A,B",
        default=",".join(CATALOG),
        help=N_("Which record types that receiver gets; all when not given."),
    )
    def join(home: Path, hq: str, code: str, *, again: bool, receiver: str, records: str) -> None:
        """Join; when the answer was lost on the way, the same command may be run again."""
        runtime, by = _open(app, home)
        if receiver == FIRST:
            _tell_joined(runtime, join_hq(runtime, hq, code, by=by, again=again))
            return
        member = join_receiver(runtime, receiver, records.split(","), hq, code, by=by)
        _tell_joined(receivers.view_of(runtime, receiver), member)


def _leaving(cli: click.Group, app: NodeApp) -> None:
    @cli.command(help=N_("Send nothing more to a receiver besides head office."))
    @home_option(app.home_env)
    @click.option("--receiver", metavar="NAME", required=True, help=N_("The receiver's name."))
    @click.option("--give-up", is_flag=True, help=N_("Even though it has not received everything yet."))
    def leave(home: Path, receiver: str, *, give_up: bool) -> None:
        """Leave; what was kept for it goes with the next run of the job."""
        runtime, by = _open(app, home)
        count = receivers.leave(runtime, receiver, give_up=give_up, by=by)
        say(_("%(name)s gets nothing more; %(count)s changes were given up.", name=receiver, count=count))


def _pushing(cli: click.Group, app: NodeApp) -> None:
    @cli.command(help=N_("Run one sync cycle now."))
    @home_option(app.home_env)
    @click.option(
        "--receiver", metavar="NAME", default=None, help=N_("Push to this one only; to all when not given.")
    )
    @JSON
    def push(home: Path, receiver: str | None, *, as_json: bool) -> None:
        """Push now, in this process; waits a little for a push that is already at work."""
        runtime, _by = _open(app, home)
        with runtime.database.reads() as session:
            get_membership(session)
        others = [view.receiver for view in receivers.views(runtime)]
        if receiver not in {None, FIRST}:
            others = [receivers.view_of(runtime, str(receiver)).receiver]

        jobs = _pushing_to(app, others)
        if receiver is None and others:
            run_job_now(jobs, runtime, PUSH, wait=PATIENCE, as_json=as_json, then=[PUSH_RECEIVERS])
        else:
            name = PUSH if receiver in {None, FIRST} else PUSH_RECEIVERS
            run_job_now(jobs, runtime, name, wait=PATIENCE, as_json=as_json)


def _rotating(cli: click.Group, app: NodeApp) -> None:
    @cli.command(
        "rotate-key", help=N_("Replace this node's key by a new one; head office takes both for a while.")
    )
    @home_option(app.home_env)
    @RECEIVER
    def rotate_key(home: Path, receiver: str) -> None:
        """Make the next key and push: the cycle announces it and puts it in place, now or when the line is back."""
        runtime, _by = _open(app, home)
        view = receivers.view_of(runtime, receiver)
        with view.database.reads() as session:
            get_membership(session)
            days = keys.age_days(session, _pinned(view), at=view.clock.now())
        say(_("The present key is %(days)s days old.", days=days))
        keys.make_next(view.settings.home, receiver)
        name = PUSH if receiver == FIRST else PUSH_RECEIVERS
        try:
            run_job_now(_pushing_to(app, [receiver]), runtime, name, wait=PATIENCE)
        finally:
            if keys.has_next(view.settings.home, receiver):
                say(_("The new key is not in place yet; the next push that reaches head office finishes it."))
            else:
                _tell_own_key(view)


def _packing(cli: click.Group, app: NodeApp) -> None:
    @cli.command(
        help=N_("Write what waits into a file for head office, where there is no line; for its eyes only.")
    )
    @FILE
    @home_option(app.home_env)
    @RECEIVER
    @JSON
    def pack(file: Path, home: Path, receiver: str, *, as_json: bool) -> None:
        """Pack; the same batches may also go over the line, before or after."""
        runtime, _by = _open(app, home)
        view = receivers.view_of(runtime, receiver)
        with view.database.reads() as session:
            get_membership(session)

        def run(_node: BranchRuntime, stamp: Stamp, progress: Progress) -> Outcome:
            return pack_waiting(view, file, stamp, progress)

        # Under the name of the push: only one of the two may seal at a time.
        name = PUSH if receiver == FIRST else PUSH_RECEIVERS
        run_job_now(_with(app, name, run), runtime, name, wait=PATIENCE, as_json=as_json)

    @cli.command(help=N_("Take in the receipts that head office gave for a file."))
    @FILE
    @home_option(app.home_env)
    @RECEIVER
    @JSON
    def receipts(file: Path, home: Path, receiver: str, *, as_json: bool) -> None:
        """Take receipts; taking them twice changes nothing."""
        runtime, by = _open(app, home)
        found = take_receipts(receivers.view_of(runtime, receiver), file, by=by)
        if as_json:
            echo_json(asdict(found))
        say(
            _(
                "Newly acknowledged: %(new)s; known before: %(known)s; not of this node: %(foreign)s.",
                new=found.new,
                known=found.known,
                foreign=found.foreign,
            )
        )


def _tracing(cli: click.Group, app: NodeApp) -> None:
    @cli.command(help=N_("Tell how far each change of a record has come on its way to head office."))
    @click.argument("record", type=click.Choice(list(RECORD_NUMBERS)))
    @click.argument("number")
    @home_option(app.home_env)
    @RECEIVER
    @click.option("--json", "as_json", is_flag=True, help=N_("Print the whole as JSON."))
    def where(record: str, number: str, home: Path, receiver: str, *, as_json: bool) -> None:
        """Print where a record is."""
        runtime, _by = _open(app, home)
        with receivers.view_of(runtime, receiver).database.reads() as session:
            found = tracing.trace(session, runtime.bindings, record, number).document()
        if as_json:
            echo_json(found)
            return
        for change in found["changes"]:
            batch = f"{change['channel']} {change['batch_no']}" if change["batch_no"] else "-"
            received = change["received_at"] or "-"
            echo(f"{change['change']}\t{change['op']}\t{change['stage']}\t{batch}\t{received}")


def _open(app: NodeApp, home: Path) -> tuple[BranchRuntime, Stamp]:
    runtime: Any = app.open(home)
    app.check_migrated(runtime)
    return runtime, command_stamp(runtime)


def _with(app: NodeApp, name: str, run: Callable[..., Outcome]) -> NodeApp:
    """Return the app with another run in the place of a job's, under the same lease."""
    return replace(app, jobs=[replace(job, run=run) if job.name == name else job for job in app.jobs])


def _pushing_to(app: NodeApp, names: Collection[str]) -> NodeApp:
    """Return the app with a push to these receivers, however long each was to wait."""

    def run(node: BranchRuntime, _stamp: Stamp, progress: Progress) -> Outcome:
        return outcome_of_all(receivers.push_to(node, progress, names))

    return _with(app, PUSH_RECEIVERS, run)


def _pinned(view: BranchRuntime) -> str:
    return key_id(public_key_of(view.private_key))


def _tell_own_key(view: BranchRuntime) -> None:
    own = fingerprint(public_key_of(view.private_key))
    say(_("Key fingerprint of this node (head office must show the same): %(fingerprint)s", fingerprint=own))


def _tell_joined(view: BranchRuntime, member: Membership) -> None:
    say(
        _("This node is now branch %(branch)s, %(name)s.", branch=member.branch_code, name=member.branch_name)
    )
    _tell_own_key(view)
    say(_("Key fingerprint of head office: %(fingerprint)s", fingerprint=fingerprint(member.hq_public_key)))
    echo(member.branch_code)

"""The common commands: serving, jobs, migrations, backups."""

from datetime import timedelta
from pathlib import Path

import click

from shared.audit import operations as audit
from shared.cli import serving
from shared.cli.context import NodeApp, command_stamp, echo, echo_json, home_option, say
from shared.cli.restoring import restore_command
from shared.cli.running import run_job_now
from shared.cli.users import user_commands
from shared.cli.verifying import verify_command
from shared.db.backup import Manifest, make_backup
from shared.db.migrations import upgrade
from shared.errors import N_
from shared.i18n import format_bytes, format_instant, gettext, label
from shared.jobs import queries as job_queries


def common_commands(app: NodeApp) -> list[click.Command]:
    """Return the commands that both kinds of node have, for one app."""
    makers = (_serve, _jobs, _run, _migrate, _backup, restore_command, verify_command)
    return [*(make(app) for make in makers), user_commands(app)]


def _serve(app: NodeApp) -> click.Command:
    @click.command("serve", help=N_("Serve pages and run jobs until stopped."))
    @home_option(app.home_env)
    @click.option("--host", help=N_("The address to listen on, instead of the configured one."))
    @click.option(
        "--port", type=click.IntRange(0, 65535), help=N_("The port, instead of the configured one.")
    )
    @click.option("--no-jobs", is_flag=True, help=N_("Serve pages only; `jobs` runs the jobs elsewhere."))
    def serve(home: Path, host: str | None, port: int | None, *, no_jobs: bool) -> None:
        runtime = serving.listening_on(app.open(home), host=host, port=port)
        serving.serve(app, runtime, with_jobs=not no_jobs)

    return serve


def _jobs(app: NodeApp) -> click.Command:
    @click.command("jobs", help=N_("Run jobs until stopped, or tell how they stand."))
    @home_option(app.home_env)
    @click.option("--list", "listing", is_flag=True, help=N_("Tell how each job stands, and run nothing."))
    @click.option("--json", "as_json", is_flag=True, help=N_("With --list: as JSON."))
    def jobs(home: Path, *, listing: bool, as_json: bool) -> None:
        runtime = app.open(home)
        if not listing:
            serving.run_jobs(app, runtime)
            return
        with runtime.database.reads() as session:
            states = job_queries.list_states(session, app.jobs)
        if as_json:
            echo_json([_state_document(state) for state in states])
        else:
            for state in states:
                echo(_state_line(state, runtime.settings.timezone))

    return jobs


def _run(app: NodeApp) -> click.Command:
    @click.command("run", help=N_("Run one job now and wait for its end."))
    @click.argument("job")
    @home_option(app.home_env)
    @click.option(
        "--wait",
        type=click.FloatRange(0),
        default=10,
        show_default=True,
        metavar="SECONDS",
        help=N_("How long to wait for a run of this job that is already at work."),
    )
    @click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
    def run(job: str, home: Path, wait: float, *, as_json: bool) -> None:
        runtime = app.open(home)
        app.check_migrated(runtime)
        run_job_now(app, runtime, job, wait=timedelta(seconds=wait), as_json=as_json)

    return run


def _migrate(app: NodeApp) -> click.Command:
    @click.command("migrate", help=N_("Bring the database to the tables of this program."))
    @home_option(app.home_env)
    def migrate(home: Path) -> None:
        runtime = app.open(home)
        done = upgrade(runtime.database, app.tables)
        if done:
            with runtime.database.sessions.begin() as session:
                details = {"revisions": done}
                audit.record(
                    session, "node.migrated", subject=None, by=command_stamp(runtime), details=details
                )
            say(gettext("The database was brought up to date: %(steps)s", steps=", ".join(done)))
        else:
            say(gettext("The database is up to date."))

    return migrate


def _backup(app: NodeApp) -> click.Command:
    @click.command("backup", help=N_("Write the whole node to one file, while it may be running."))
    @click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
    @home_option(app.home_env)
    @click.option("--json", "as_json", is_flag=True, help=N_("Tell what is in the file as JSON."))
    def backup(file: Path, home: Path, *, as_json: bool) -> None:
        runtime = app.open(home)
        by = command_stamp(runtime)
        watcher = app.backing_up() if app.backing_up is not None else None
        made = make_backup(
            runtime.database,
            runtime.settings.home,
            file,
            app=app.tables.name,
            now=by.at,
            look=watcher.look if watcher else None,
        )
        with runtime.database.sessions.begin() as session:
            if watcher is not None:
                watcher.completed(session, by=by)
            details = {"file": file.name, "rows": sum(made.rows.values())}
            audit.record(session, "node.backed-up", subject=None, by=by, details=details)
        size = format_bytes(file.stat().st_size)
        say(gettext("Written and read back: %(file)s, %(size)s", file=file, size=size))
        _tell_manifest(made, as_json=as_json)

    return backup


def _tell_manifest(manifest: Manifest, *, as_json: bool) -> None:
    if as_json:
        kept = ("app", "version", "dialect", "made_at", "rows")
        echo_json({name: getattr(manifest, name) for name in kept} | {"members": len(manifest.members)})


def _state_document(state: job_queries.JobState) -> dict[str, object]:
    last = state.last
    return {
        "job": state.job.name,
        "schedule": state.schedule,
        "next_due_at": state.next_due_at and state.next_due_at.isoformat(),
        "running_since": state.running and state.running.started_at.isoformat(),
        "last": last
        and {
            "started_at": last.started_at.isoformat(),
            "ended_at": last.ended_at and last.ended_at.isoformat(),
            "outcome": last.outcome,
            "counts": last.counts,
            "message": last.message,
            "error": last.error,
        },
    }


def _state_line(state: job_queries.JobState, timezone: str) -> str:
    last, due = state.last, state.next_due_at
    said = [f"{state.job.name:<24}", gettext(state.job.title_msgid)]
    if last is not None and last.ended_at is not None:
        said.append(f"{format_instant(last.ended_at, timezone=timezone)} {label(last.outcome)}")
    if state.running is not None:
        said.append(gettext("running"))
    elif due is not None:
        said.append(gettext("next %(time)s", time=format_instant(due, timezone=timezone)))
    return " · ".join(said)

"""The `import` command: one file taken in, one template printed, or one import undone."""

import getpass
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.orm import Session

from branch_node.imports import operations, queries, reports
from branch_node.imports.decide import Outcome
from branch_node.imports.kinds import KINDS
from branch_node.imports.mapping import ColumnMap, get_kind, make_plan
from branch_node.imports.models import Import
from branch_node.imports.operations import Job
from branch_node.imports.reports import RefusedRow, Spool, Summary
from branch_node.imports.schemas import read_map_file
from branch_node.imports.undo import UndoRefusedError, undo_import
from branch_node.imports.wizard import context_of
from shared.errors import BranchlineError
from shared.files.tables import Table, open_table, sha256
from shared.i18n import gettext as _
from shared.i18n import translate_error, use_language
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via

DONE: Final = 0
RETRIED: Final = 1
NEEDS_A_PERSON: Final = 2
_LINE_EVERY: Final = 20_000
_SHOWN: Final = 10

OpenRuntime = Callable[[Path], NodeRuntime]


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for."""

    kind: str
    file: Path
    map_file: Path | None
    dry_run: bool
    errors: Path | None
    update_by: str | None
    as_json: bool


def register(cli: click.Group, open_runtime: OpenRuntime) -> None:
    """Add `import` to the command line; `open_runtime` opens the node in a home directory."""
    cli.add_command(make_command(open_runtime))


def make_command(open_runtime: OpenRuntime) -> click.Command:
    """Return the `import` command working on the nodes that `open_runtime` opens."""

    @click.command("import")
    @click.argument("kind", required=False, type=click.Choice(list(KINDS)))
    @click.argument("file", required=False, type=click.Path(path_type=Path))
    @click.option(
        "--home", envvar="BRANCH_HOME", type=click.Path(path_type=Path), help="The node's directory."
    )
    @click.option(
        "--map", "map_file", type=click.Path(path_type=Path), help="TOML: headings, constants, words."
    )
    @click.option("--dry-run", is_flag=True, help="Say what would happen; write nothing.")
    @click.option(
        "--errors", type=click.Path(path_type=Path), help="Write refused rows here (.csv or .xlsx)."
    )
    @click.option("--update-by", metavar="KEY", help="Update records found by this column.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @click.option("--template", type=click.Choice(list(KINDS)), help="Print the headings of a file and stop.")
    @click.option("--undo", "undo_id", metavar="IMPORT_ID", help="Take a whole import back.")
    def import_command(
        kind: str | None,
        file: Path | None,
        home: Path | None,
        map_file: Path | None,
        dry_run: bool,
        errors: Path | None,
        update_by: str | None,
        as_json: bool,
        template: str | None,
        undo_id: str | None,
    ) -> None:
        """Take in a file of managers, customers, contacts, billing or worklogs.

        Exit code 0: every row was taken. 2: some rows were refused (the rest is in), or a person is needed.
        """
        if template:
            click.echo(",".join(get_kind(template).template))
            return
        if home is None:
            raise click.UsageError(_("Say which node: --home DIR"))
        if undo_id:
            sys.exit(_on_node(open_runtime, home, as_json, lambda runtime: _undo(runtime, undo_id, as_json)))
        if kind is None or file is None:
            raise click.UsageError(_("Say what to take in: KIND FILE"))
        asked = Request(kind, file, map_file, dry_run, errors, update_by, as_json)
        sys.exit(_on_node(open_runtime, home, as_json, lambda runtime: _import(runtime, asked)))

    return import_command


def _on_node(open_runtime: OpenRuntime, home: Path, as_json: bool, act: Callable[[NodeRuntime], int]) -> int:
    """Act on the node in its own language, and turn an anticipated error into a sentence and an exit code."""
    runtime = None
    try:
        runtime = open_runtime(home)
        with use_language(runtime.settings.language):
            return act(runtime)
    except BranchlineError as error:
        with use_language(runtime.settings.language if runtime else "en"):
            _say(translate_error(error))
            if isinstance(error, UndoRefusedError):
                for obstacle in error.obstacles:
                    _say(f"  - {_(obstacle.message, **obstacle.params)}")
            if as_json:
                _print_json({"error": {"code": error.code, "message": translate_error(error)}})
        return RETRIED if error.retryable else NEEDS_A_PERSON
    except FileNotFoundError as error:
        _say(_("There is no file %(file)s.", file=str(error.filename)))
        return NEEDS_A_PERSON
    except KeyboardInterrupt:
        _say(_("Interrupted. What is in stays in; run the same command again to go on, or undo the import."))
        return NEEDS_A_PERSON
    finally:
        if runtime is not None:
            runtime.database.dispose()


def _import(runtime: NodeRuntime, asked: Request) -> int:
    job, column_map = _prepare(runtime, asked)
    if asked.dry_run:
        return _dry_run(runtime, asked, job)
    digest = sha256(asked.file)
    with runtime.database.sessions.begin() as session:
        record = _find_or_start(session, asked, job, column_map, digest)
    with _Progress(job.table, record.rows_read) as progress:
        operations.run_import(runtime.database.sessions.begin, record.id, job, progress=progress.advance)
    with runtime.database.reads() as session:
        summary = reports.summary_of(queries.get_import(session, record.id))
        refused = lambda: (  # noqa: E731 - read twice, each time from the start
            RefusedRow(row.row, row.cells, reports.read_problems(row.problems))
            for row in queries.each_refusal(session, record.id)
        )
        return _report(asked, job, summary, refused)


def _prepare(runtime: NodeRuntime, asked: Request) -> tuple[Job, ColumnMap]:
    by = Stamp(at=runtime.clock.now(), actor=getpass.getuser(), via=Via.COMMAND, terminal=platform.node())
    context = context_of(runtime, by)
    column_map = read_map_file(asked.map_file) if asked.map_file else ColumnMap()
    table = open_table(asked.file)
    table.count()  # a file that cannot be read to its end is refused before anything of it is in
    plan = make_plan(get_kind(asked.kind), table.headings, column_map, context, update_by=asked.update_by)
    return Job(table, plan, by), column_map


def _find_or_start(session: Session, asked: Request, job: Job, column_map: ColumnMap, digest: str) -> Import:
    """Go on with this very file where it was broken off, or start it."""
    unfinished = queries.find_unfinished(session, kind=asked.kind, sha256=digest)
    if unfinished is not None and _asked_alike(unfinished, asked, column_map):
        _say(
            _(
                "Going on with import %(import_id)s behind line %(line)s.",
                import_id=unfinished.id,
                line=unfinished.last_line,
            )
        )
        return unfinished
    same = queries.find_same_file(session, kind=asked.kind, sha256=digest)
    if same is not None:
        _say(_("This very file was taken in before (import %(import_id)s).", import_id=same.id))
    return operations.start_import(
        session, job, file_name=asked.file.name, sha256=digest, column_map=column_map
    )


def _asked_alike(record: Import, asked: Request, column_map: ColumnMap) -> bool:
    return bool(record.update_by == asked.update_by and record.mapping == column_map.as_json())


def _dry_run(runtime: NodeRuntime, asked: Request, job: Job) -> int:
    summary = Summary(kind=asked.kind, file=asked.file.name, unknown_columns=list(job.plan.unknown_columns))
    with Spool() as spool, _Progress(job.table, 0) as progress:
        for outcome in operations.dry_run(runtime.database.reads, job):
            summary.add(outcome)
            spool.add(outcome)
            progress.advance(outcome.last_line, outcome)
        progress.stop()
        return _report(asked, job, summary, lambda: spool)


def _report(asked: Request, job: Job, summary: Summary, refused: Callable[[], Iterable[RefusedRow]]) -> int:
    """Tell people on stderr and scripts on stdout, write the error file, and return the exit code."""
    if asked.errors is not None:
        reports.write_error_file(asked.errors, job.table.headings, refused())
    if asked.as_json:
        more = {"dry_run": True} if asked.dry_run else {}
        for piece in reports.json_report(summary, refused(), **more):
            click.echo(piece, nl=False)
    _say_summary(asked, summary, refused)
    return NEEDS_A_PERSON if summary.refused else DONE


def _say_summary(asked: Request, summary: Summary, refused: Callable[[], Iterable[RefusedRow]]) -> None:
    if summary.unknown_columns:
        _say(_("Columns not taken in: %(columns)s", columns=", ".join(summary.unknown_columns)))
    if not asked.as_json:
        for number, row in enumerate(refused()):
            if number == _SHOWN:
                _say(_("  ... %(count)s more", count=summary.refused - _SHOWN))
                break
            text = "; ".join(f"{p[0]}: {reports.sentence(p)}" for p in row.problems)
            _say(_("  line %(row)s: %(text)s", row=row.row, text=text))
    counts = {
        "read": summary.read,
        "created": summary.created,
        "updated": summary.updated,
        "unchanged": summary.unchanged,
        "refused": summary.refused,
    }
    if asked.dry_run:
        _say(
            _(
                "Dry run: of %(read)s rows, %(created)s would be created, %(updated)s updated, "
                "%(unchanged)s left unchanged and %(refused)s refused. Nothing was written.",
                **counts,
            )
        )
        return
    _say(
        _(
            "Of %(read)s rows, %(created)s were created, %(updated)s updated, "
            "%(unchanged)s left unchanged and %(refused)s refused.",
            **counts,
        )
    )
    if summary.created or summary.updated:
        _say(_("To take it back: import --undo %(import_id)s", import_id=summary.import_id))


def _undo(runtime: NodeRuntime, import_id: str, as_json: bool) -> int:
    by = Stamp(at=runtime.clock.now(), actor=getpass.getuser(), via=Via.COMMAND, terminal=platform.node())
    with runtime.database.sessions.begin() as session:
        undone = undo_import(session, import_id, by=by)
    if as_json:
        _print_json({"import_id": undone.import_id, "deleted": undone.deleted, "restored": undone.restored})
    _say(
        _(
            "Import %(import_id)s is undone: %(deleted)s records deleted, %(restored)s restored.",
            import_id=undone.import_id,
            deleted=undone.deleted,
            restored=undone.restored,
        )
    )
    return DONE


class _Progress:
    """Shows how far it is on stderr: a bar on a terminal, a line now and then otherwise."""

    def __init__(self, table: Table, done: int) -> None:
        self._console = Console(stderr=True)
        self._done = done
        self._told = done
        self._bar: Progress | None = None
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task(table.path.name, total=table.count(), completed=done)

    def __enter__(self) -> "_Progress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.stop()

    def advance(self, line: int, outcome: Outcome) -> None:
        """Tell of one more chunk, which ends with `line` of the file."""
        self._done += outcome.read
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        elif self._done - self._told >= _LINE_EVERY:
            self._told = self._done
            _say(_("%(count)s rows so far (line %(line)s)", count=self._done, line=line))


def _say(text: str) -> None:
    click.echo(text, err=True)


def _print_json(data: object) -> None:
    click.echo(msgspec.json.encode(data).decode())

"""The one way out for tables: what holds personal data asks why, keeps the bounds, marks the file and enters it.

A view says which rows and columns; asked by GET it shows the form (what will be in the file, how many rows, what is
masked), and the form's POST comes back to the same address. What holds no personal data is answered at once.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Final, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Response, current_app, g, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.routing import RequestRedirect

from shared.domain.calendar import day_bounds, local_day
from shared.exports import operations, queries
from shared.exports.errors import ExportOverError, ExportReasonError, TooManyRowsError
from shared.exports.models import Export
from shared.exports.numbers import new_number
from shared.exports.operations import Made, Wanted
from shared.exports.rules import USUAL, ExportRules
from shared.exports.store import ExportStore, digest_of
from shared.files.spreadsheets import Column, Mark, write_csv, write_xlsx
from shared.i18n import format_instant, format_number
from shared.i18n import gettext as _
from shared.ids import is_id, new_id
from shared.rights import policy
from shared.rights.vocabulary import Action
from shared.web.access import access_of
from shared.web.context import person, reading, rights_of, runtime, stamp, whole_asked, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice

RULES: Final = "branchline-export-rules"
MIME: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "zip": "application/zip",
}
# What the address of an export has beyond that of the list it exports.
OF_A_FILE: Final = re.compile(r"(/export)?\.(xlsx|csv|zip)$")
IN_MEMORY: Final = 8 * 1024 * 1024
# More is refused: a file that stops somewhere in the middle would be taken for the whole.
MOST_ROWS: Final = 200_000
AskRules = Callable[[Session], ExportRules]


@dataclass(frozen=True)
class Table:
    """What a view hands out.

    `about` stands on a workbook's second sheet, `conditions` are those of it that narrow the rows. `pins` are what the
    address must say for it to mean the same tomorrow (days that are counted from today). `told` is called with the
    number of rows once a file has left.
    """

    form: str
    name: str
    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[object]]
    about: Mapping[str, str]
    conditions: Mapping[str, str] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    told: Callable[[int], None] = lambda _rows: None

    @property
    def is_personal(self) -> bool:
        """Whether any column tells of people."""
        return any(column.personal for column in self.columns)

    def labels(self, *personal: str) -> list[str]:
        """Return the headings of the columns that tell this of people; of all columns when nothing is named."""
        return [column.label for column in self.columns if not personal or column.personal in personal]

    def write(self, file: IO[bytes], mark: Mark | None = None, more: Mapping[str, str] | None = None) -> int:
        """Write the rows to a file and return how many."""
        zone = ZoneInfo(runtime().settings.timezone)
        if self.form == "csv":
            return write_csv(file, columns=self.columns, rows=self.bounded(), zone=zone, mark=mark)
        about = {**(more or {}), **self.about}
        return write_xlsx(
            file,
            title=self.title,
            columns=self.columns,
            rows=self.bounded(),
            about=about,
            zone=zone,
            mark=mark,
        )

    def bounded(self) -> Iterator[Sequence[object]]:
        """Yield the rows; raises TooManyRowsError behind the last that a file may hold."""
        for number, row in enumerate(self.rows):
            if number == MOST_ROWS:
                raise TooManyRowsError(most=format_number(MOST_ROWS))
            yield row


def hand_out(table: Table) -> ResponseReturnValue:
    """Answer with a table as a file; with the form that asks what for, where it holds personal data."""
    if not table.is_personal:
        with _spool() as (file, keep):
            rows = table.write(file)
            table.told(rows)
            return _send(keep(), table.form, f"{table.name}-{_day()}.{table.form}")
    if request.method != "POST":
        g.not_taken = True
        missing = {name: value for name, value in table.pins.items() if name not in request.args}
        return redirect(_pinned(missing)) if missing else _ask(table)
    ticket = request.form.get("export", "")
    return _make_approved(table, ticket) if is_id(ticket) else _take_or_ask(table)


def rules_in_force(session: Session) -> ExportRules:
    """Return the bounds that this node keeps."""
    ask: AskRules = current_app.extensions.get(RULES, lambda _session: USUAL)
    return ask(session)


def day_began() -> datetime:
    """Return the instant at which today began on the node's clock: what was taken since counts together."""
    zone = runtime().settings.timezone
    return day_bounds(local_day(stamp().at, zone), zone)[0]


def send_stored(export: Export) -> Response:
    """Answer with the file of an approved export; the last time nothing of it stays behind."""
    store = ExportStore(runtime().settings.home)
    try:
        file = store.path(export.id).open("rb")
    except FileNotFoundError:
        raise ExportOverError from None
    if not export.is_open(stamp().at):
        store.remove(export.id)
    return _send(file, export.form, f"export-{_day()}-{export.number}.{export.form}")


def _ask(
    table: Table, *, values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> str:
    rows = sum(1 for _row in table.bounded())
    tier = current_app.config["BRANCHLINE_PRODUCT"]
    with reading() as session:
        rules = rules_in_force(session)
        left = max(0, rules.a_day - queries.rows_taken(session, person().id, since=day_began()))
        others = queries.may_approve(session, person().id, tier) if rows > rules.alone else []
    return render_template(
        "exports/ask.html",
        table=table,
        rows=rows,
        rules=rules,
        left=left,
        others=others,
        alone=rows <= rules.alone,
        contact=table.labels("contact"),
        people=table.labels("person"),
        may_whole=may_whole(),
        address=_address(),
        back=_list_address(),
        values=values or {},
        errors=errors or {},
    )


def may_whole() -> bool:
    """Tell whether the policy table lets who is signed in export this page's rows with nothing masked."""
    access = access_of(current_app, request.endpoint)
    if access is None or access.resource is None:
        return False
    found = policy.allowed(rights_of(person()), access.resource, Action.EXPORT)
    return found is not None and not found.masked


def _take_or_ask(table: Table) -> ResponseReturnValue:
    try:
        wanted = _wanted(table, operations.check_reason(request.form.get("reason", "")))
    except ExportReasonError as error:
        g.not_taken = True
        return _ask(table, values=request.form, errors=field_errors(error)), STATUS[error.kind]
    number = new_number()
    with _spool() as (file, keep):
        made = _write(table, file, number, wanted.reason)
        with writing() as session:
            rules, since = rules_in_force(session), day_began()
            alone = made.rows <= rules.alone
            enter = operations.take if alone else operations.ask
            export_id = enter(session, number, wanted, made, rules=rules, since=since, by=stamp()).id
        if alone:
            table.told(made.rows)
            return _send(keep(), table.form, _file_name(table, number))
    notice(_("Asked for. It is made once somebody else approves."))
    return redirect(url_for("exports.one", export_id=export_id), code=303)


def _make_approved(table: Table, export_id: str) -> Response:
    with reading() as session:
        wanted = _wanted(table, queries.get_export(session, export_id).reason)
        ticket = operations.check_ticket(session, export_id, wanted, by=stamp())
        number, reason = ticket.number, ticket.reason
    runtime().space.check()
    store = ExportStore(runtime().settings.home)
    unfinished = new_id()
    with store.unless_failed(unfinished):
        with store.write(unfinished) as file:
            made = _write(table, file, number, reason)
        with writing() as session:
            rules, since = rules_in_force(session), day_began()
            export = operations.make(session, export_id, wanted, made, rules=rules, since=since, by=stamp())
            session.flush()
            # Only now that it is certain that this request makes it: two at once must not have each other's file.
            store.keep(unfinished, export_id)
            session.expunge(export)
    table.told(made.rows)
    return send_stored(export)


def _wanted(table: Table, reason: str) -> Wanted:
    access = access_of(current_app, request.endpoint)
    assert access is not None
    assert access.resource is not None
    whole = whole_asked() and may_whole()
    return Wanted(
        resource=access.resource.value,
        title=table.title,
        address=_address(),
        form=table.form,
        conditions=dict(table.conditions),
        columns=table.labels(),
        masked=[] if whole else table.labels("contact"),
        whole=whole,
        reason=reason,
        searched=request.args.get("q", "").strip(),
    )


def _write(table: Table, file: IO[bytes], number: str, reason: str) -> Made:
    who = f"{person().name} ({person().username})"
    when = format_instant(stamp().at, timezone=runtime().settings.timezone, style="second")
    text = _(
        "Export %(number)s, %(who)s, %(when)s: %(reason)s", number=number, who=who, when=when, reason=reason
    )
    lines = {
        _("Export no."): number,
        _("Exported by"): who,
        _("File made at"): when,
        _("Reason given"): reason,
    }
    rows = table.write(file, Mark(_("Export no."), number, who, text), lines)
    digest, size = digest_of(file)
    return Made(rows, digest, size)


class _spool:  # noqa: N801 - a context manager
    """A temporary file that is closed at the end of the block, unless it was kept to be sent."""

    def __enter__(self) -> tuple[IO[bytes], Callable[[], IO[bytes]]]:
        self._file = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))
        self._kept = False
        return self._file, self._keep

    def __exit__(self, *_error: object) -> None:
        if not self._kept:
            self._file.close()

    def _keep(self) -> IO[bytes]:
        self._kept = True
        self._file.seek(0)
        return self._file


def _send(file: IO[bytes], form: str, name: str) -> Response:
    return send_file(file, mimetype=MIME[form], as_attachment=True, download_name=name, max_age=0)


def _file_name(table: Table, number: str) -> str:
    return f"{table.name}-{_day()}-{number}.{table.form}"


def _day() -> str:
    return stamp().at.astimezone(ZoneInfo(runtime().settings.timezone)).strftime("%Y%m%d")


def _address() -> str:
    return request.full_path.rstrip("?")


def _list_address() -> str:
    path, query = OF_A_FILE.sub("", request.path), request.query_string.decode()
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    try:
        adapter.match(path, method="GET")
    except RequestRedirect:
        path += "/"
    return path + (f"?{query}" if query else "")


def _pinned(missing: Mapping[str, str]) -> str:
    args: list[tuple[str, Any]] = [*request.args.items(multi=True), *missing.items()]
    return f"{request.path}?{urlencode(args)}"

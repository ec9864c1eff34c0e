"""The pages of the operation log: asking it, one entry, the story of a field, views that people keep."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction, LogOutcome
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.i18n import translate_error
from shared.rights.vocabulary import KINDS_OF, Action, Resource
from shared.web.access import requires
from shared.web.context import person, reading, runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.exports.handing import MOST_ROWS
from shared.web.forms import notice
from shared.web.kinds import kind_choices
from shared.web.lists import send_table
from shared.web.oplog import asked, operations, words
from shared.web.oplog.asked import Asked
from shared.web.oplog.elements import Element, Measure
from shared.web.oplog.names import field_word
from shared.web.oplog.queries import EntryNotFoundError, Log
from shared.web.oplog.sight import sight_of
from shared.web.oplog.standing import last_standing
from shared.web.oplog.table import Table, lay_out
from shared.web.oplog.values import Values
from shared.web.paging import Page, PageRequest, paginate
from shared.web.tables import Column

SORTS: Final = {
    # Time first: it has an index that also narrows to the days asked for; the number decides between equal times.
    "at": AuditEntry.at,
    "actor": AuditEntry.actor,
    "action": AuditEntry.action,
    "module": AuditEntry.module,
    "terminal": AuditEntry.terminal,
    "outcome": AuditEntry.outcome,
}
COLUMNS: Final = (
    Column("seq", _l("No."), "number", link="oplog.one", link_arg="entry_id", link_key="id"),
    Column("at", _l("Time"), "exact", sort=True),
    Column("actor", _l("Operator"), "own", sort=True),
    Column("action", _l("Action"), "own", sort=True),
    Column("module", _l("Module"), "own", sort=True),
    Column("subject", _l("Record"), "own"),
    Column("fields", _l("Fields changed"), "own", wide=True),
    Column("terminal", _l("Terminal"), sort=True, wide=True),
    Column("via", _l("Door"), "own", wide=True),
    Column("outcome", _l("Outcome"), "own", sort=True),
)
TONES: Final = {LogOutcome.REFUSED: "warn", LogOutcome.FAILED: "bad"}
MOST_PRINTED: Final = 2_000
MOST_STORY: Final = 200


def oplog_blueprint(links: words.Links, tier: str) -> Blueprint:
    """Return the pages about this node's operation log.

    `links` makes the address of a record by its type, `tier` names the app's tables: its kinds of staff are offered.
    """
    blueprint = Blueprint("oplog", __name__, template_folder="templates", url_prefix="/log")
    pages = _Pages(links, tier)
    reads, posts = ["GET"], ["POST"]
    views: Sequence[tuple[str, Action, Callable[..., ResponseReturnValue], list[str]]] = (
        ("/", Action.READ, pages.index, reads),
        ("/<id:entry_id>", Action.READ, pages.one, reads),
        # A row with a key of several columns has an id with strokes in it.
        ("/field/<subject_type>/<path:subject_id>/<field>", Action.READ, pages.field, reads),
        ("/export.<any(xlsx, csv):kind>", Action.EXPORT, pages.export, [*reads, *posts]),
        ("/print", Action.PRINT, pages.print_view, reads),
        ("/views", Action.READ, pages.keep, posts),
        ("/views/<id:view_id>", Action.READ, pages.rename, posts),
        ("/views/<id:view_id>/removal", Action.READ, pages.remove, posts),
    )
    for rule, action, view, methods in views:
        blueprint.add_url_rule(
            rule, view.__name__.removesuffix("_view"), _guarded(view, action), methods=methods
        )
    return blueprint


def _guarded(view: Callable[..., ResponseReturnValue], action: Action) -> Callable[..., ResponseReturnValue]:
    """Return a method as a view that says who may call it; what is said on the method would be said for both tiers."""

    @wraps(view)
    def called(**values: object) -> ResponseReturnValue:
        return view(**values)

    return requires(Resource.OPERATION_LOG, action)(called)


class _Pages:
    """The views, over what the app says of its records."""

    def __init__(self, links: words.Links, tier: str) -> None:
        self._links = links
        self._kinds = KINDS_OF[tier]

    def index(self) -> ResponseReturnValue:
        """List the entries the address asks for, and count them by one or two elements."""
        return self._index()

    def one(self, entry_id: str) -> str:
        """Show all of one entry: what changed from what to what, and where it stands in the chain."""
        with reading() as session:
            log = _log(session)
            entry = log.get(entry_id)
            before, after = log.beside(entry) if entry.subject_id else (None, None)
            values = Values(session, log.sight)
            page = render_template(
                "oplog/one.html",
                entry=entry,
                fields=values.fields(entry),
                masked=log.sight.masked,
                details=values.details(entry),
                subject=words.subject_url(self._links, entry),
                before=before,
                after=after,
                digest_before=log.digest_before(entry),
                head=log.head(),
                tones=TONES,
                words=words,
            )
        _tell_opened(entry, values)
        return page

    def field(self, subject_type: str, subject_id: str, field: str) -> str:
        """Show who changed one field of a record, from what to what, latest first."""
        with reading() as session:
            log = _log(session)
            if log.sight.counts_only:
                raise EntryNotFoundError
            found = log.story_of((subject_type, subject_id), field, limit=MOST_STORY)
            values = Values(session, log.sight)
            changes = [(one, values.pair(one.entry, field)) for one in found]
        if changes:
            _tell_opened(changes[0][0].entry, values)
        make = self._links.get(subject_type)
        return render_template(
            "oplog/field.html",
            changes=changes,
            part=found,
            name=field_word(field),
            via_word=words.via_word,
            subject_name=words.object_word(subject_type),
            subject=make(subject_id) if make else None,
            whole=url_for("oplog.index", object=subject_type, subject=subject_id),
        )

    def export(self, kind: str) -> ResponseReturnValue:
        """Answer with the entries, or with their counts when they are grouped, as a file; that is logged."""
        wanted = asked.read()
        with reading(sums=True) as session:
            log = _log(session)
            if wanted.question.rows is not None:
                columns, rows = _count_sheet(_table(log, wanted))
            elif log.sight.counts_only:
                raise EntryNotFoundError
            else:
                columns, rows = _entry_sheet(log, wanted)
        conditions = wanted.conditions() | ({_("Counted"): wanted.grouped()} if wanted.question.rows else {})
        question = wanted.question
        return send_table(
            kind,
            name="operation-log",
            title=_("Operation log"),
            columns=columns,
            rows=rows,
            filters=list(conditions.items()),
            pins={name: str(asked.query_of(question)[name]) for name in ("from", "to")},
            told=lambda count: _tell("log.exported", count, conditions),
        )

    def print_view(self) -> str:
        """Show entries or counts ready for paper, with conditions, who printed and when; that is logged."""
        wanted = asked.read()
        with reading(sums=True) as session:
            log = _log(session)
            table = _table(log, wanted) if wanted.question.rows is not None else None
            entries = [] if table or log.sight.counts_only else _newest(log, wanted, MOST_PRINTED)
        rows = len(table.rows) if table else len(entries)
        _tell("log.printed", rows, wanted.conditions())
        return render_template(
            "oplog/print.html",
            asked=wanted,
            table=table,
            entries=entries,
            cut=len(entries) == MOST_PRINTED,
            printed_at=stamp().at,
            printed_by=person(),
            words=words,
        )

    def keep(self) -> ResponseReturnValue:
        """Keep the question of the form under a name."""
        return self._changing(
            lambda session: operations.keep_view(
                session,
                person().id,
                request.form.get("name", ""),
                request.form.get("query", ""),
                shared="shared" in request.form,
                by=stamp(),
            ),
            _("The view is kept."),
        )

    def rename(self, view_id: str) -> ResponseReturnValue:
        """Give a view another name."""
        name, shared = request.form.get("name", ""), "shared" in request.form
        return self._changing(
            lambda session: operations.rename_view(
                session, person().id, view_id, name, shared=shared, by=stamp()
            ),
            _("Saved."),
        )

    def remove(self, view_id: str) -> ResponseReturnValue:
        """Remove a view."""
        return self._changing(
            lambda session: operations.remove_view(session, person().id, view_id, by=stamp()),
            _("The view is removed."),
        )

    def _changing(self, act: Any, said: str) -> ResponseReturnValue:  # noqa: ANN401 - what is done in the transaction
        try:
            with writing() as session:
                act(session)
        except (operations.ViewNameError, operations.TooManyViewsError) as refused:
            return self._index(refused=translate_error(refused)), STATUS[refused.kind]
        notice(said)
        query = request.form.get("query", "")
        return redirect(f"{url_for('oplog.index')}?{query}" if query else url_for("oplog.index"), code=303)

    def _index(self, *, refused: str = "") -> str:
        wanted = asked.read()
        paging = PageRequest.from_query(SORTS, default="-at")
        with reading(sums=True) as session:
            log = _log(session)
            table = _table(log, wanted) if wanted.question.rows is not None else None
            page: Page[AuditEntry] = Page([], 0, paging)
            if not log.sight.counts_only:
                page = paginate(
                    session,
                    log.entries(wanted.question),
                    paging,
                    sorts=SORTS,
                    tie=AuditEntry.seq,
                    total=table.total if table and wanted.question.measure is Measure.ENTRIES else None,
                )
            views = operations.list_views(session, person().id)
            actors = log.occurring(Element.ACTOR)
            modules = log.occurring(Element.MODULE)
            objects = log.occurring(Element.OBJECT)
            standing = last_standing(session)
        return render_template(
            "oplog/index.html",
            asked=wanted,
            question=wanted.question,
            page=page,
            columns=COLUMNS,
            table=table,
            chart=table.chart() if table else None,
            counts_only=log.sight.counts_only,
            masked=log.sight.masked,
            views=views,
            me=person().id,
            query=urlencode(asked.query_of(wanted.question), doseq=True),
            refused=refused,
            standing=standing,
            options=self._options(actors, modules, objects),
            elements=[(one.value, _(one.label)) for one in Element],
            measures=[(one.value, _(one.label)) for one in Measure],
            tones=TONES,
            words=words,
            subject_url=lambda entry: words.subject_url(self._links, entry),
        )

    def _options(
        self, actors: list[str], modules: list[str], objects: list[str]
    ) -> Mapping[str, tuple[str, list[tuple[str, str]]]]:
        """Return (label, choices) of the elements that are chosen from a list."""
        return {
            "actor": (_("Operator"), [(one, words.actor_word(one)) for one in actors]),
            "kind": (_("Kind of staff"), kind_choices(self._kinds)),
            "action": (_("Action"), [(one.value, _(one.label)) for one in LogAction]),
            "module": (_("Module"), [(one, words.object_word(one)) for one in modules]),
            "object": (_("Kind of record"), [(one, words.object_word(one)) for one in objects]),
            "via": (_("Door"), [(code, _(word)) for code, word in words.VIAS.items()]),
            "outcome": (_("Outcome"), [(one.value, _(one.label)) for one in LogOutcome]),
        }


def _log(session: Session) -> Log:
    sight = sight_of(person())
    if sight is None:
        raise EntryNotFoundError
    return Log(session, sight, ZoneInfo(runtime().settings.timezone))


def _table(log: Log, wanted: Asked) -> Table:
    counted = log.count(wanted.question)
    return lay_out(wanted.question, counted.groups, total=counted.total, base=url_for("oplog.index"))


def _newest(log: Log, wanted: Asked, most: int) -> list[AuditEntry]:
    return list(log.session.scalars(log.entries(wanted.question).limit(most)))


def _tell(event: str, rows: int, conditions: Mapping[str, str]) -> None:
    with writing() as session:
        operations.tell_taken(session, event, rows=rows, conditions=conditions, by=stamp())


def _tell_opened(entry: AuditEntry, values: Values) -> None:
    """Write down that personal values were shown; an entry is opened by whoever sees the record itself."""
    if not values.opened or entry.subject_type is None or entry.subject_id is None:
        return
    with writing() as session:
        about = (entry.subject_type, entry.subject_id)
        operations.tell_opened(session, about, entries=len(values.opened), by=stamp())


def _entry_sheet(log: Log, wanted: Asked) -> tuple[list[SheetColumn], list[list[object]]]:
    columns = [
        SheetColumn("seq", _("No."), "number"),
        SheetColumn("at", _("Time"), "instant"),
        SheetColumn("actor", _("Operator"), personal="person"),
        SheetColumn("action", _("Action")),
        SheetColumn("module", _("Module")),
        SheetColumn("subject_type", _("Kind of record")),
        SheetColumn("subject_id", _("Record")),
        SheetColumn("fields", _("Fields changed")),
        SheetColumn("terminal", _("Terminal")),
        SheetColumn("via", _("Door")),
        SheetColumn("outcome", _("Outcome")),
        SheetColumn("digest", _("Digest")),
    ]
    rows = [
        [
            entry.seq,
            entry.at,
            words.actor_word(entry.actor),
            words.action_word(entry.action),
            words.object_word(entry.module),
            words.object_word(entry.subject_type or ""),
            entry.subject_id or "",
            words.fields_word(entry),
            entry.terminal,
            words.via_word(entry.via),
            words.outcome_word(entry.outcome),
            entry.digest,
        ]
        for entry in _newest(log, wanted, MOST_ROWS + 1)
    ]
    return columns, rows


def _count_sheet(table: Table) -> tuple[list[SheetColumn], list[list[object]]]:
    assert table.question.rows is not None
    kind: Any = "text" if table.question.measure.is_instant else "number"
    of_people = Element.ACTOR in {table.question.rows, table.question.columns}
    columns = [
        SheetColumn("row", _(table.question.rows.label), personal="person" if of_people else ""),
        *(SheetColumn(key, table.column_name(key), kind) for key in table.columns),
    ]
    return columns, table.texts(runtime().settings.timezone)

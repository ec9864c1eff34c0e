"""What people ask branches about their data: open, overdue and answered in time, by branch and one by one."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches import web
from hq_server.branches.models import Branch
from hq_server.branches.queries import Coverage, coverage, get_branch
from hq_server.branches.web import Scope
from hq_server.personal.requests import Asked, Line, Standing, Today, list_requests, tally_branches
from shared.audit.operations import record
from shared.domain.personal.vocabulary import RequestKind
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.exports.handing import Table, hand_out
from shared.web.lists import code_arguments, words
from shared.web.paging import Page, PageRequest
from shared.web.tables import Column

blueprint = Blueprint(
    "personal_requests", __name__, template_folder="templates", url_prefix="/personal-requests"
)
Row = TypeVar("Row")
TONES: Final = {
    Standing.OVERDUE: "bad",
    Standing.WAITING: "info",
    Standing.IN_TIME: "ok",
    Standing.LATE: "warn",
}
COLUMNS: Final = (
    Column("kind", _l("Kind"), "label", sort=True),
    Column("received_on", _l("Received on"), "date", sort=True),
    Column("due_on", _l("Due on"), "date", sort=True),
    Column("standing", _l("State"), "own", sort=True),
    Column("ended_at", _l("Answered"), "instant", sort=True),
    Column("answer", _l("Answer"), "label"),
)
# What each list is put in order by; what has no such value stands behind the others either way.
LINES_BY: Final[Mapping[str, Callable[[Line], Any]]] = {
    "branch": lambda one: one.branch.code,
    "unanswered": lambda one: one.tally.unanswered,
    "overdue": lambda one: one.tally.counts[Standing.OVERDUE],
    "first_due": lambda one: one.tally.first_due,
    "in_time": lambda one: one.tally.counts[Standing.IN_TIME],
    "late": lambda one: one.tally.counts[Standing.LATE],
}
ASKED_BY: Final[Mapping[str, Callable[[Asked], Any]]] = {
    "as_listed": lambda _one: 0,
    "kind": lambda one: list(RequestKind).index(one.kind),
    "received_on": lambda one: one.received_on,
    "due_on": lambda one: one.due_on,
    "standing": lambda one: list(Standing).index(one.standing),
    "ended_at": lambda one: one.ended_at,
}


@blueprint.get("")
@requires(Resource.PERSONAL_DATA, Action.READ)
def index() -> str:
    """Show how many requests of each branch are open, overdue and were answered in time."""
    with reading() as session:
        scope = web.scope(session)
        lines, order = _lines(session, scope)
        return render_template(
            "personal/requests.html",
            scope=scope,
            page=Page(lines, len(lines), order),
            totals={one: sum(each.tally.counts[one] for each in lines) for one in Standing},
            standings=Standing,
            kinds=web.choices(RequestKind),
            kinds_chosen=_codes(_kinds()),
            kinds_in_words=words(_kinds()),
        )


@blueprint.get("/export.<any(xlsx, csv):form>")
@requires(Resource.PERSONAL_DATA, Action.EXPORT)
def export(form: str) -> ResponseReturnValue:
    """Answer with the figures of each branch as a file; that is logged."""
    with reading() as session:
        scope = web.scope(session)
        lines, _order = _lines(session, scope)
    columns = [
        SheetColumn("branch", _("Branch")),
        SheetColumn("name", _("Name")),
        SheetColumn("unanswered", _("Unanswered"), "number"),
        SheetColumn("overdue", _("of these overdue"), "number"),
        SheetColumn("first_due", _("First answer due"), "date"),
        SheetColumn("in_time", _("Answered in time"), "number"),
        SheetColumn("late", _("Answered late"), "number"),
    ]
    rows = [
        [one.branch.code, one.branch.name, *(LINES_BY[column.name](one) for column in columns[2:])]
        for one in lines
    ]
    return _file(form, "personal-requests-by-branch", columns, rows, scope.coverage, _conditions(scope.codes))


@blueprint.get("/one-by-one/export.<any(xlsx, csv):form>")
@requires(Resource.PERSONAL_DATA, Action.EXPORT)
def export_each(form: str) -> ResponseReturnValue:
    """Answer with the requests of the chosen branches (none: all) one by one as a file; that is logged."""
    with reading() as session:
        scope = web.scope(session)
        asked, _order = _asked(session, scope.chosen or scope.branches)
    columns = [SheetColumn("branch", _("Branch")), *(_sheet_column(column) for column in COLUMNS)]
    rows = [
        [
            scope.code(one.request.branch_number),
            label(one.kind),
            one.received_on,
            one.due_on,
            label(one.standing),
            one.ended_at,
            label(one.answer) if one.answer else "",
        ]
        for one in asked
    ]
    conditions = [*_conditions(scope.codes), (_("State"), words(_standings()))]
    return _file(form, "personal-requests", columns, rows, scope.coverage, conditions)


@blueprint.get("/<code>")
@requires(Resource.PERSONAL_DATA, Action.READ)
def branch(code: str) -> str:
    """List the requests of one branch by kind and days; who asked is known at the branch alone."""
    with reading() as session:
        found = get_branch(session, code)
        asked, order = _asked(session, [found.number])
        begin = (order.number - 1) * order.size
        return render_template(
            "personal/requests_of.html",
            branch=found,
            page=Page(asked[begin : begin + order.size], len(asked), order),
            columns=COLUMNS,
            standings=web.choices(Standing),
            chosen=_codes(_standings()),
            kinds=web.choices(RequestKind),
            kinds_chosen=_codes(_kinds()),
            chips=[(_("State"), words(_standings()), "standing"), (_("Kind"), words(_kinds()), "kind")],
            covered=coverage(session, stamp().at).only([found.number]),
            tones=TONES,
        )


def _lines(session: Session, scope: Scope) -> tuple[list[Line], PageRequest]:
    """Return the figures of each branch asked for, in the order asked for."""
    tallies = tally_branches(session, _today(), sorted(scope.chosen), _kinds())
    branches: Iterable[Branch] = scope.branches.values()
    lines = [Line.of(one, tallies) for one in branches if not scope.chosen or one.number in scope.chosen]
    order = PageRequest.from_query(LINES_BY, default="branch")
    return _ordered(lines, LINES_BY[order.sort], order), order


def _asked(session: Session, branches: Iterable[int]) -> tuple[list[Asked], PageRequest]:
    """Return the requests of some branches, of the kinds and states asked for, in the order asked for."""
    wanted = _standings()
    asked = [
        one
        for one in list_requests(session, _today(), branches, _kinds())
        if not wanted or one.standing in wanted
    ]
    order = PageRequest.from_query(ASKED_BY, default="as_listed")
    return _ordered(asked, ASKED_BY[order.sort], order), order


def _ordered(rows: Iterable[Row], key: Callable[[Row], Any], order: PageRequest) -> list[Row]:
    found = list(rows)
    known = [one for one in found if key(one) is not None]
    return sorted(known, key=key, reverse=order.descending) + [one for one in found if key(one) is None]


def _kinds() -> tuple[RequestKind, ...]:
    return code_arguments("kind", RequestKind)


def _standings() -> tuple[Standing, ...]:
    return code_arguments("standing", Standing)


def _codes(members: Collection[RequestKind] | Collection[Standing]) -> list[str]:
    return [one.value for one in members]


def _conditions(codes: Iterable[str]) -> list[tuple[str, str]]:
    return [(_("Branch"), ", ".join(codes)), (_("Kind"), words(_kinds()))]


def _sheet_column(column: Column) -> SheetColumn:
    kinds: Mapping[str, Any] = {"date": "date", "instant": "instant"}
    return SheetColumn(column.name, str(column.label), kinds.get(column.kind, "text"))


def _file(
    form: str,
    name: str,
    columns: list[SheetColumn],
    rows: Iterable[Sequence[object]],
    covered: Coverage,
    conditions: list[tuple[str, str]],
) -> ResponseReturnValue:
    """Answer with a file that says which branches it covers; the log says who took it and under which conditions."""
    about = web.about(covered, conditions)

    def tell(count: int) -> None:
        with writing() as session:
            details = {"rows": count, "file": name, "conditions": dict(about.conditions)}
            record(session, "personal_request.exported", subject=None, by=stamp(), details=details)

    title = _("Requests about personal data")
    return hand_out(Table(form, name, title, columns, rows, about.lines, about.conditions, told=tell))


def _today() -> Today:
    return Today(stamp().at, runtime().settings.timezone)

"""The board of account managers across branches, and one manager's page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches import web
from hq_server.branches.queries import coverage, get_branch
from hq_server.oversight import queries
from hq_server.oversight.calendar import heat_map
from hq_server.oversight.periods import Calendar
from hq_server.oversight.queries import COUNTED, Activity, BoardRow
from hq_server.replica.models import ReplicaCustomer, ReplicaManager, ReplicaWorkLog
from shared.domain.worklogs.vocabulary import WorkLogKind
from shared.errors import N_
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp
from shared.web.paging import PageRequest, paginate

blueprint = Blueprint("oversight", __name__, template_folder="templates", url_prefix="/managers")

HEADINGS: Final = {
    "customers": N_("Customers"),
    "logs_week": N_("Logs this week"),
    "visits_week": N_("Visits this week"),
    "logs_month": N_("Logs this month"),
    "visits_month": N_("Visits this month"),
    "untouched_30": N_("Untouched 30 days"),
    "untouched_60": N_("Untouched 60 days"),
    "untouched_90": N_("Untouched 90 days"),
}
WEEKS_SHOWN: Final = 13
# A page of more rows than this helps nobody, and takes seconds to draw.
FOLD_OVER: Final = 300
MOST_ROWS: Final = 200
PERIODS: Final = ("week", "month", "all")


@dataclass(frozen=True)
class BranchGroup:
    """The account managers of one branch, and what they come to together."""

    code: str
    name: str
    rows: Sequence[BoardRow]

    @property
    def activity(self) -> Activity:
        """The figures of the branch."""
        return sum((row.activity for row in self.rows), Activity())


@blueprint.get("/")
@requires(Resource.MANAGER, Action.READ)
def index() -> str:
    """Show every account manager's figures, grouped by branch or in order of one figure."""
    with reading() as session:
        scope, rows = _board(session)
    sort = request.args.get("sort", "")
    by_figure = sort.removeprefix("-") in {*COUNTED, "last_at"}
    if by_figure:
        rows.sort(key=lambda row: _figure(row, sort), reverse=sort.startswith("-"))
        groups = [BranchGroup("", "", rows[:MOST_ROWS])] if rows else []
    else:
        groups = _by_branch(rows)
    return render_template(
        "oversight/index.html",
        groups=groups,
        whole=sum((row.activity for row in rows), Activity()),
        count=len(rows),
        by_figure=by_figure,
        cut=by_figure and len(rows) > MOST_ROWS,
        most_rows=MOST_ROWS,
        folded=not by_figure and len(rows) > FOLD_OVER and len(groups) > 1,
        fold_over=FOLD_OVER,
        sort=sort,
        scope=scope,
        headings=HEADINGS,
        text=request.args.get("q", ""),
        with_left=bool(request.args.get("left")),
    )


@blueprint.route("/export.xlsx", methods=["GET", "POST"])
@requires(Resource.MANAGER, Action.EXPORT)
def export() -> ResponseReturnValue:
    """Answer with the board as a workbook."""
    with reading() as session:
        scope, rows = _board(session)
    return web.send_xlsx(
        "account-managers",
        title=_("Account managers"),
        columns=[
            SheetColumn("branch", _("Branch")),
            SheetColumn("manager_no", _("Staff number")),
            SheetColumn("name", _("Name"), personal="person"),
            SheetColumn("department", _("Department")),
            SheetColumn("status", _("Status")),
            *(SheetColumn(name, _(heading), "number") for name, heading in HEADINGS.items()),
            SheetColumn("last_at", _("Last activity"), "instant"),
        ],
        rows=_sheet_rows(rows),
        about=web.about(
            scope.coverage,
            [(_("Branch"), ", ".join(scope.codes)), (_("Search"), request.args.get("q", ""))],
        ),
    )


@blueprint.get("/<code>/<uuid:manager_id>")
@requires(Resource.MANAGER, Action.READ)
def manager(code: str, manager_id: Any) -> str:  # noqa: ANN401 - a UUID from the address
    """Show one account manager: figures, calendar of activity, customers, latest logs."""
    zone = runtime().settings.timezone
    with reading() as session:
        found, calendar = _find(session, code, str(manager_id)), _calendar()
        rows = queries.board(
            session, calendar, branches=[found.branch_number], with_left=True, manager_id=found.id
        )
        days = _days(calendar, zone)
        starts = queries.log_starts(session, found, _midnight(days[0], zone))
        logs = session.scalars(queries.select_logs(found).order_by(*_NEWEST).limit(20)).all()
        return render_template(
            "oversight/manager.html",
            manager=found,
            row=rows[0],
            heat=heat_map(starts, days, zone),
            logs=queries.explain_logs(session, logs),
            coverage=coverage(session, stamp().at).only([found.branch_number]),
            headings=HEADINGS,
        )


@blueprint.get("/<code>/<uuid:manager_id>/logs")
@requires(Resource.WORK_LOG, Action.READ)
def logs(code: str, manager_id: Any) -> str:  # noqa: ANN401 - a UUID from the address
    """List a manager's work logs of this week, this month or all, as the board counts them."""
    period = request.args.get("period") if request.args.get("period") in PERIODS else "all"
    kinds = web.codes("kind", WorkLogKind)
    with reading() as session:
        found, calendar = _find(session, code, str(manager_id)), _calendar()
        since = {"week": calendar.week, "month": calendar.month}.get(period or "")
        statement = queries.select_logs(
            found, since=since, until=calendar.just_after if since else None, kinds=kinds
        )
        page = paginate(
            session,
            statement,
            PageRequest.from_query(("started_at",), default="-started_at", sizes=(50, 25, 100)),
            sorts={"started_at": ReplicaWorkLog.started_at},
            tie=ReplicaWorkLog.id,
        )
        return render_template(
            "oversight/logs.html",
            manager=found,
            branch=get_branch(session, code),
            page=page,
            entries=queries.explain_logs(session, page.items),
            period=period,
            kinds=kinds,
            kind_options=web.choices(WorkLogKind),
            coverage=coverage(session, stamp().at).only([found.branch_number]),
        )


@blueprint.get("/<code>/<uuid:manager_id>/untouched")
@requires(Resource.CUSTOMER, Action.READ)
def untouched(code: str, manager_id: Any) -> str:  # noqa: ANN401 - a UUID from the address
    """List a manager's active customers whom nobody has been in touch with for ?days=30, 60 or 90."""
    asked = request.args.get("days", 30, type=int)
    days = asked if asked in queries.UNTOUCHED_DAYS else queries.UNTOUCHED_DAYS[0]
    with reading() as session:
        found, calendar = _find(session, code, str(manager_id)), _calendar()
        statement = queries.select_untouched(found, calendar, days)
        page = paginate(
            session,
            statement,
            PageRequest.from_query(("customer_no", "name"), default="customer_no", sizes=(50, 25, 100)),
            sorts={"customer_no": ReplicaCustomer.customer_no, "name": ReplicaCustomer.name},
            tie=ReplicaCustomer.id,
        )
        return render_template(
            "oversight/untouched.html",
            manager=found,
            branch=get_branch(session, code),
            page=page,
            contacts=queries.last_contacts(session, page.items),
            days=days,
            choices=queries.UNTOUCHED_DAYS,
            coverage=coverage(session, stamp().at).only([found.branch_number]),
        )


_NEWEST: Final = (ReplicaWorkLog.started_at.desc(), ReplicaWorkLog.id.desc())


def _board(session: Session) -> tuple[web.Scope, list[BoardRow]]:
    scope = web.scope(session)
    rows = queries.board(
        session,
        _calendar(),
        branches=scope.chosen,
        words=request.args.get("q", ""),
        with_left=bool(request.args.get("left")),
    )
    return scope, rows


def _calendar() -> Calendar:
    return Calendar.at(stamp().at, runtime().settings.timezone)


def _find(session: Session, code: str, manager_id: str) -> ReplicaManager:
    return queries.get_manager(session, get_branch(session, code), manager_id)


def _figure(row: BoardRow, sort: str) -> Any:  # noqa: ANN401 - a number or an instant
    name = sort.removeprefix("-")
    if name == "last_at":
        return row.activity.last_at or datetime.min.replace(tzinfo=ZoneInfo("UTC"))
    return getattr(row.activity, name)


def _by_branch(rows: Sequence[BoardRow]) -> list[BranchGroup]:
    groups: dict[str, list[BoardRow]] = {}
    for row in rows:
        groups.setdefault(row.branch_code, []).append(row)
    return [BranchGroup(code, members[0].branch_name, members) for code, members in groups.items()]


def _days(calendar: Calendar, zone: str) -> list[date]:
    """Return the days of the last weeks, from a Monday to the end of this week."""
    monday = calendar.week.astimezone(ZoneInfo(zone)).date()
    first = monday - timedelta(weeks=WEEKS_SHOWN - 1)
    return [first + timedelta(days=at) for at in range(WEEKS_SHOWN * 7)]


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def _sheet_rows(rows: Sequence[BoardRow]) -> Iterator[Sequence[object]]:
    for row in rows:
        figures = [getattr(row.activity, name) for name in HEADINGS]
        who = (f"{row.branch_code} {row.branch_name}", row.manager_no, row.name, row.department)
        yield (*who, label(row.status), *figures, row.activity.last_at)

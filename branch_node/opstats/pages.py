"""What each account manager did in a month; every number opens to its entries."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from branch_node.opstats import queries
from branch_node.opstats.models import OperationMonth
from branch_node.opstats.operations import FILE_CHANGES
from shared.audit.operations import record
from shared.audit.vocabulary import LogAction, LogOutcome
from shared.domain.calendar import local_month
from shared.domain.opstats.fields import FIGURES
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.jobs import queries as jobs
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import person, reading, runtime, stamp, writing
from shared.web.lists import month_argument, send_table

blueprint = Blueprint("opstats", __name__, template_folder="templates", url_prefix="/operations")

# Shown where there are no accounts: no entry is of nobody's.
NOBODY: Final = "-"


@dataclass(frozen=True, slots=True)
class Line:
    """One account manager's month, and where each of its numbers opens to."""

    month: OperationMonth
    manager_no: str
    name: str
    links: Mapping[str, str]

    def figure(self, name: str) -> int:
        """Return one number of the month."""
        return int(getattr(self.month, name))


@blueprint.get("/")
@requires(Resource.OPERATION_STATISTICS, Action.READ)
def index() -> str:
    """Show a month, account manager by account manager."""
    with reading() as session:
        return render_template("opstats/index.html", printing=False, **_shown(session))


@blueprint.get("/print")
@requires(Resource.OPERATION_STATISTICS, Action.PRINT)
def print_view() -> str:
    """Show a month ready for paper; that is logged."""
    with reading() as session:
        shown = _shown(session)
    _tell("operation-month.printed", shown["month"], len(shown["lines"]))
    return render_template(
        "opstats/index.html", printing=True, printed_at=stamp().at, printed_by=person(), **shown
    )


@blueprint.route("/export.<any(xlsx, csv):kind>", methods=["GET", "POST"])
@requires(Resource.OPERATION_STATISTICS, Action.EXPORT)
def export(kind: str) -> ResponseReturnValue:
    """Answer with a month as a file; that is logged."""
    with reading() as session:
        shown = _shown(session)
    lines: Sequence[Line] = shown["lines"]
    return send_table(
        kind,
        name=f"operations-{shown['month']}",
        title=_("Statistics of operations"),
        columns=[
            SheetColumn("manager_no", _("Staff number")),
            SheetColumn("name", _("Name"), personal="person"),
            *(SheetColumn(name, _(heading), "number") for name, heading in FIGURES.items()),
        ],
        rows=[[line.manager_no, line.name, *map(line.figure, FIGURES)] for line in lines],
        filters=[(_("Month"), shown["month"])],
        pins={"month": shown["month"]},
        told=lambda rows: _tell("operation-month.exported", shown["month"], rows),
    )


def _shown(session: Session) -> dict[str, Any]:
    this_month = local_month(stamp().at, runtime().settings.timezone)
    month = month_argument("month") or this_month
    accounts = queries.accounts_of_managers(session)
    lines = [
        Line(row[0], row[1], row[2], _links(row[0], accounts.get(row[0].manager_id, [])))
        for row in queries.list_month(session, month)
    ]
    run = jobs.last_runs(session).get(queries.JOB)
    return {
        "month": month,
        "months": list(dict.fromkeys([this_month, *queries.list_months(session), month])),
        "lines": lines,
        "totals": {name: sum(line.figure(name) for line in lines) for name in FIGURES},
        "headings": FIGURES,
        "counted_at": run.ended_at if run else None,
    }


def _links(row: OperationMonth, accounts: Sequence[str]) -> Mapping[str, str]:
    """Return for each number the address of what it counts."""
    year, number = int(row.month[:4]), int(row.month[5:])
    days = {"from": f"{row.month}-01", "to": f"{row.month}-{monthrange(year, number)[1]:02}"}
    own = {**days, "actor": list(accounts) or [NOBODY], "via": "web"}
    logs = {**days, "manager": row.manager_id}
    signed = {"action": LogAction.SIGN_IN.value, "outcome": LogOutcome.DONE.value}
    changed = {"object": "customer", "action": [action.value for action in FILE_CHANGES]}
    return {
        "sign_ins": _to("oplog.index", {**own, **signed}),
        "days_worked": _to("oplog.index", {**own, "rows": "day", "measure": "entries"}),
        "visits": _to("worklogs.index", {**logs, "kind": "visit"}),
        "work_logs": _to("worklogs.index", logs),
        "files_changed": _to("oplog.index", {**own, **changed, "rows": "subject", "measure": "entries"}),
        "exports": _to("oplog.index", {**own, "action": LogAction.EXPORT.value}),
    }


def _to(endpoint: str, query: Mapping[str, object]) -> str:
    return f"{url_for(endpoint)}?{urlencode(query, doseq=True)}"


def _tell(event: str, month: str, rows: int) -> None:
    with writing() as session:
        record(session, event, subject=None, by=stamp(), details={"month": month, "rows": rows})

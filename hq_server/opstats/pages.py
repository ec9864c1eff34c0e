"""What account managers did in a month, branch by branch; a branch opens to its people."""

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches import web
from hq_server.opstats import queries
from shared.audit.operations import record
from shared.domain.calendar import local_month
from shared.domain.opstats.fields import FIGURES
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp, writing
from shared.web.lists import month_argument

blueprint = Blueprint("opstats", __name__, template_folder="templates", url_prefix="/operations")


@blueprint.get("/")
@requires(Resource.OPERATION_STATISTICS, Action.READ)
def index() -> str:
    """Show a month over all branches, or the account managers of those that are chosen."""
    with reading() as session:
        return render_template("opstats/index.html", **_shown(session))


@blueprint.route("/export.xlsx", methods=["GET", "POST"])
@requires(Resource.OPERATION_STATISTICS, Action.EXPORT)
def export() -> ResponseReturnValue:
    """Answer with the account managers of a month as a workbook; that is logged."""
    with reading() as session:
        scope, month = web.scope(session), _month()
        managers = queries.list_managers(session, month, scope.chosen)
    return web.send_xlsx(
        f"operations-{month}",
        title=_("Statistics of operations"),
        columns=[
            SheetColumn("branch", _("Branch")),
            SheetColumn("manager_no", _("Staff number")),
            SheetColumn("name", _("Name"), personal="person"),
            *(SheetColumn(name, _(heading), "number") for name, heading in FIGURES.items()),
        ],
        rows=[
            [
                scope.name(one.branch_number),
                one.manager_no,
                one.name,
                *(one.figures[name] for name in FIGURES),
            ]
            for one in managers
        ],
        about=web.about(scope.coverage, [(_("Month"), month), (_("Branch"), ", ".join(scope.codes))]),
        pins={"month": month},
        told=lambda rows: _tell(month, rows),
    )


def _tell(month: str, rows: int) -> None:
    with writing() as session:
        told = {"month": month, "rows": rows}
        record(session, "operation-month.exported", subject=None, by=stamp(), details=told)


def _shown(session: Session) -> dict[str, Any]:
    scope, month = web.scope(session), _month()
    branches = queries.list_branches(session, month, scope.chosen)
    return {
        "scope": scope,
        "month": month,
        "months": list(dict.fromkeys([_this_month(), *queries.list_months(session), month])),
        "branches": branches,
        "managers": queries.list_managers(session, month, scope.chosen) if scope.chosen else [],
        "headings": FIGURES,
        "totals": {name: sum(one.figures[name] for one in branches) for name in FIGURES},
        "counted": sum(one.managers for one in branches),
    }


def _this_month() -> str:
    return local_month(stamp().at, runtime().settings.timezone)


def _month() -> str:
    return month_argument("month") or _this_month()

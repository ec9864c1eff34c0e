"""Tracked units at head office: a number looked for at every branch, one unit, and how far recalls have come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches import web
from hq_server.branches.queries import get_branch
from hq_server.branches.web import Scope
from hq_server.replica.models import ReplicaCustomer, ReplicaUnit
from hq_server.units import queries
from hq_server.units.queries import DONE, OPEN, Progress, Published, UnitFilter
from shared.domain.calendar import local_day
from shared.domain.units.rules import doubtful_vin, ownership, standing
from shared.domain.units.vocabulary import UnitStatus
from shared.errors import N_
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp
from shared.web.lists import streamed, text_argument
from shared.web.paging import PageRequest, paginate
from shared.web.tables import Column

blueprint = Blueprint("units", __name__, template_folder="templates", url_prefix="/units")
TONES: Final = {UnitStatus.IN_USE: "ok", UnitStatus.RETIRED: ""}
STATES: Final = {OPEN: N_("still to be called in"), DONE: N_("carried out")}
COLUMNS: Final = (
    Column("serial_no", _l("Serial number"), "own", sort=True),
    Column("branch", _l("Branch"), sort=True),
    Column("product", _l("Product"), "own"),
    Column("model", _l("Model"), sort=True),
    Column("owner", _l("Owner"), "own"),
    Column("warranty_until", _l("Warranty until"), "date", sort=True, wide=True),
    Column("status", _l("Status"), "own"),
)


@dataclass(frozen=True)
class Listed:
    """One unit of the list, with its owner where one has arrived."""

    unit: ReplicaUnit
    owner: ReplicaCustomer | None
    branch: str
    code: str

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return self.branch if name == "branch" else getattr(self.unit, name, None)


@blueprint.get("")
@requires(Resource.UNIT, Action.READ)
def index() -> str:
    """List the units of all branches whose number holds what is asked, or that a recall means."""
    with reading() as session:
        scope = web.scope(session)
        wanted, found = _wanted(session, scope)
        page = paginate(
            session,
            queries.select_units(wanted),
            PageRequest.from_query(queries.SORTS, default="serial_no"),
            sorts=queries.SORTS,
            tie=ReplicaUnit.id,
            shape=lambda row: _listed(scope, row[0], row[1]),
        )
        return render_template(
            "hq_units/index.html",
            scope=scope,
            page=page,
            columns=COLUMNS,
            wanted=wanted,
            recall=found,
            several=queries.list_elsewhere(session, [row.unit for row in page.items]),
            statuses=web.choices(UnitStatus),
            states=[(code, _(text)) for code, text in STATES.items()],
            tones=TONES,
            chips=_chips(scope, wanted),
        )


@blueprint.route("/export.xlsx", methods=["GET", "POST"])
@requires(Resource.UNIT, Action.EXPORT)
def export() -> ResponseReturnValue:
    """Answer with the units of the list as a workbook that says which branches it covers."""
    with reading() as session:
        scope = web.scope(session)
        wanted, _found = _wanted(session, scope)
        statement = queries.select_units(wanted).order_by(ReplicaUnit.serial_no, ReplicaUnit.id)
        chips = [(text, value) for text, value, _name in _chips(scope, wanted)]
        return web.send_xlsx(
            "units",
            title=_("Tracked units"),
            columns=_sheet_columns(),
            rows=(_sheet_row(scope, unit, owner) for unit, owner in streamed(session, statement)),
            about=web.about(scope.coverage, chips),
        )


@blueprint.get("/<code>/<id:unit_id>")
@requires(Resource.UNIT, Action.READ)
def one(code: str, unit_id: str) -> str:
    """Show a unit of a branch: whose it was when, what happened, recalls, and who else holds one of its number."""
    with reading() as session:
        branch = get_branch(session, code)
        unit = queries.get_unit(session, branch.number, unit_id)
        events = queries.list_events(session, unit)
        scope = web.scope(session)
        owners = ownership(events)
        known = [*(each.customer_id for each in events), unit.owner_id]
        return render_template(
            "hq_units/one.html",
            branch=branch,
            unit=unit,
            owners=owners[::-1],
            events=standing(events)[::-1],
            people=queries.list_customers(session, branch.number, known),
            elsewhere=[
                _listed(scope, each, None)
                for each in queries.list_elsewhere(session, [unit]).get(unit.serial_no, [])
                if each.branch_number != branch.number
            ],
            recalls=_open_on(session, unit, branch.code),
            doubtful=doubtful_vin(unit.serial_no),
            tones=TONES,
            coverage=scope.coverage.only({branch.number}),
        )


@blueprint.get("/recalls")
@requires(Resource.UNIT, Action.READ)
def recalls() -> str:
    """List the recalls that are out, each with how many units it means and how many are done."""
    with reading() as session:
        scope = web.scope(session)
        found = queries.list_recalls(session, stamp().at)
        rows = [(each, _together(scope, _counted(session, scope, each))) for each in found]
    return render_template("hq_units/recalls.html", scope=scope, rows=rows, today=_today())


@blueprint.get("/recalls/progress")
@requires(Resource.UNIT, Action.READ)
def progress() -> str:
    """Show by branch how far one recall has come."""
    with reading() as session:
        scope = web.scope(session)
        found = queries.get_recall(session, text_argument("recall"), stamp().at)
        counts = _counted(session, scope, found)
    shown = scope.shown
    return render_template(
        "hq_units/progress.html",
        scope=scope,
        found=found,
        rows=[(number, counts.get(number, Progress())) for number in shown],
        total=_together(scope, counts),
        called={number: found.calls_in(scope.code(number), _today()) for number in shown},
    )


def _listed(scope: Scope, unit: ReplicaUnit, owner: ReplicaCustomer | None) -> Listed:
    return Listed(unit, owner, scope.name(unit.branch_number), scope.code(unit.branch_number))


def _wanted(session: Session, scope: Scope) -> tuple[UnitFilter, Published | None]:
    number = text_argument("recall")
    known = queries.list_recalls(session, stamp().at) if number else []
    found = next((each for each in known if each.recall.number == number), None)
    branches = scope.chosen
    if found is not None and found.branches:
        meant = {at for at, branch in scope.branches.items() if branch.code in found.branches}
        # No branch at all would mean all of them.
        branches = frozenset((meant & branches if branches else meant) or {-1})
    return UnitFilter(
        text=text_argument("q")[:80],
        branches=branches,
        statuses=web.codes("status", UnitStatus),
        recall=found.recall if found else None,
        state=next((state for state in STATES if request.args.get("state") == state), ""),
    ), found


def _chips(scope: Scope, wanted: UnitFilter) -> list[tuple[str, str, str]]:
    return [
        (_("Serial number"), wanted.text, "q"),
        (_("Branch"), ", ".join(scope.codes), "branch"),
        (_("Status"), web.words(wanted.statuses, web.choices(UnitStatus)), "status"),
        (_("Recall"), wanted.recall.number if wanted.recall else "", "recall"),
        (_("State"), _(STATES[wanted.state]) if wanted.recall and wanted.state else "", "state"),
    ]


def _counted(session: Session, scope: Scope, found: Published) -> dict[int, Progress]:
    """Return by branch how far a recall has come, for the branches it is addressed to."""
    counts = queries.count_progress(session, found.recall)
    return {
        number: each
        for number, each in counts.items()
        if not found.branches or scope.code(number) in found.branches
    }


def _together(scope: Scope, counts: dict[int, Progress]) -> Progress:
    chosen = (each for number, each in counts.items() if not scope.chosen or number in scope.chosen)
    return sum(chosen, Progress())


def _open_on(session: Session, unit: ReplicaUnit, code: str) -> Sequence[Published]:
    if unit.status is not UnitStatus.IN_USE:
        return ()
    done = queries.list_done(session, unit)
    return [
        each
        for each in queries.list_recalls(session, stamp().at)
        if each.calls_in(code, _today()) and each.recall.means(unit) and each.recall.number not in done
    ]


def _today() -> date:
    return local_day(stamp().at, runtime().settings.timezone)


def _sheet_columns() -> tuple[SheetColumn, ...]:
    return (
        SheetColumn("serial_no", _("Serial number")),
        SheetColumn("branch", _("Branch")),
        SheetColumn("product", _("Product")),
        SheetColumn("model", _("Model")),
        SheetColumn("made_on", _("Made on"), "date"),
        SheetColumn("warranty_until", _("Warranty until"), "date"),
        SheetColumn("status", _("Status")),
        SheetColumn("owner_no", _("Customer number")),
        SheetColumn("owner", _("Owner"), personal="person"),
    )


def _sheet_row(scope: Scope, unit: ReplicaUnit, owner: ReplicaCustomer | None) -> list[str | date | None]:
    return [
        unit.serial_no,
        scope.name(unit.branch_number),
        unit.product,
        unit.model,
        unit.made_on,
        unit.warranty_until,
        label(unit.status),
        owner.customer_no if owner else None,
        owner.name if owner else None,
    ]

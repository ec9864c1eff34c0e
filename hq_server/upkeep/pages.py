"""How fresh the files of customers are, by branch: what is stale or contradicts something, as the branches count it."""

from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from hq_server.branches import web
from hq_server.branches.queries import Coverage, get_branch
from hq_server.upkeep import queries
from hq_server.upkeep.models import UpkeepCount
from hq_server.upkeep.queries import Figures
from shared.domain.customers.upkeep import WATCHED, Conflict
from shared.domain.wire_words import COLUMN_NAMES
from shared.files.spreadsheets import Column as SheetColumn
from shared.i18n import gettext as _
from shared.i18n import label, lazy_gettext
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading

blueprint = Blueprint("upkeep", __name__, template_folder="templates", url_prefix="/upkeep")

HEADINGS: Final = {
    "customers": lazy_gettext("Open customers"),
    "flagged": lazy_gettext("With a flagged field"),
    "share": lazy_gettext("Share"),
    "stale": lazy_gettext("Stale"),
    "conflicting": lazy_gettext("Conflicting"),
    "complete": lazy_gettext("Files complete"),
    "counted_at": lazy_gettext("Counted at"),
}


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> str:
    """Show by branch how many customers have a stale or contradictory field; ?sort= orders by a column."""
    scope, counts, covered = asked_counts()
    sort = request.args.get("sort", "")
    if sort.removeprefix("-") in HEADINGS:
        counts = sorted(counts, key=lambda one: _value(one, sort), reverse=sort.startswith("-"))
    return render_template(
        "hq_upkeep/index.html",
        scope=scope,
        rows=[(one, Figures.of(one)) for one in counts],
        total=together(counts),
        coverage=covered,
        headings=HEADINGS,
        sort=sort,
    )


@blueprint.route("/export.xlsx", methods=["GET", "POST"])
@requires(Resource.CUSTOMER, Action.EXPORT)
def export() -> ResponseReturnValue:
    """Answer with the counts as a workbook: a row a branch, each kind of flag in a column."""
    scope, counts, covered = asked_counts()
    kinds, words = _kinds(), {"fields": _("Stale"), "conflicts": _("Conflicting")}
    return web.send_xlsx(
        "upkeep",
        title=_("Stale and conflicting fields"),
        columns=[
            SheetColumn("code", _("Branch code")),
            SheetColumn("branch", _("Branch")),
            SheetColumn("customers", _("Open customers"), "number"),
            SheetColumn("flagged", _("With a flagged field"), "number"),
            SheetColumn("stale", _("Stale"), "number"),
            SheetColumn("conflicting", _("Conflicting"), "number"),
            SheetColumn("complete", _("Files complete, percent"), "number"),
            *(
                SheetColumn(
                    f"{group}.{code}", _("%(kind)s: %(what)s", kind=words[group], what=text), "number"
                )
                for group, code, text in kinds
            ),
            SheetColumn("counted_at", _("Counted at"), "instant"),
        ],
        rows=[
            (
                scope.code(one.branch_number),
                scope.name(one.branch_number),
                *(one.customers, one.flagged, one.stale, one.conflicting, one.complete),
                *(getattr(one, group).get(code) for group, code, _text in kinds),
                one.counted_at,
            )
            for one in counts
        ],
        about=web.about(covered, [(_("Branch"), ", ".join(scope.codes))]),
    )


@blueprint.get("/<code>")
@requires(Resource.CUSTOMER, Action.READ)
def one(code: str) -> str:
    """Show what of a branch's files is flagged, by field and by what contradicts."""
    with reading() as session:
        branch = get_branch(session, code)
        counts = queries.list_counts(session, [branch.number])
        covered = queries.counted_coverage(web.scope(session).coverage.only([branch.number]), counts)
    counted = counts[0] if counts else None
    return render_template(
        "hq_upkeep/one.html",
        branch=branch,
        counted=counted,
        figures=Figures.of(counted) if counted else None,
        flags=[
            (_("Stale") if group == "fields" else _("Conflicting"), text, getattr(counted, group)[code])
            for group, code, text in _kinds()
            if code in getattr(counted, group)
        ]
        if counted
        else [],
        coverage=covered,
    )


def asked_counts() -> tuple[web.Scope, Sequence[UpkeepCount], Coverage]:
    """Return the branches that the address asks for, what they have counted, and what figures over that cover."""
    with reading() as session:
        scope = web.scope(session)
        counts = queries.list_counts(session, scope.chosen)
    return scope, counts, queries.counted_coverage(scope.coverage, counts)


def together(counts: Sequence[UpkeepCount]) -> Figures:
    """Return the figures of several branches as one."""
    return sum((Figures.of(one) for one in counts), Figures())


def _value(counted: UpkeepCount, sort: str) -> Any:  # noqa: ANN401 - a number or an instant
    name, figures = sort.removeprefix("-"), Figures.of(counted)
    if name == "counted_at":
        return counted.counted_at
    return getattr(figures, name) or 0


def _kinds() -> list[tuple[str, str, str]]:
    """Return every field that grows stale and every contradiction: where its count stands, its code and its words."""
    stale = [("fields", name, _(COLUMN_NAMES[name])) for name in WATCHED]
    return [*stale, *(("conflicts", each.value, label(each)) for each in Conflict)]

"""Who may do what, in words: the policy table for those who may read accounts, and one's own rights for everybody."""

from dataclasses import dataclass

from flask import Blueprint, current_app, render_template, request

from shared.auth.models import User
from shared.i18n import gettext as _
from shared.i18n import label
from shared.rights import policy
from shared.rights.policy import NOTES, Grant
from shared.rights.vocabulary import ACTION_WORDS, KINDS_OF, Action, DataRange, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import rights_of, stamp
from shared.web.kinds import kind_choices, kind_label

blueprint = Blueprint("rights", __name__, template_folder="templates", url_prefix="/rights")


@dataclass(frozen=True, slots=True)
class Line:
    """One grant in words: what, of whose rows, and on what condition."""

    actions: str
    range: str
    masked: bool
    duty: str


@dataclass(frozen=True, slots=True)
class Row:
    """One resource, with the grants of each kind that is shown, and the reason where a cell is not plain."""

    resource: Resource
    cells: list[tuple[StaffKind, list[Line], str]]


@blueprint.get("")
@requires(Resource.ACCOUNT, Action.READ)
def index() -> str:
    """Show the whole policy table, or the row and the kind that the address names."""
    kinds = KINDS_OF[current_app.config["BRANCHLINE_PRODUCT"]]
    kind = StaffKind.with_code(request.args.get("kind", ""))
    resource = Resource.with_code(request.args.get("resource", ""))
    shown = [one for one in kinds if kind in {None, one}] or list(kinds)
    known = [one for one in Resource if any(policy.policy()[one, each] for each in kinds)]
    return render_template(
        "accounts/rights.html",
        rows=[_row(one, shown) for one in known if resource in {None, one}],
        shown=[(one, kind_label(one)) for one in shown],
        kinds=kind_choices(kinds),
        resources=[(one.value, label(one)) for one in known],
        kind=kind,
        resource=resource,
        reveals=any(grant.masked for one in kinds for grant in policy.policy()[Resource.CUSTOMER, one]),
        printed_at=stamp().at,
    )


def own_rights(user: User) -> list[tuple[Resource, list[Line]]]:
    """Return in words what somebody may do, with the range and the duties they have: nothing they may not."""
    found = []
    for resource in Resource:
        by_reach: dict[tuple[DataRange, bool], list[Action]] = {}
        for action in Action:
            allowed = policy.allowed(rights_of(user), resource, action)
            if allowed is not None:
                by_reach.setdefault((allowed.range, allowed.masked), []).append(action)
        if by_reach:
            lines = [
                Line(_words(actions), _range(reach), masked, "")
                for (reach, masked), actions in by_reach.items()
            ]
            found.append((resource, lines))
    return found


def _row(resource: Resource, kinds: list[StaffKind]) -> Row:
    cells = []
    for kind in kinds:
        grants = policy.policy()[resource, kind]
        note = NOTES.get((resource, kind))
        cells.append((kind, [_line(grant) for grant in grants], _(note) if note else ""))
    return Row(resource, cells)


def _line(grant: Grant) -> Line:
    ordered = [action for action in Action if action in grant.actions]
    return Line(_words(ordered), _range(grant.range), grant.masked, label(grant.duty) if grant.duty else "")


def _range(reach: DataRange) -> str:
    # At a branch everything of the node is the branch's own.
    at_branch = current_app.config["BRANCHLINE_PRODUCT"] == "branch"
    return _("everything of this node") if at_branch and reach is DataRange.GROUP else label(reach)


def _words(actions: list[Action]) -> str:
    return _(", ").join(_(ACTION_WORDS[action]) for action in actions)

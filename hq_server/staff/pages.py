"""The organisation of the whole company as a tree: head office, branches, departments, people."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hq_server.branches import web
from hq_server.branches.models import Branch
from hq_server.staff import queries
from hq_server.staff.queries import BranchPeople, Counts
from shared.domain.organisation.tree import Tree, build_tree
from shared.files.spreadsheets import Column
from shared.i18n import gettext as _
from shared.organisation.members import list_people, narrowed
from shared.organisation.queries import list_departments
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import reading
from shared.web.kinds import kind_choices, kind_label
from shared.web.lists import send_table, text_argument
from shared.web.organisation.pages import people_columns, people_rows

blueprint = Blueprint("staff", __name__, template_folder="templates", url_prefix="/organisation/all")


@dataclass(frozen=True)
class BranchLine:
    """A branch in the tree: its people by kind, and its own tree when it was asked for."""

    branch: Branch
    counts: Counts
    tree: Tree[Any, Any] | None

    @property
    def total(self) -> int:
        """How many people may sign in there."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Asked:
    """What the reader asked for, and head office's own people."""

    scope: web.Scope
    words: str
    kind: StaffKind | None
    own: BranchPeople
    branches: Sequence[BranchPeople]

    @property
    def narrowed(self) -> bool:
        """Whether not everybody is shown."""
        return bool(self.words or self.kind)


@blueprint.get("")
@requires(Resource.ORGANISATION, Action.READ)
def index() -> str:
    """Show head office with its people, and every branch with how many people of each kind it has."""
    with reading() as session:
        asked = _asked(session)
        counts = queries.count_by_kind(session, asked.scope.chosen)
    trees = {one.number: build_tree(one.departments, one.people) for one in asked.branches}
    shown = [
        number for number in asked.scope.branches if number in (asked.scope.chosen or asked.scope.branches)
    ]
    lines = [
        BranchLine(asked.scope.branches[number], counts.get(number, Counter()), trees.get(number))
        for number in shown
    ]
    own = Counter(one.kind for one in asked.own.people if one.state.value != "disabled")
    return render_template(
        "staff/index.html",
        asked=asked,
        own_tree=None if asked.scope.chosen else build_tree(asked.own.departments, asked.own.people),
        own=own,
        lines=lines,
        whole=sum((line.counts for line in lines), Counter() if asked.scope.chosen else own),
        kinds=list(StaffKind),
        kind_options=kind_choices(StaffKind),
    )


@blueprint.route("/export.<any(csv, xlsx):form>", methods=["GET", "POST"])
@requires(Resource.ORGANISATION, Action.EXPORT)
def export(form: str) -> ResponseReturnValue:
    """Answer with the people who were asked for as a file, with what it covers."""
    with reading() as session:
        asked = _asked(session, everybody=True)
        rows = list(_rows(asked))
    covered = web.about(
        asked.scope.coverage,
        [
            (_("Branch"), ", ".join(asked.scope.codes)),
            (_("Name or user name"), asked.words),
            (_("Kind"), kind_label(asked.kind) if asked.kind else ""),
        ],
    )
    columns = [Column("branch", _("Branch")), *people_columns()]
    if form == "xlsx":
        return web.send_xlsx("people", title=_("Organisation"), columns=columns, rows=rows, about=covered)
    return send_table(
        form,
        name="people",
        title=_("Organisation"),
        columns=columns,
        rows=rows,
        filters=list(covered.conditions.items()),
    )


def _asked(session: Session, *, everybody: bool = False) -> Asked:
    scope = web.scope(session)
    words, kind = text_argument("q"), StaffKind.with_code(text_argument("kind"))
    # Without a question the branches show their figures; a branch opens by choosing it.
    wanted = scope.chosen or (frozenset(scope.branches) if words or kind or everybody else frozenset())
    own = narrowed(list_people(session), words=words, kind=kind)
    return Asked(
        scope,
        words,
        kind,
        BranchPeople(0, [] if scope.chosen else list_departments(session), [] if scope.chosen else own),
        queries.list_branch_people(session, wanted, words=words, kind=kind),
    )


def _rows(asked: Asked) -> Iterator[list[object]]:
    for row in people_rows(asked.own.departments, asked.own.people):
        yield [_("Head office"), *row]
    for one in asked.branches:
        for row in people_rows(one.departments, one.people):
            yield [asked.scope.name(one.number), *row]

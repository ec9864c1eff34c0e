"""The organisation of this node: its tree, its departments, and changing them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shared.domain.organisation.tree import Tree, build_tree, path
from shared.files.spreadsheets import Column
from shared.i18n import gettext as _
from shared.i18n import label
from shared.organisation import queries
from shared.organisation.members import Member, list_people, narrowed
from shared.organisation.models import Department
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import reading
from shared.web.kinds import duty_labels, kind_choices, kind_label
from shared.web.lists import send_table, text_argument
from shared.web.organisation import departments


@dataclass(frozen=True)
class Shown:
    """The organisation as one reader asked for it."""

    departments: Sequence[Department]
    people: Sequence[Member]
    words: str
    kind: StaffKind | None

    @property
    def tree(self) -> Tree[Department, Member]:
        """Everybody who was asked for, in their departments."""
        return build_tree(self.departments, self.people)

    @property
    def narrowed(self) -> bool:
        """Whether not everybody is shown."""
        return bool(self.words or self.kind)


def organisation_blueprint(kinds: Sequence[StaffKind], company: str | None = None) -> Blueprint:
    """Return the pages of a node with these `kinds`; `company` is the view of the whole company, where there is one."""
    blueprint = Blueprint("organisation", __name__, template_folder="templates", url_prefix="/organisation")
    _install_tree(blueprint, kinds, company)
    departments.install(blueprint)
    return blueprint


def _install_tree(blueprint: Blueprint, kinds: Sequence[StaffKind], company: str | None) -> None:
    @blueprint.get("")
    @requires(Resource.ORGANISATION, Action.READ)
    def index() -> str:
        """Show the departments with their people as a tree."""
        with reading() as session:
            shown = _shown(session)
        return render_template(
            "organisation/index.html",
            shown=shown,
            tree=shown.tree,
            company=company,
            kinds=kind_choices(kinds),
            counts=[(kind, sum(one.kind is kind for one in shown.people)) for kind in kinds],
        )

    @blueprint.route("/export.<any(csv, xlsx):form>", methods=["GET", "POST"])
    @requires(Resource.ORGANISATION, Action.EXPORT)
    def export(form: str) -> ResponseReturnValue:
        """Answer with the people and their departments as a file."""
        with reading() as session:
            shown = _shown(session)
        return send_table(
            form,
            name="organisation",
            title=_("Organisation"),
            columns=people_columns(),
            rows=people_rows(shown.departments, shown.people),
            filters=(
                (_("Name or user name"), shown.words),
                (_("Kind"), kind_label(shown.kind) if shown.kind else ""),
            ),
        )


def people_columns() -> list[Column]:
    """Return the columns of an export of people."""
    return [
        Column("department", _("Department")),
        Column("name", _("Name"), personal="person"),
        Column("username", _("User name"), personal="person"),
        Column("kind", _("Kind")),
        Column("duties", _("Duties")),
        Column("state", _("State")),
    ]


def people_rows(departments: Sequence[Any], people: Sequence[Any]) -> list[list[object]]:
    """Return the rows of an export of people, by department."""
    known = {one.id: one for one in departments}
    rows: list[list[object]] = [
        [
            " / ".join(path(one.department_id, known)),
            one.name,
            one.username,
            kind_label(one.kind),
            duty_labels(one.duties),
            label(one.state),
        ]
        for one in people
    ]
    return sorted(rows, key=lambda row: (row[0] == "", row[0], row[1]))


def _shown(session: Session) -> Shown:
    words, kind = text_argument("q"), StaffKind.with_code(text_argument("kind"))
    departments = queries.list_departments(session)
    return Shown(departments, narrowed(list_people(session), words=words, kind=kind), words, kind)

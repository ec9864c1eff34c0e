"""The pages on which departments are shown, added, changed, moved, merged and retired."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shared.auth.models import User
from shared.domain.organisation.tree import build_tree, lineage
from shared.errors import BranchlineError
from shared.i18n import gettext as _
from shared.organisation import operations, queries
from shared.organisation.errors import DepartmentInUseError
from shared.organisation.members import Member, list_people
from shared.organisation.models import Department
from shared.organisation.operations import DepartmentValues
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.lists import id_argument


@requires(Resource.ORGANISATION, Action.READ)
def department(department_id: str) -> str:
    """Show a department: where it stands, who is in it, and what may be done with it."""
    with reading() as session:
        return _one(session, queries.get_department(session, department_id))


@requires(Resource.ORGANISATION, Action.UPDATE)
def new() -> str:
    """Show the form for another department."""
    with reading() as session:
        return _form(session, None, {"parent_id": id_argument("parent"), "position": "0"})


@requires(Resource.ORGANISATION, Action.UPDATE)
def add() -> ResponseReturnValue:
    """Add a department."""
    given = request.form.to_dict()
    try:
        with writing() as session:
            added = operations.add_department(
                session, _values(given), parent_id=given.get("parent_id") or None, by=stamp()
            )
    except BranchlineError as refused:
        return _again(None, given, refused)
    notice(_("%(name)s is added.", name=added.name))
    return redirect(url_for("organisation.department", department_id=added.id), code=303)


@requires(Resource.ORGANISATION, Action.UPDATE)
def edit(department_id: str) -> str:
    """Show the form filled with what is known."""
    with reading() as session:
        found = queries.get_department(session, department_id)
        values = {name: getattr(found, name) for name in ("name", "code", "position", "head_id")}
        return _form(session, found, values)


@requires(Resource.ORGANISATION, Action.UPDATE)
def change(department_id: str) -> ResponseReturnValue:
    """Rename a department, or give it another code, place or head."""
    given = request.form.to_dict()
    try:
        with writing() as session:
            operations.change_department(session, department_id, _values(given), by=stamp())
    except BranchlineError as refused:
        return _again(department_id, given, refused)
    notice(_("Saved."))
    return redirect(url_for("organisation.department", department_id=department_id), code=303)


@requires(Resource.ORGANISATION, Action.UPDATE)
def move(department_id: str) -> ResponseReturnValue:
    """Put a department under another one."""
    try:
        with writing() as session:
            operations.move_department(
                session, department_id, request.form.get("parent_id") or None, by=stamp()
            )
    except BranchlineError as refused:
        return _shown_again(department_id, refused)
    notice(_("Moved, with everything under it."))
    return redirect(url_for("organisation.department", department_id=department_id), code=303)


@requires(Resource.ORGANISATION, Action.UPDATE)
def retire(department_id: str) -> ResponseReturnValue:
    """Take a department out of use."""
    try:
        with writing(as_node=True) as session:  # somebody not seen may be in it
            operations.retire_department(session, department_id, by=stamp())
    except DepartmentInUseError as refused:
        return _shown_again(department_id, refused)
    notice(_("Retired. Who looks for it still finds it here."))
    return redirect(url_for("organisation.department", department_id=department_id), code=303)


@requires(Resource.ORGANISATION, Action.UPDATE)
def reopen(department_id: str) -> ResponseReturnValue:
    """Take a retired department into use again."""
    try:
        with writing() as session:
            operations.reopen_department(session, department_id, by=stamp())
    except BranchlineError as refused:
        return _shown_again(department_id, refused)
    notice(_("In use again."))
    return redirect(url_for("organisation.department", department_id=department_id), code=303)


@requires(Resource.ORGANISATION, Action.UPDATE)
def merger(department_id: str) -> str:
    """Say what merging moves, before it is done."""
    with reading() as session:
        source = queries.get_department(session, department_id)
        target = queries.get_department(session, id_argument("into"))
        below = [one for one in queries.list_departments(session) if one.parent_id == source.id]
    with reading(as_node=True) as session:  # a number only: it says what the merger moves
        people = len(queries.list_members(session, source.id))
    return render_template(
        "organisation/merge.html", source=source, target=target, people=people, below=len(below)
    )


@requires(Resource.ORGANISATION, Action.UPDATE)
def merge(department_id: str) -> ResponseReturnValue:
    """Move everybody and everything into another department and retire this one."""
    target_id = request.form.get("into", "")
    try:
        with writing(as_node=True) as session:  # everybody moves, seen or not
            operations.merge_departments(session, department_id, target_id, by=stamp())
    except BranchlineError as refused:
        return _shown_again(department_id, refused)
    notice(_("Merged. Everybody and everything stands here now."))
    return redirect(url_for("organisation.department", department_id=target_id), code=303)


def _values(given: Mapping[str, str]) -> DepartmentValues:
    return DepartmentValues(
        given.get("name", ""), given.get("code", ""), given.get("position", ""), given.get("head_id") or None
    )


def _one(session: Session, department: Department, errors: Mapping[str, str] | None = None) -> str:
    departments = queries.list_departments(session)
    known = {one.id: one for one in departments}
    above = {one.id: one.parent_id for one in departments}
    head = session.get(User, department.head_id) if department.head_id else None
    return render_template(
        "organisation/department.html",
        department=department,
        above=[known[one] for one in reversed(lineage(department.id, above)[1:])],
        below=[one for one in departments if one.parent_id == department.id],
        head=head,
        people=[one for one in list_people(session) if one.department_id == department.id],
        others=_choices(departments, besides=department.id),
        errors=errors or {},
    )


def _choices(departments: Sequence[Department], *, besides: str | None = None) -> list[tuple[str, str]]:
    in_use = [one for one in departments if one.retired_at is None]
    nobody: Sequence[Member] = ()
    walked = build_tree(in_use, nobody).walk()
    return [
        (node.department.id, f"{'— ' * depth}{node.department.name} ({node.department.code})")
        for depth, node in walked
        if node.department.id != besides
    ]


def _form(
    session: Session,
    department: Department | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
) -> str:
    return render_template(
        "organisation/form.html",
        department=department,
        values=values,
        errors=errors or {},
        parents=_choices(queries.list_departments(session)),
        heads=[(one.id, f"{one.name} ({one.username})") for one in list_people(session)],
    )


def _again(
    department_id: str | None, given: Mapping[str, Any], refused: BranchlineError
) -> ResponseReturnValue:
    with reading() as session:
        found = queries.get_department(session, department_id) if department_id else None
        return _form(session, found, given, field_errors(refused)), STATUS[refused.kind]


def _shown_again(department_id: str, refused: BranchlineError) -> ResponseReturnValue:
    with reading() as session:
        found = queries.get_department(session, department_id)
        return _one(session, found, field_errors(refused)), STATUS[refused.kind]


_ROUTES: Final[Sequence[tuple[str, str, Callable[..., ResponseReturnValue]]]] = (
    ("GET", "/departments/<id:department_id>", department),
    ("GET", "/departments/new", new),
    ("POST", "/departments", add),
    ("GET", "/departments/<id:department_id>/edit", edit),
    ("POST", "/departments/<id:department_id>", change),
    ("POST", "/departments/<id:department_id>/place", move),
    ("POST", "/departments/<id:department_id>/retirement", retire),
    ("POST", "/departments/<id:department_id>/return", reopen),
    ("GET", "/departments/<id:department_id>/merger", merger),
    ("POST", "/departments/<id:department_id>/merger", merge),
)


def install(blueprint: Blueprint) -> None:
    """Put the pages into the organisation's blueprint."""
    for method, rule, view in _ROUTES:
        blueprint.add_url_rule(rule, view_func=view, methods=[method])

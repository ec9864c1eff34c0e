"""The people of this node: the list, one person, and what administrators and the business change of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from shared.audit.queries import list_history
from shared.auth import granting, operations, queries
from shared.auth.granting import Rights
from shared.auth.models import User
from shared.auth.sessions import end_other_sessions
from shared.domain.organisation.vocabulary import StaffState
from shared.errors import N_, BranchlineError, FieldError
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.organisation.members import state_of
from shared.organisation.operations import place_person
from shared.organisation.queries import list_departments
from shared.rights import policy
from shared.rights.vocabulary import Action, DataRange, Duty, Resource, StaffKind
from shared.web.access import requires
from shared.web.context import NOBODY, person, reading, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.kinds import kind_choices
from shared.web.lists import choice_argument, choices, code_arguments, id_argument, text_argument
from shared.web.paging import PageRequest, paginate
from shared.web.people.listing import NO_DEPARTMENT, SORTS, PeopleFilter, department_names, people
from shared.web.tables import Column

SETTINGS: Final = "branchline-people"
# Digits of the number of a branch; more are nonsense that no database takes.
LONGEST_NUMBER: Final = 9
Choices = Callable[[Session], Sequence[tuple[str, str]]]
TONES: Final = {StaffState.ACTIVE: "ok", StaffState.WAITING: "warn", StaffState.DISABLED: "bad"}
COLUMNS: Final = (
    Column("name", _l("Name"), sort=True, link="people.one", link_arg="user_id"),
    Column("username", _l("User name"), sort=True),
    Column("kind", _l("Kind"), "label", sort=True),
    Column("department_id", _l("Department"), "own"),
    Column("data_range", _l("Data range"), "label"),
    Column("state", _l("State"), "own"),
    Column("last_sign_in_at", _l("Last sign-in"), "instant", sort=True),
    Column("created_at", _l("Added"), "date", sort=True, wide=True),
)
EVENTS: Final = {
    "user.created": N_("made the account"),
    "user.changed": N_("changed the account"),
    "user.blanked": N_("blanked the name past its term"),
    "user.code-issued": N_("gave a one-time code"),
    "user.password-set": N_("set the password"),
    "user.kind-changed": N_("changed the kind"),
    "user.rights-granted": N_("granted duties and range"),
    "user.department_chosen": N_("chose the department"),
    "user.manager_chosen": N_("chose the account manager"),
    "user.disabled": N_("disabled the account"),
    "user.enabled": N_("enabled the account"),
    "user.code-redeemed": N_("chose a password with the one-time code"),
    "user.second-step-enrolled": N_("set up the second step"),
    "user.second-step-given-up": N_("gave up the second step"),
    "user.second-step-reset": N_("reset the second step"),
    "user.recovery-codes-made": N_("made recovery codes"),
    "user.sessions-ended": N_("ended sessions"),
    "second-step.accepted": N_("proved the second step"),
    "second-step.recovery-code-accepted": N_("proved the second step with a recovery code"),
    "second-step.refused": N_("gave a wrong code of the authenticator"),
    "sign-in.accepted": N_("signed in"),
    "sign-in.refused": N_("was refused at the sign-in"),
    "sign-in.wait-forgotten": N_("let them try to sign in again at once"),
    "sign-out": N_("signed out"),
}


@dataclass(frozen=True)
class NodePeople:
    """What a node has: kinds of staff; perhaps account managers to be, and branches a range may be narrowed to."""

    kinds: Sequence[StaffKind]
    managers: Choices | None = None
    branches: Choices | None = None


def people_blueprint(here: NodePeople) -> Blueprint:
    """Return the pages about the people of a node."""
    blueprint = Blueprint("people", __name__, template_folder="templates", url_prefix="/people")
    blueprint.record_once(lambda state: state.app.extensions.__setitem__(SETTINGS, here))
    for method, rule, view in _ROUTES:
        blueprint.add_url_rule(rule, view_func=view, methods=[method])
    return blueprint


@requires(Resource.ACCOUNT, Action.READ)
def index() -> str:
    """List the people who may, or could once, sign in to this node."""
    wanted = PageRequest.from_query(SORTS, default="name")
    asked = _asked()
    with reading() as session:
        page = paginate(session, people(asked), wanted, sorts=SORTS, tie=User.id)
        names = {row[0]: row[1] for row in session.execute(department_names())}
    return render_template(
        "people/index.html",
        page=page,
        columns=COLUMNS,
        asked=asked,
        names=names,
        kinds=kind_choices(_here().kinds),
        states=choices(StaffState),
        departments=[(NO_DEPARTMENT, _("in no department")), *sorted(names.items(), key=lambda one: one[1])],
        state_of=state_of,
        tones=TONES,
    )


@requires(Resource.ACCOUNT, Action.CREATE)
def new() -> str:
    """Show the form for another account."""
    with reading() as session:
        return _new_form(session)


@requires(Resource.ACCOUNT, Action.CREATE)
def create() -> ResponseReturnValue:
    """Make an account and show its one-time code, this once."""
    form = request.form
    try:
        with writing() as session:
            user, code = operations.create_user(
                session,
                username=form.get("username", ""),
                name=form.get("name", ""),
                kind=_kind(form.get("kind", "")),
                by=stamp(),
            )
            place_person(session, user, form.get("department_id") or None, by=stamp())
    except BranchlineError as refused:
        with reading() as session:
            return _new_form(session, field_errors(refused)), STATUS[refused.kind]
    return _show_code(user, code)


@requires(Resource.ACCOUNT, Action.READ)
def one(user_id: str) -> str:
    """Show a person: who they are, what they may do, and what happened to their account."""
    with reading() as session:
        return _page(session, queries.get_user(session, user_id))


@requires(Resource.ACCOUNT, Action.MANAGE)
def change_kind(user_id: str) -> ResponseReturnValue:
    """Make somebody one of another kind; duties and range end with the old one."""
    return _change(
        user_id,
        lambda session, user: operations.change_kind(
            session, user, _kind(request.form.get("kind", "")), by=stamp()
        ),
        _("Changed. Duties and data range have to be granted anew."),
    )


@requires(Resource.ACCOUNT, Action.MANAGE)
def place(user_id: str) -> ResponseReturnValue:
    """Say which department somebody belongs to."""
    chosen = request.form.get("department_id") or None
    return _change(
        user_id, lambda session, user: place_person(session, user, chosen, by=stamp()), _("Saved.")
    )


@requires(Resource.ACCOUNT, Action.MANAGE)
def choose_manager(user_id: str) -> ResponseReturnValue:
    """Say which account manager somebody is."""
    return _change(user_id, _choose_manager, _("Saved."))


@requires(Resource.RIGHT, Action.APPROVE)
def grant(user_id: str) -> ResponseReturnValue:
    """Grant somebody duties and a data range."""
    return _change(
        user_id,
        lambda session, user: granting.grant_rights(session, user, _rights(), by=stamp()),
        _("Granted. It counts from the next sign-in on."),
    )


@requires(Resource.ACCOUNT, Action.MANAGE)
def new_code(user_id: str) -> ResponseReturnValue:
    """Make a fresh one-time code for somebody who forgot their password, and show it this once."""
    with writing() as session:
        user = queries.get_user(session, user_id)
        code = operations.issue_code(session, user, by=stamp())
    return _show_code(user, code)


@requires(Resource.ACCOUNT, Action.MANAGE)
def disable(user_id: str) -> ResponseReturnValue:
    """Keep somebody out from their next request on."""
    return _change(
        user_id,
        lambda session, user: operations.disable_user(session, user, by=stamp()),
        _("Nobody signs in with this account any more."),
    )


@requires(Resource.ACCOUNT, Action.MANAGE)
def enable(user_id: str) -> ResponseReturnValue:
    """Let somebody sign in again."""
    return _change(
        user_id,
        lambda session, user: operations.enable_user(session, user, by=stamp()),
        _("This account can sign in again."),
    )


@requires(Resource.ACCOUNT, Action.MANAGE)
def end_all_sessions(user_id: str) -> ResponseReturnValue:
    """Sign somebody out everywhere."""
    return _change(
        user_id,
        lambda session, user: end_other_sessions(session, user, by=stamp()),
        _("Signed out everywhere."),
    )


def _change(user_id: str, act: Callable[[Session, User], Any], done: str) -> ResponseReturnValue:
    try:
        with writing() as session:
            act(session, queries.get_user(session, user_id))
    except FieldError as refused:
        with reading() as session:
            user = queries.get_user(session, user_id)
            return _page(session, user, field_errors(refused)), STATUS[refused.kind]
    notice(done)
    return redirect(url_for("people.one", user_id=user_id), code=303)


def _page(session: Session, user: User, errors: dict[str, str] | None = None) -> str:
    here = _here()
    departments = [(one.id, f"{one.name} ({one.code})") for one in list_departments(session, retired=False)]
    managers = list(here.managers(session)) if here.managers else None
    branches = list(here.branches(session)) if here.branches else None
    return render_template(
        "people/one.html",
        user=user,
        state=state_of(user),
        tones=TONES,
        errors=errors or {},
        myself=user.id == person().id,
        kinds=kind_choices(here.kinds),
        departments=departments,
        department=next((name for one, name in departments if one == user.department_id), None),
        managers=managers,
        manager=dict(managers or ()).get(user.manager_id or ""),
        branches=branches,
        narrowed=[name for number, name in branches or () if int(number) in (user.branches or ())],
        ranges=[(one.value, label(one)) for one in granting.ranges_open_to(user.kind)],
        duties=[(one.value, label(one)) for one in policy.duties_open_to(user.kind)],
        history=list_history(session, ("user", user.id), limit=30),
        events=EVENTS,
        nobody=NOBODY,
    )


def _new_form(session: Session, errors: dict[str, str] | None = None) -> str:
    return render_template(
        "people/new.html",
        errors=errors or {},
        values=request.form,
        kinds=kind_choices(_here().kinds),
        departments=[
            (one.id, f"{one.name} ({one.code})") for one in list_departments(session, retired=False)
        ],
    )


def _show_code(user: User, code: str) -> ResponseReturnValue:
    return render_template("people/code.html", user=user, code=code, days=operations.CODE_LIFETIME.days)


def _choose_manager(session: Session, user: User) -> None:
    chosen = request.form.get("manager_id") or None
    managers = _here().managers
    if chosen is not None and (managers is None or chosen not in dict(managers(session))):
        raise FieldError(field="manager_id")
    if chosen is not None:
        for other in queries.list_users_of_manager(session, chosen):
            if other.id != user.id:
                operations.choose_manager(session, other, None, by=stamp())
    operations.choose_manager(session, user, chosen, by=stamp())


def _rights() -> Rights:
    form = request.form
    data_range = DataRange.with_code(form.get("data_range", ""))
    if data_range is None:
        raise FieldError(field="data_range")
    duties = [duty for code in form.getlist("duties") if (duty := Duty.with_code(code)) is not None]
    given = [one for one in form.getlist("branches") if one.isascii() and one.isdigit()]
    numbers = [int(one) for one in given if len(one) <= LONGEST_NUMBER]
    return Rights(data_range, duties, numbers if form.get("to") == "some" else None)


def _asked() -> PeopleFilter:
    department = text_argument("department")
    if department != NO_DEPARTMENT:
        department = id_argument("department")
    return PeopleFilter(
        text_argument("q"),
        StaffKind.with_code(choice_argument("kind", [*StaffKind])),
        department,
        next(iter(code_arguments("state", StaffState)), None),
    )


def _kind(code: str) -> StaffKind:
    kind = StaffKind.with_code(code)
    if kind is None or kind not in _here().kinds:
        raise FieldError(field="kind")
    return kind


def _here() -> NodePeople:
    found = current_app.extensions[SETTINGS]
    assert isinstance(found, NodePeople)
    return found


_ROUTES: Final[Sequence[tuple[str, str, Callable[..., ResponseReturnValue]]]] = (
    ("GET", "", index),
    ("GET", "/new", new),
    ("POST", "", create),
    ("GET", "/<id:user_id>", one),
    ("POST", "/<id:user_id>/kind", change_kind),
    ("POST", "/<id:user_id>/department", place),
    ("POST", "/<id:user_id>/manager", choose_manager),
    ("POST", "/<id:user_id>/rights", grant),
    ("POST", "/<id:user_id>/code", new_code),
    ("POST", "/<id:user_id>/disabled", disable),
    ("POST", "/<id:user_id>/enabled", enable),
    ("POST", "/<id:user_id>/sessions", end_all_sessions),
)

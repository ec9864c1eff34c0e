"""Account managers: the list, entering and changing. What each holds and did is the desk's page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.inbound.queries import codes, words_of
from branch_node.managers import operations, queries
from branch_node.managers.models import Manager
from branch_node.managers.operations import ManagerChangedMeanwhileError, ManagerNumberTakenError
from branch_node.managers.schemas import ManagerForm
from shared.auth import queries as users
from shared.db.base import instant_text
from shared.domain.form_fields import NOT_LISTED
from shared.domain.managers.vocabulary import ManagerStatus
from shared.domain.published.vocabulary import CodeTable
from shared.domain.published.words import code_word
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.i18n import translate_error
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.forms import field_errors, notice, stored_otherwise
from shared.web.lists import choices, code_arguments, text_argument
from shared.web.tables import Column

blueprint = Blueprint("managers", __name__, template_folder="templates", url_prefix="/managers")

COLUMNS: Final = (
    Column(
        "manager_no", _l("Staff number"), link="desk.manager", link_arg="manager_id", edit="managers.edit"
    ),
    Column("name", _l("Name")),
    Column("post", _l("Post")),
    Column("level", _l("Level"), wide=True),
    Column("department", _l("Department")),
    Column("mobile", _l("Mobile")),
    Column("status", _l("Status"), "own"),
    Column("updated_at", _l("Changed"), "instant", wide=True),
)
CODED: Final = {"post": CodeTable.MANAGER_POST, "level": CodeTable.MANAGER_LEVEL}
TONES: Final = {ManagerStatus.ACTIVE: "ok", ManagerStatus.ON_LEAVE: "warn", ManagerStatus.LEFT: ""}


@blueprint.get("")
@requires(Resource.MANAGER, Action.READ)
def index() -> str:
    """List account managers by staff number."""
    statuses = code_arguments("status", ManagerStatus)
    with reading() as session:
        found = queries.list_managers(session, query=text_argument("q"), statuses=statuses)
    return render_template(
        "managers/index.html",
        managers=found,
        columns=COLUMNS,
        statuses=choices(ManagerStatus),
        status=statuses[0].value if statuses else "",
        tones=TONES,
    )


@blueprint.get("/new")
@requires(Resource.MANAGER, Action.CREATE)
def new() -> str:
    """Show the empty form."""
    with reading() as session:
        return _form(session, None, {"status": ManagerStatus.ACTIVE.value})


@blueprint.post("")
@requires(Resource.MANAGER, Action.CREATE)
def register() -> ResponseReturnValue:
    """Enter a new account manager."""
    given = request.form.to_dict()
    try:
        with writing() as session:
            values = ManagerForm().load(given)
            _check_codes(session, values, None)
            manager = operations.register_manager(session, values, by=stamp())
    except ValidationError as refused:
        return _again(None, given, field_errors(refused)), 400
    except ManagerNumberTakenError as refused:
        return _again(None, given, {"manager_no": translate_error(refused)}), 409
    notice(_("%(name)s is entered.", name=manager.name))
    return redirect(url_for("desk.manager", manager_id=manager.id), code=303)


@blueprint.get("/<uuid:manager_id>/edit")
@requires(Resource.MANAGER, Action.UPDATE)
def edit(manager_id: object) -> str:
    """Show the form filled with what we know."""
    with reading() as session:
        manager = queries.get_manager(session, str(manager_id))
        signs_in = users.list_users_of_manager(session, manager.id)
        values = {name: getattr(manager, name) for name in operations.EDITABLE}
        values["user_id"] = signs_in[0].id if signs_in else ""
        return _form(session, manager, values)


@blueprint.post("/<uuid:manager_id>")
@requires(Resource.MANAGER, Action.UPDATE)
def change(manager_id: object) -> ResponseReturnValue:
    """Save an account manager, unless somebody else did meanwhile."""
    given = request.form.to_dict()
    try:
        with writing() as session:
            seen_at = _seen_at(given.get("seen_at", ""))
            values = ManagerForm().load(given)
            _check_codes(session, values, queries.get_manager(session, str(manager_id)))
            operations.change_manager(session, str(manager_id), values, seen_at=seen_at, by=stamp())
            operations.choose_user(session, str(manager_id), given.get("user_id") or None, by=stamp())
    except ValidationError as refused:
        return _again(str(manager_id), given, field_errors(refused)), 400
    except ManagerNumberTakenError as refused:
        return _again(str(manager_id), given, {"manager_no": translate_error(refused)}), 409
    except ManagerChangedMeanwhileError as refused:
        # The form keeps what the person wrote and now rests on the latest version, which is shown.
        del given["seen_at"]
        return _again(str(manager_id), given, {"": translate_error(refused)}, compare=True), 409
    notice(_("Saved."))
    return redirect(url_for("desk.manager", manager_id=manager_id), code=303)


def _again(
    manager_id: str | None, given: Mapping[str, Any], errors: Mapping[str, str], *, compare: bool = False
) -> str:
    with reading() as session:
        manager = queries.get_manager(session, manager_id) if manager_id else None
        stored = {name: getattr(manager, name) for name in operations.EDITABLE} if compare else {}
        return _form(session, manager, given, errors, theirs=stored_otherwise(stored, given))


def _form(
    session: Session,
    manager: Manager | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
    theirs: Sequence[tuple[str, str]] = (),
) -> str:
    return render_template(
        "managers/form.html",
        manager=manager,
        values=values,
        errors=errors or {},
        theirs=theirs,
        # A form that is shown again still rests on what its reader saw, not on what others saved since.
        seen_at=values.get("seen_at") or (instant_text(manager.updated_at) if manager else ""),
        statuses=choices(ManagerStatus),
        posts=_choices(session, values, "post"),
        levels=_choices(session, values, "level"),
        users=[(user.id, f"{user.name} ({user.username})") for user in users.list_users(session)],
    )


def _check_codes(session: Session, values: Mapping[str, Any], before: Manager | None) -> None:
    """Refuse a post or level that head office does not offer; one the account manager had before may stay."""
    errors = {}
    for name, table in CODED.items():
        offered = codes(session, table, now=stamp().at)
        allowed = {one.code for one in offered or ()} | {None, "", getattr(before, name, None)}
        if offered is not None and values.get(name) not in allowed:
            errors[name] = [NOT_LISTED]
    if errors:
        raise ValidationError(errors)


def _choices(session: Session, values: Mapping[str, Any], name: str) -> list[tuple[str, str]] | None:
    """Return what may be chosen for a post or level, what stands there included; None: any text will do."""
    offered = codes(session, CODED[name], now=stamp().at)
    if offered is None:
        return None
    words = {one.code: code_word(one) for one in words_of(session, CODED[name])}
    standing = str(values.get(name) or "")
    shown = dict.fromkeys([*(one.code for one in offered), *([standing] if standing else [])])
    return [(code, words.get(code, code)) for code in shown]


def _seen_at(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        raise ValidationError({"": [_("Please open the form again.")]}) from None

"""Account managers: the list, entering and changing. What each holds and did is the desk's page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from branch_node.managers import operations, queries
from branch_node.managers.models import Manager
from branch_node.managers.operations import ManagerChangedMeanwhileError, ManagerNumberTakenError
from branch_node.managers.schemas import ManagerForm
from shared.auth import queries as users
from shared.auth.vocabulary import Right
from shared.db.base import instant_text
from shared.domain.managers.vocabulary import ManagerStatus
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.i18n import translate_error
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.forms import field_errors, notice
from shared.web.lists import choices, code_arguments, text_argument
from shared.web.tables import Column

blueprint = Blueprint("managers", __name__, template_folder="templates", url_prefix="/managers")

COLUMNS: Final = (
    Column("manager_no", _l("Staff number"), link="desk.manager", link_arg="manager_id"),
    Column("name", _l("Name")),
    Column("post", _l("Post")),
    Column("level", _l("Level"), wide=True),
    Column("department", _l("Department")),
    Column("mobile", _l("Mobile")),
    Column("status", _l("Status"), "own"),
    Column("updated_at", _l("Changed"), "instant", wide=True),
)
TONES: Final = {ManagerStatus.ACTIVE: "ok", ManagerStatus.ON_LEAVE: "warn", ManagerStatus.LEFT: ""}


@blueprint.get("")
@requires(Right.STAFF)
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
@requires(Right.ADMINISTRATOR)
def new() -> str:
    """Show the empty form."""
    with reading() as session:
        return _form(session, None, {"status": ManagerStatus.ACTIVE.value})


@blueprint.post("")
@requires(Right.ADMINISTRATOR)
def register() -> ResponseReturnValue:
    """Enter a new account manager."""
    given = request.form.to_dict()
    try:
        with writing() as session:
            manager = operations.register_manager(session, ManagerForm().load(given), by=stamp())
    except ValidationError as refused:
        return _again(None, given, field_errors(refused)), 400
    except ManagerNumberTakenError as refused:
        return _again(None, given, {"manager_no": translate_error(refused)}), 409
    notice(_("%(name)s is entered.", name=manager.name))
    return redirect(url_for("desk.manager", manager_id=manager.id), code=303)


@blueprint.get("/<uuid:manager_id>/edit")
@requires(Right.ADMINISTRATOR)
def edit(manager_id: object) -> str:
    """Show the form filled with what we know."""
    with reading() as session:
        manager = queries.get_manager(session, str(manager_id))
        signs_in = users.list_users_of_manager(session, manager.id)
        values = {name: getattr(manager, name) for name in operations.EDITABLE}
        values["user_id"] = signs_in[0].id if signs_in else ""
        return _form(session, manager, values)


@blueprint.post("/<uuid:manager_id>")
@requires(Right.ADMINISTRATOR)
def change(manager_id: object) -> ResponseReturnValue:
    """Save an account manager, unless somebody else did meanwhile."""
    given = request.form.to_dict()
    try:
        with writing() as session:
            seen_at = _seen_at(given.get("seen_at", ""))
            values = ManagerForm().load(given)
            operations.change_manager(session, str(manager_id), values, seen_at=seen_at, by=stamp())
            operations.choose_user(session, str(manager_id), given.get("user_id") or None, by=stamp())
    except ValidationError as refused:
        return _again(str(manager_id), given, field_errors(refused)), 400
    except ManagerNumberTakenError as refused:
        return _again(str(manager_id), given, {"manager_no": translate_error(refused)}), 409
    except ManagerChangedMeanwhileError as refused:
        return _again(str(manager_id), given, {"": translate_error(refused)}), 409
    notice(_("Saved."))
    return redirect(url_for("desk.manager", manager_id=manager_id), code=303)


def _again(manager_id: str | None, given: Mapping[str, Any], errors: Mapping[str, str]) -> str:
    with reading() as session:
        manager = queries.get_manager(session, manager_id) if manager_id else None
        return _form(session, manager, given, errors)


def _form(
    session: Session,
    manager: Manager | None,
    values: Mapping[str, Any],
    errors: Mapping[str, str] | None = None,
) -> str:
    return render_template(
        "managers/form.html",
        manager=manager,
        values=values,
        errors=errors or {},
        seen_at=instant_text(manager.updated_at) if manager else "",
        statuses=choices(ManagerStatus),
        users=[(user.id, f"{user.name} ({user.username})") for user in users.list_users(session)],
    )


def _seen_at(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        raise ValidationError({"": [_("Please open the form again.")]}) from None

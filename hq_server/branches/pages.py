"""Registering a branch by screen, and revoking its keys."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hq_server.branches import keys, operations
from hq_server.branches.errors import AlreadyJoinedError
from hq_server.branches.queries import get_branch
from hq_server.runtime import HqRuntime
from shared.errors import FieldError
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import runtime, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice

blueprint = Blueprint(
    "branches", __name__, template_folder="templates", static_folder="static", url_prefix="/branches"
)


@blueprint.get("/enrol")
@requires(Resource.NODE, Action.MANAGE)
def enrol() -> str:
    """Ask for the code and name of a branch to register; ?code= and ?name= fill them in."""
    return render_template("branches/enrol.html", values=request.args, errors={})


@blueprint.post("/enrol")
@requires(Resource.NODE, Action.MANAGE)
def register() -> ResponseReturnValue:
    """Register a branch and show its one-time code, this once."""
    code, name = request.form.get("code", "").strip(), request.form.get("name", "").strip()
    try:
        with writing() as session:
            branch, one_time = operations.enrol_branch(
                session,
                code,
                name,
                push_interval_s=runtime(HqRuntime).settings.push_interval_s,
                by=stamp(),
                again=request.form.get("again") == "yes",
            )
    except (FieldError, AlreadyJoinedError) as error:
        page = render_template("branches/enrol.html", values=request.form, errors=field_errors(error))
        return page, STATUS[error.kind]
    return render_template(
        "branches/enrolled.html",
        branch=branch,
        code=one_time,
        expires_at=stamp().at + operations.CODE_VALID_FOR,
        hq_url=request.host_url.rstrip("/"),
    ), 201


@blueprint.post("/<code>/revoke")
@requires(Resource.NODE, Action.MANAGE)
def revoke(code: str) -> ResponseReturnValue:
    """Refuse one key of a branch from the next request on."""
    with writing() as session:
        keys.revoke(session, get_branch(session, code), key=request.form.get("key", ""), by=stamp())
    notice(_("The key is revoked. The branch's node is refused from now on; a new code lets it come back."))
    return redirect(url_for("fleet.one", code=code), code=303)

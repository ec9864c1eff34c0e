"""Deciding which of two nodes speaks as a branch."""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from hq_server.branches.queries import get_branch
from hq_server.gate.contacts import let_contender_speak
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import stamp, writing
from shared.web.forms import notice

blueprint = Blueprint("gate", __name__, url_prefix="/branches")


@blueprint.post("/<code>/take-over")
@requires(Resource.NODE, Action.MANAGE)
def take_over(code: str) -> ResponseReturnValue:
    """Let the node that is refused as a copy speak as the branch from now on."""
    with writing() as session:
        let_contender_speak(session, get_branch(session, code), by=stamp())
    notice(_("The refused node takes over at its next contact; the other is refused from then on."))
    return redirect(url_for("fleet.one", code=code), code=303)

"""The sessions somebody has open: their own, to be ended by themselves, and others', by an administrator."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from shared.auth import queries, sessions
from shared.i18n import format_number
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.accounts.going_on import next_page
from shared.web.context import person, reading, stamp, writing
from shared.web.forms import notice
from shared.web.sessions import account_rules, here

blueprint = Blueprint("sessions", __name__, template_folder="templates", url_prefix="/account/sessions")


@blueprint.get("")
@requires(Resource.OWN_ACCOUNT, Action.READ)
def index() -> str:
    """Show people where they are signed in, and since when."""
    with reading() as database:
        rows = sessions.list_sessions(database, person(), rules=account_rules(database), now=stamp().at)
    return render_template("accounts/sessions.html", rows=rows, present=here().session.id)


@blueprint.post("/<id:session_id>/end")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def end(session_id: str) -> ResponseReturnValue:
    """End one of one's own sessions, from its next request on."""
    with writing(on_reserve=True) as database:
        sessions.end_session(database, person(), session_id, by=stamp())
    notice(_("That session is ended."))
    return redirect(url_for("sessions.index"), code=303)


@blueprint.post("/end-others")
@requires(Resource.OWN_ACCOUNT, Action.UPDATE)
def end_others() -> ResponseReturnValue:
    """End every session of one's own but this one."""
    with writing(on_reserve=True) as database:
        ended = sessions.end_other_sessions(database, person(), keep=here().session.id, by=stamp())
    notice(_("Sessions ended: %(count)s.", count=format_number(ended)))
    return redirect(url_for("sessions.index"), code=303)


@blueprint.post("/of/<id:user_id>/end")
@requires(Resource.ACCOUNT, Action.MANAGE)
def end_all_of(user_id: str) -> ResponseReturnValue:
    """Sign somebody out everywhere."""
    with writing(on_reserve=True) as database:
        user = queries.get_user(database, user_id)
        ended = sessions.end_other_sessions(database, user, by=stamp())
    notice(_("Sessions of %(name)s ended: %(count)s.", name=user.name, count=format_number(ended)))
    return redirect(next_page(), code=303)

"""The alarms of this node, and closing one by hand."""

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from shared.alarms import queries
from shared.alarms.errors import AlarmNoteError
from shared.alarms.models import Alarm
from shared.alarms.vocabulary import AlarmKind, Severity
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.twoperson.closing import end_alarm, find_closing, takes_two
from shared.twoperson.models import ProposedAct
from shared.web.access import requires
from shared.web.alarms.words import AlarmLine, AlarmWords, Links
from shared.web.context import reading, stamp, viewer, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.paging import PageRequest, paginate

SORTS: Final = {"closed_at": Alarm.closed_at}


def alarms_blueprint(kinds: Sequence[AlarmKind], links: Links | None = None) -> Blueprint:
    """Return the pages about alarms of `kinds`; `links` makes the address of a subject by its type.

    Every template may include "alarms/strip.html": the critical ones that are open.
    """
    blueprint = Blueprint("alarms", __name__, template_folder="templates", url_prefix="/alarms")
    words = AlarmWords(kinds, links or {})

    def critical_alarms() -> list[AlarmLine]:
        if viewer() is None:
            return []
        with reading() as session:
            return [words.line(one) for one in queries.list_open(session, severity=Severity.CRITICAL)]

    @blueprint.record_once
    def offer_strip(state: BlueprintSetupState) -> None:
        state.app.jinja_env.globals["critical_alarms"] = critical_alarms

    @blueprint.get("")
    @requires(Resource.ALARM, Action.READ)
    def index() -> str:
        """Show what is wrong now, worst first, and below it what is over, latest first."""
        wanted = PageRequest.from_query(SORTS, default="-closed_at")
        with reading() as session:
            lines = [words.line(one) for one in queries.list_open(session)]
            page = paginate(session, queries.closed_alarms(), wanted, sorts=SORTS, tie=Alarm.id)
            closed = [words.line(one) for one in page.items]
        return render_template("alarms/index.html", lines=lines, closed=closed, page=page)

    @blueprint.get("/<id:alarm_id>")
    @requires(Resource.ALARM, Action.READ)
    def one(alarm_id: str) -> str:
        """Show one alarm with all that is known of it and what to do."""
        return _show(words, alarm_id)

    @blueprint.post("/<id:alarm_id>/closing")
    @requires(Resource.ALARM, Action.MANAGE)
    def close(alarm_id: str) -> ResponseReturnValue:
        """End an alarm by hand, with a note."""
        try:
            with writing() as session:
                asked = end_alarm(session, alarm_id, note=request.form.get("note", ""), by=stamp())
        except AlarmNoteError as error:
            refused = {"note": field_errors(error)[""]}
            return _show(words, alarm_id, values=request.form, errors=refused), STATUS[error.kind]
        return _go_on(asked)

    return blueprint


def _go_on(asked: ProposedAct | None) -> ResponseReturnValue:
    """Say what became of closing it: done, or asked of a second person."""
    if asked is not None:
        notice(_("Another administrator has been asked to agree; until then the alarm stands."))
        return redirect(url_for("two_person.one", act_id=asked.id), code=303)
    notice(_("The alarm is closed. If the cause is still there, it will be raised again."))
    return redirect(url_for("alarms.index"), code=303)


def _show(words: AlarmWords, alarm_id: str, **values: object) -> str:
    with reading() as session:
        line = words.line(queries.get_alarm(session, alarm_id))
        asked = find_closing(session, line.alarm, now=stamp().at)
    return render_template(
        "alarms/one.html", line=line, asked=asked, takes_two=takes_two(line.alarm), **values
    )

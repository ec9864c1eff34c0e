"""How the node's jobs stand, and running one now."""

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from shared.audit.operations import record
from shared.i18n import gettext as _
from shared.jobs import operations, queries
from shared.jobs.job import Job
from shared.jobs.models import JobRun
from shared.jobs.runner import JobUnknownError
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.forms import notice
from shared.web.paging import PageRequest, paginate

SORTS: Final = {"started_at": JobRun.started_at}


def jobs_blueprint(jobs: Sequence[Job]) -> Blueprint:
    """Return the pages about `jobs`, for administrators."""
    blueprint = Blueprint("running", __name__, template_folder="templates", url_prefix="/jobs")
    known = {job.name: job for job in jobs}

    @blueprint.get("")
    @requires(Resource.JOB, Action.READ)
    def index() -> str:
        """Show every job and the runs, newest first."""
        wanted = PageRequest.from_query(SORTS, default="-started_at")
        with reading() as session:
            states = queries.list_states(session, jobs)
            page = paginate(session, queries.runs(), wanted, sorts=SORTS, tie=JobRun.id)
        return render_template("running/index.html", states=states, page=page, known=known)

    @blueprint.post("/<name>/run")
    @requires(Resource.JOB, Action.MANAGE)
    def run_now(name: str) -> ResponseReturnValue:
        """Make a job due at once."""
        if name not in known:
            raise JobUnknownError(job=name, known=", ".join(known))
        by = stamp()
        with writing() as session:
            operations.run_soon(session, name, now=by.at)
            record(session, "job.asked", subject=("job", name), by=by)
        notice(_("%(job)s starts within seconds.", job=_(known[name].title_msgid)))
        return redirect(url_for("running.index"), code=303)

    return blueprint

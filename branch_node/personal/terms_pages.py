"""What goes tonight: the customers of whom something is past its term, shown before it is blanked."""

from typing import Final

from flask import Blueprint, render_template

from branch_node.personal import retention
from shared.domain.calendar import local_day
from shared.domain.personal.keeping import CLASS_WORDS
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp

blueprint = Blueprint("terms", __name__, template_folder="templates", url_prefix="/personal-data/tonight")
MOST_LISTED: Final = 500


@blueprint.get("")
@requires(Resource.PERSONAL_DATA, Action.APPROVE)
def tonight() -> str:
    """Show counts by class, and whose data it is; nothing is changed."""
    zone = runtime().settings.timezone
    with reading() as session:
        now = retention.certain_time(session, stamp().at)
        kept = retention.terms(session, stamp().at)
        today = local_day(now or stamp().at, zone)
        found = list(retention.find_due(session, kept, today, timezone=zone))
    return render_template(
        "personal/tonight.html",
        certain=now is not None,
        kept=kept,
        found=found[:MOST_LISTED],
        total=len(found),
        counts=retention.count_kinds(found),
        classes=CLASS_WORDS,
    )

"""Work logs, visits among them, in the search box."""

from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from branch_node.worklogs import queries
from branch_node.worklogs.models import WORK_LOG_SEARCH, WorkLog
from branch_node.worklogs.queries import LogRow
from shared.domain.calendar import local_day
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.context import runtime
from shared.web.finding.finder import Finder, Found, Hit, counted

LONGEST: Final = 80


def _find(session: Session, asked: str, limit: int, offset: int) -> Found:
    if not WORK_LOG_SEARCH.may_find(session, asked):
        return Found((), 0)
    wanted = queries.logs_found(session, asked)
    hits = [_hit(row) for row in session.execute(wanted.limit(limit).offset(offset))]
    if not offset and len(hits) < limit:
        return Found(hits, len(hits))
    return Found(hits, *counted(session, wanted.with_only_columns(WorkLog.id)))


def _hit(row: LogRow) -> Hit:
    log = row.WorkLog
    day = local_day(log.started_at, runtime().settings.timezone).isoformat()
    told = (log.text[:LONGEST], row.customer_name, row.manager_name)
    return Hit(
        f"{day} {label(log.kind)}",
        _(", ").join(each for each in told if each),
        url_for("worklogs.entry", log_id=log.id),
        id=log.id,
    )


WORK_LOGS: Final = Finder(
    "work-logs", _l("Work logs"), "notebook", Resource.WORK_LOG, _find, indexes=(WORK_LOG_SEARCH,)
)

"""Account managers of all branches in the search box."""

from typing import Final

from flask import url_for
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from hq_server.branches.queries import list_branches
from hq_server.replica.models import ReplicaManager
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.finding.finder import Finder, Found, Hit, counted


def _find(session: Session, asked: str, limit: int, offset: int) -> Found:
    manager = ReplicaManager
    named = (
        or_(
            *(
                func.lower(column).contains(word.lower(), autoescape=True)
                for column in (manager.name, manager.manager_no)
            )
        )
        for word in asked.split()
    )
    wanted = select(manager).where(*named)
    ordered = wanted.order_by(manager.name, manager.branch_number, manager.id)
    branches = {branch.number: branch for branch in list_branches(session)}
    hits = [
        Hit(
            one.name,
            _(", ").join((one.manager_no, branches[one.branch_number].name)),
            url_for("oversight.manager", code=branches[one.branch_number].code, manager_id=one.id),
            label(one.status),
        )
        for one in session.scalars(ordered.limit(limit).offset(offset))
        if one.branch_number in branches
    ]
    return Found(hits, *counted(session, wanted.with_only_columns(manager.id)))


MANAGERS: Final = Finder("managers", _l("Account managers"), "briefcase", Resource.MANAGER, _find)

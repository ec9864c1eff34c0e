"""Account managers in the search box."""

from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from branch_node.managers import queries
from branch_node.managers.models import Manager
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.finding.finder import Finder, Found, Hit


def _find(session: Session, asked: str, limit: int, offset: int) -> Found:
    # A branch has some dozens of them: no index is asked.
    found = queries.list_managers(session, query=asked)
    return Found([_hit(one) for one in found[offset : offset + limit]], len(found))


def _hit(manager: Manager) -> Hit:
    told = (manager.manager_no, manager.department)
    return Hit(
        manager.name,
        _(", ").join(each for each in told if each),
        url_for("desk.manager", manager_id=manager.id),
        label(manager.status),
        id=manager.id,
    )


MANAGERS: Final = Finder(
    "managers", _l("Account managers"), "briefcase", Resource.MANAGER, _find, hint=queries.any_met
)

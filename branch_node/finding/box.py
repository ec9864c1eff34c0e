"""The search box of a branch: its kinds of records, and its words about files out of sight."""

from collections.abc import Sequence
from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from branch_node.billing.finders import BILL_LINES
from branch_node.customers import finders, queries
from branch_node.customers.telling import tell
from branch_node.documents.finders import DOCUMENTS
from branch_node.managers.finders import MANAGERS
from branch_node.units.finders import UNITS
from branch_node.worklogs.finders import WORK_LOGS
from shared.domain.regions import search_regions
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights import policy
from shared.rights.vocabulary import Action, DataRange, Resource
from shared.web.context import person, rights_of
from shared.web.finding.finder import Finder, Found, Hit
from shared.web.finding.pages import Box
from shared.web.finding.recent import opened_lately

RECENT: Final = 8
MOST_REGIONS: Final = 5


def _find_regions(session: Session, asked: str, limit: int, offset: int) -> Found:
    known = search_regions(asked, limit=MOST_REGIONS)
    wanted = [one for one in known if queries.has_customers_in(session, one.code)]
    hits = [
        Hit(
            one.full_name,
            _("Customers in %(region)s", region=one.full_name),
            _customers_in(one.code),
            id=one.code,
        )
        for one in wanted
    ]
    return Found(hits[offset : offset + limit], len(hits))


def _customers_in(region: str) -> str:
    return url_for("customers.index", region=region)


REGIONS: Final = Finder("regions", _l("Regions"), "map-pin", Resource.CUSTOMER, _find_regions)
FINDERS: Final[Sequence[Finder]] = (
    finders.CUSTOMERS,
    finders.CONTACTS,
    UNITS,
    WORK_LOGS,
    BILL_LINES,
    DOCUMENTS,
    MANAGERS,
    REGIONS,
)


def _sure(session: Session, asked: str) -> str | None:
    exact = queries.find_by_number(session, asked)
    return url_for("desk.customer", customer_id=exact.id) if exact is not None else None


def _recent(session: Session) -> Sequence[Hit]:
    ids = opened_lately("customer", limit=RECENT)
    rows = {row.Customer.id: row for row in queries.rows_of(session, ids)}
    return [finders.hit_of(rows[at]) for at in ids if at in rows]


def _beyond(asked: str) -> Sequence[str]:
    """Say of files that just these words name, and that who asks may not see, that they exist and who serves them."""
    allowed = policy.allowed(rights_of(person()), Resource.CUSTOMER, Action.READ)
    if allowed is None or allowed.range is not DataRange.SELF:
        return ()
    return tell(asked).sentences


BOX: Final = Box(
    FINDERS, sure=_sure, recent=_recent, sure_hint=queries.any_numbered, beyond=_beyond, new="customers.new"
)

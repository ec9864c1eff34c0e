"""The search box of head office: what is found in it, and which branches an answer covers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import url_for
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.branches.queries import coverage, find_branch
from hq_server.customers import finders, queries
from hq_server.oversight.finders import MANAGERS
from hq_server.units.finders import UNITS
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.context import stamp
from shared.web.finding.finder import Finder, Found, Hit
from shared.web.finding.pages import Box
from shared.web.finding.recent import opened_lately

RECENT: Final = 8


def _find_branches(session: Session, asked: str, limit: int, offset: int) -> Found:
    word = asked.lower()
    named = (func.lower(column).contains(word, autoescape=True) for column in (Branch.code, Branch.name))
    found = session.scalars(select(Branch).where(or_(*named)).order_by(Branch.code)).all()
    hits = [Hit(one.name, one.code, url_for("fleet.one", code=one.code)) for one in found]
    return Found(hits[offset : offset + limit], len(hits))


BRANCHES: Final = Finder("branches", _l("Branches"), "building-bank", Resource.NODE, _find_branches)


def _recent(session: Session) -> Sequence[Hit]:
    """Return the customers opened lately: a page of one is told as its branch's code and its id."""
    found = []
    for told in opened_lately("customer", limit=RECENT):
        code, _slash, customer_id = told.partition("/")
        branch = find_branch(session, code) if customer_id else None
        customer = queries.find_customer(session, branch, customer_id) if branch else None
        if customer is not None:
            found.append(customer)
    return finders.hits_of(session, found)


def _about(session: Session) -> Mapping[str, Any]:
    return {"coverage": coverage(session, stamp().at)}


BOX: Final = Box(
    (finders.CUSTOMERS, UNITS, MANAGERS, BRANCHES), recent=_recent, foot="hq/finding_foot.html", about=_about
)

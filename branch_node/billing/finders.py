"""Bill lines in the search box, by their number."""

from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from branch_node.billing import queries
from branch_node.billing.queries import LineRow
from shared.i18n import format_money, label
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.finding.finder import Finder, Found, Hit


def _find(session: Session, asked: str, limit: int, offset: int) -> Found:
    hits = [_hit(row) for row in queries.find_by_number(session, asked)]
    return Found(hits[offset : offset + limit], len(hits))


def _hit(row: LineRow) -> Hit:
    line = row.BillLine
    told = (
        label(line.kind),
        format_money(line.amount_minor, line.currency),
        line.period,
        f"{row.customer_name} ({row.customer_no})",
    )
    return Hit(line.bill_no, _(", ").join(told), url_for("billing.line", line_id=line.id), id=line.id)


BILL_LINES: Final = Finder(
    "bill-lines", _l("Bill lines"), "receipt", Resource.BILL_LINE, _find, hint=queries.any_numbered
)

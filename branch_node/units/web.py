"""What the pages of tracked units share: words, whom a form means, and what is called in."""

from typing import Final

from sqlalchemy.orm import Session

from branch_node.customers import queries as customers
from branch_node.inbound.queries import codes
from branch_node.units.errors import UnitFieldError
from shared.domain.published.codes import Code
from shared.domain.published.vocabulary import CodeTable
from shared.domain.published.words import code_word
from shared.domain.units.vocabulary import UnitEventKind, UnitStatus
from shared.errors import BranchlineError
from shared.i18n import gettext as _
from shared.i18n import translate_error
from shared.web.context import stamp

KIND_TONES: Final = {
    UnitEventKind.OWNER: "info",
    UnitEventKind.RETURNED: "warn",
    UnitEventKind.COMPLAINT: "bad",
    UnitEventKind.RECALL_DONE: "ok",
}
STATUS_TONES: Final = {UnitStatus.IN_USE: "ok", UnitStatus.RETIRED: ""}


def products(session: Session) -> list[Code] | None:
    """Return the products that may be chosen; None where head office has published no table: anything goes."""
    return codes(session, CodeTable.UNIT_PRODUCT, now=stamp().at)


def product_choices(session: Session, keep: str | None) -> list[tuple[str, str]] | None:
    """Return the products for a list to choose from, with the one a unit has already; None where anything goes."""
    known = products(session)
    if known is None:
        return None
    offered = [(one.code, code_word(one)) for one in known]
    return offered if not keep or keep in dict(offered) else [(keep, keep), *offered]


def customer_meant(session: Session, given: str | None, field: str = "customer") -> str | None:
    """Return the one customer a text means, None for no text; raises UnitFieldError for nobody or several."""
    if not given:
        return None
    found = customers.find_meant(session, given, limit=4)
    if not found:
        raise UnitFieldError(field=field, cure=_("No customer is found by this. Give the customer number."))
    if len(found) > 1:
        names = _(", ").join(f"{customer.customer_no} {customer.name}" for customer in found)
        cure = _("Several customers are meant by this: %(names)s. Give one number.", names=names)
        raise UnitFieldError(field=field, cure=cure)
    return found[0].id


def sentence(refused: BranchlineError, field: str = "") -> dict[str, str]:
    """Return an error at its field, for a form to show."""
    if isinstance(refused, UnitFieldError):
        return {str(refused.params["field"]): _(str(refused.params["cure"]))}
    return {field: translate_error(refused)}

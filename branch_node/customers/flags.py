"""What pages say of stale and contradictory fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from branch_node.customers import upkeep
from branch_node.customers.confirming import seen_field
from branch_node.customers.models import Customer
from branch_node.customers.upkeep import Flag, Rules
from shared.domain.customers.upkeep import Conflict
from shared.i18n import gettext as _
from shared.i18n import label
from shared.i18n import lazy_gettext as _l
from shared.web.context import runtime, stamp

FIELD_WORDS: Final = {
    "mobile": _l("Mobile"),
    "phone": _l("Phone"),
    "email": _l("E-mail"),
    "wechat": _l("WeChat account"),
    "region_code": _l("Region"),
    "address": _l("Address"),
    "id_no": _l("Document number"),
    "preferred_channel": _l("Preferred channel"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A flag as a page shows it: with whom it contradicts, and by which a form says which value it was shown with."""

    flag: Flag
    seen: str
    same: Sequence[Customer] = ()


def rules_now(session: Session) -> Rules:
    """Return what counts as stale or contradictory now, where this node is."""
    return upkeep.rules_in_force(session, now=stamp().at, timezone=runtime().settings.timezone)


def flag_text(flag: Flag) -> str:
    """Return a flag in a word and its field: stale (Mobile)."""
    return _("%(kind)s (%(field)s)", kind=label(flag.kind), field=FIELD_WORDS[flag.field])


def flags_text(flags: Sequence[Flag]) -> str:
    """Return the flags of a customer in a cell of a file."""
    return _(", ").join(dict.fromkeys(flag_text(flag) for flag in flags))


def told_flags(session: Session, customer: Customer) -> Mapping[str, list[Told]]:
    """Return the flags of one customer by field."""
    found = upkeep.flags_of(session, rules_now(session), [customer.id]).get(customer.id, ())
    told: dict[str, list[Told]] = {}
    for flag in found:
        same = (
            upkeep.list_same(session, customer, flag.field) if flag.conflict is Conflict.SAME_NUMBER else ()
        )
        told.setdefault(flag.field, []).append(Told(flag, seen_field(customer, flag.field), same))
    return told

"""By what programs filter customers: behind the question mark, in a view that is kept, and for an act on many."""

from collections.abc import Callable
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from branch_node.api.schemas import TEXT, TEXTS, Sent, one_of
from branch_node.customers import queries
from branch_node.customers.listing import MINE, MONTHS, READY, THIS_MONTH, VIEWED
from branch_node.customers.queries import NOBODY
from branch_node.finding.narrowing import NARROWINGS
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    LifecycleStage,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.form_fields import CONTROL, NOT_A_DAY, REQUIRED, TOO_LONG
from shared.errors import N_
from shared.i18n import lazy_gettext as _l
from shared.ids import is_id
from shared.web.api.document import Query
from shared.web.context import person
from shared.web.lists import Arguments, read_day
from shared.web.views.operations import get_view
from shared.web.views.standing import query_arguments

USUAL_SORT: Final = "customer_no"
SORTS: Final = tuple(name for sort in queries.SORTS for name in (sort, f"-{sort}"))
LONGEST: Final = 100
NOT_A_MANAGER: Final = N_("Send an account manager's id, mine, or none.")
FILTERS: Final = (
    Query("q", _l("Words of number, name, pinyin or phone")),
    Query("kind", _l("Kind"), [one.value for one in CustomerKind], several=True),
    Query("grade", _l("Grade"), [one.value for one in Grade], several=True),
    Query("status", _l("Status"), [one.value for one in CustomerStatus], several=True),
    Query("lifecycle_stage", _l("Life-cycle stage"), [one.value for one in LifecycleStage], several=True),
    Query("value_tier", _l("Value tier"), [one.value for one in ValueTier], several=True),
    Query("service_level", _l("Service level"), [one.value for one in ServiceLevel], several=True),
    Query(
        "preferred_channel", _l("Preferred channel"), [one.value for one in PreferredChannel], several=True
    ),
    Query("manager", _l("The account manager's id, mine, or none")),
    Query("region", _l("Code or name of a region")),
    Query("opened_from", _l("Opened from this day")),
    Query("opened_to", _l("Opened up to this day")),
    Query("tag", _l("Has this tag")),
    Query("no_contact", _l("yes: who is not to be contacted, by any way or by some"), ["yes"]),
    Query(
        "birthday",
        _l("Birthday in this month, 1 to 12, or this: the present one"),
        [THIS_MONTH, *(str(month) for month in range(1, MONTHS + 1))],
    ),
    *(Query(one.name, one.label, [code for code, _word in one.choices]) for one in NARROWINGS),
    Query("sort", _l("In which order; - turns it round"), SORTS),
)

VIEW: Final = Query(
    "view",
    _l("A view's id or code, as GET /customer-views has it; filters given beside replace those of its own"),
)


def _text(given: str) -> None:
    if not given.strip() or len(given) > LONGEST:
        raise ValidationError(TOO_LONG if given.strip() else REQUIRED)
    if not given.isprintable():
        raise ValidationError(CONTROL)


def _day(given: str) -> None:
    if read_day(given) is None:
        raise ValidationError(NOT_A_DAY)


def _manager(given: str) -> None:
    if given not in {MINE, NOBODY} and not is_id(given):
        raise ValidationError(NOT_A_MANAGER)


_CHECKS: Final[dict[str, Callable[[str], None]]] = {
    "opened_from": _day,
    "opened_to": _day,
    "manager": _manager,
}


def _field(said: Query) -> fields.Field[Any]:
    check = one_of(said.values) if said.values else _CHECKS.get(said.name, _text)
    if said.several:
        return fields.List(fields.String(validate=check, **TEXT), **TEXTS)
    return fields.String(validate=check, **TEXT)


def _filters(name: str, *but: str) -> type[Schema]:
    return Sent.from_dict({one.name: _field(one) for one in FILTERS if one.name not in but}, name=name)


# What a view keeps; whose name or number was looked for is no part of it.
ViewFilters: Final = _filters("ViewFilters", "q", "sort")

# Whom an act on many is to reach.
CustomerFilters: Final = _filters("CustomerFilters", "sort")


def merged(session: Session, given: Arguments) -> Arguments:
    """Return what an address asks for, with what the view that it names asks for besides.

    Raises ListViewNotFoundError.
    """
    code = given.get("view", "").strip()
    if not code:
        return given
    ready = next((one.query for one in READY if one.code == code), None)
    found = query_arguments(get_view(session, VIEWED, person().id, code).query if ready is None else ready)
    for name in given:
        found.setlist(name, given.getlist(name))
    return found


def arguments(filters: dict[str, Any]) -> Arguments:
    """Return filters that were sent as the address of a list has them."""
    return MultiDict(filters)


def filters_of(args: Arguments) -> dict[str, Any]:
    """Return the filters of a list's address as they are sent; what is none, and codes there are not, are left out."""
    found: dict[str, Any] = {}
    for name, field in ViewFilters().fields.items():
        several = isinstance(field, fields.List)
        values = [
            one for one in args.getlist(name) if not ViewFilters().validate({name: [one] if several else one})
        ]
        if values:
            found[name] = values if several else values[0]
    return found

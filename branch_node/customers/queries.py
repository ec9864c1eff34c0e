"""Finding and listing customers."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from branch_node.customers.models import Contact, Customer
from branch_node.customers.words import found_by, most_ranked
from branch_node.identity.models import CustomerIdentity
from branch_node.managers.models import Manager
from shared.db.search_terms import query_terms
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    IdentityDocument,
    LifecycleStage,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.domain.regions import region_prefix
from shared.errors import N_, BranchlineError, Kind
from shared.ids import is_id

# Reading every customer's tags to offer a few would be felt at each page of a large branch.
LATELY: Final = 2_000
NOBODY: Final = "none"
ID_CARD_LENGTH: Final = 18
BIRTH_MONTH_AT: Final = 11
LONGEST_REGION: Final = 12
SORTS: Final = {
    "customer_no": Customer.customer_no,
    "name": Customer.name,
    "grade": Customer.grade,
    "opened_on": Customer.opened_on,
    "updated_at": Customer.updated_at,
}
# Those of them that no index has.
UNINDEXED: Final = frozenset({"grade"})

GROUPS: Final = {
    "kind": Customer.kind,
    "grade": Customer.grade,
    "status": Customer.status,
    "manager": Manager.name,
    "lifecycle_stage": Customer.lifecycle_stage,
    "value_tier": Customer.value_tier,
}


class CustomerNotFoundError(BranchlineError):
    """There is no such customer at this branch."""

    code = "customer-not-found"
    kind = Kind.NOT_FOUND
    message = N_("There is no such customer here. It may have gone with the import that brought it in.")


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers are wanted; everything empty means all of them."""

    query: str = ""
    kinds: tuple[CustomerKind, ...] = ()
    grades: tuple[Grade, ...] = ()
    statuses: tuple[CustomerStatus, ...] = ()
    stages: tuple[LifecycleStage, ...] = ()
    tiers: tuple[ValueTier, ...] = ()
    levels: tuple[ServiceLevel, ...] = ()
    channels: tuple[PreferredChannel, ...] = ()
    manager_id: str = ""
    region: str = ""
    opened_from: date | None = None
    opened_to: date | None = None
    tag: str = ""
    no_contact: bool = False
    birth_month: int = 0
    # What other slices filter by: each says what it asks for in a session.
    also: tuple[Callable[[Session], ColumnElement[bool]], ...] = ()


# Under a name of its own: conditions ask the table for something else.
_MERGED: Final = aliased(CustomerIdentity)
# A customer, its account manager's name, and the id of the customer into whom its file was merged.
CustomerRow = Row[Customer, str | None, str | None]


def get_customer(session: Session, customer_id: str) -> Customer:
    """Return one customer; raises CustomerNotFoundError."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise CustomerNotFoundError
    return customer


def find_by_number(session: Session, customer_no: str) -> Customer | None:
    """Return the customer with this number, if there is one."""
    return session.scalar(select(Customer).where(Customer.customer_no == customer_no))


def any_numbered(customer_no: str) -> ColumnElement[bool]:
    """Return the question whether anybody has just this number, whoever may see them."""
    number = Customer.__table__.c.customer_no
    return exists(select(number).where(number == customer_no))


def suggest_number(session: Session, day: date) -> str:
    """Return a number nobody has yet whom the session sees: the day and a count; people may write another."""
    stem = f"N{day:%y%m%d}-"
    same_day = Customer.customer_no.startswith(stem, autoescape=True)
    number = (session.scalar(select(func.count()).select_from(Customer).where(same_day)) or 0) + 1
    while find_by_number(session, f"{stem}{number:03}"):
        number += 1
    return f"{stem}{number:03}"


def find_meant(session: Session, text: str, *, limit: int = 8) -> list[Customer]:
    """Return whom a person means by a number, "number name" or other words; one when it is sure."""
    words = text.split()
    exact = next(
        (found for word in (text.strip(), *words[:1]) if (found := find_by_number(session, word))), None
    )
    if exact is not None:
        return [exact]
    return [row.Customer for row in search_customers(session, text, limit=limit)]


def find_by_ids(session: Session, ids: Sequence[str]) -> dict[str, Customer]:
    """Return those of the customers that exist, by id."""
    found = session.scalars(select(Customer).where(Customer.id.in_(set(ids))))
    return {customer.id: customer for customer in found}


def ids_seen(session: Session, ids: Iterable[str]) -> Sequence[str]:
    """Return those of the ids whose customers who looks may see."""
    return session.scalars(select(Customer.id).where(Customer.id.in_(list(ids)))).all()


def rows_of(session: Session, ids: Sequence[str]) -> Sequence[CustomerRow]:
    """Return those of the customers that exist with their managers' names; words that are no id find nobody."""
    return session.execute(_with_manager().where(Customer.id.in_([one for one in ids if is_id(one)]))).all()


def find_similar(
    session: Session, *, id_no: str | None, mobile: str | None, besides: str | None = None, limit: int = 5
) -> list[Customer]:
    """Return customers with the same identity document or mobile number: perhaps the same person."""
    same = [
        column == value for column, value in ((Customer.id_no, id_no), (Customer.mobile, mobile)) if value
    ]
    if not same:
        return []
    wanted = select(Customer).where(or_(*same)).order_by(Customer.customer_no).limit(limit)
    return list(session.scalars(wanted.where(Customer.id != besides) if besides else wanted))


def with_similar(session: Session, ids: Sequence[str], values: Mapping[str, Any]) -> list[Customer]:
    """Return these customers and those with the same document or mobile number, each once."""
    similar = find_similar(session, id_no=values["id_no"], mobile=values["mobile"])
    found = find_by_ids(session, ids) if ids else {}
    return sorted({**found, **{one.id: one for one in similar}}.values(), key=lambda one: one.customer_no)


def others_among(session: Session, ids: Sequence[str], known: Sequence[Customer]) -> list[Customer]:
    """Return these customers, in this order, without those that are known."""
    found = find_by_ids(session, ids) if ids else {}
    names = {one.id for one in known}
    return [found[at] for at in ids if at in found and at not in names]


def list_customers(
    session: Session,
    wanted: CustomerFilter,
    *,
    sort: str,
    descending: bool,
    limit: int | None,
    offset: int = 0,
    group: str = "",
    after: tuple[Any, str] | None = None,
) -> Sequence[CustomerRow]:
    """Return one page of the customers wanted with their managers' names, ordered by one of SORTS.

    With `group`, one of GROUPS, those of a group stand together; `after` is for lists without groups.
    `after` is what the last customer of the page before had in that column, and its id.
    """
    found = select_customers(session, wanted, sort=sort, descending=descending, group=group)
    behind = _behind(SORTS[sort], after, descending=descending)
    return session.execute(found.where(*behind).limit(limit).offset(offset)).all()


def select_customers(
    session: Session, wanted: CustomerFilter, *, sort: str, descending: bool, group: str = ""
) -> Select[Customer, str, str]:
    """Return the statement of `list_customers`, for whoever reads many of them one after the other."""
    key = SORTS[sort]
    within = key.desc().nulls_last() if descending else key.asc().nulls_last()
    grouped = (GROUPS[group].asc().nulls_last(),) if group else ()
    # Where no index has the order, SQLite would go through one that holds the ids, and look up each row by it.
    last = cast(Customer.id, String) if group or sort in UNINDEXED else Customer.id
    return _with_manager().where(*_conditions(session, wanted)).order_by(*grouped, within, last)


def select_ids(session: Session, wanted: CustomerFilter) -> Select[str]:
    """Return the statement for the ids of all customers wanted, in their order, read one after the other."""
    return select(Customer.id).where(*_conditions(session, wanted)).order_by(Customer.id)


def count_groups(session: Session, wanted: CustomerFilter, group: str) -> dict[Any, int]:
    """Return how many of the customers wanted each group holds; None stands for those without."""
    key = GROUPS[group]
    if session.get_bind().dialect.name != "sqlite":
        counted = _among(session, wanted, key, key, func.count(Customer.id)).group_by(key)
        return {row[0]: row[1] for row in session.execute(counted)}
    # SQLite groups by sorting, which takes five times as long as counting what it lists.
    listed = session.scalar(_among(session, wanted, key, func.json_group_array(key)))
    read = key.type.result_processor(session.get_bind().dialect, None) or (lambda stored: stored)
    return {read(stored): number for stored, number in Counter(json.loads(listed or "[]")).items()}


def count_customers(session: Session, wanted: CustomerFilter) -> int:
    """Return how many customers are wanted in all."""
    counted = select(func.count()).select_from(Customer).where(*_conditions(session, wanted))
    return session.scalar(counted) or 0


def has_customers_in(session: Session, region: str) -> bool:
    """Tell whether anybody lives in a region or in a part of it."""
    return session.scalar(select(Customer.id).where(_in_region(region)).limit(1)) is not None


def count_by_status(session: Session) -> dict[CustomerStatus, int]:
    """Return how many customers stand where."""
    rows = session.execute(select(Customer.status, func.count()).group_by(Customer.status))
    return {status: count for status, count in rows}  # noqa: C416 - a Row is not a pair to the type checker


def search_customers(session: Session, query: str, *, limit: int, offset: int = 0) -> Sequence[CustomerRow]:
    """Return the best hits for a person's words: a number or name that is just that comes first, merged files last.

    Each says in `found` how many are found in all, as far as they are ranked.
    """
    if not query_terms(query):
        return []
    words = query.strip()
    hits = found_by(session, words, limit=most_ranked(session))
    rank = case(
        (or_(Customer.customer_no == words, Customer.mobile == words, Customer.name == words), 0),
        (Customer.name.startswith(words, autoescape=True), 1),
        (Customer.customer_no.startswith(words, autoescape=True), 1),
        else_=2,
    )
    ordered = (rank, _MERGED.id.is_not(None), func.length(Customer.name), Customer.customer_no)
    best = _with_manager().add_columns(func.count().over().label("found")).where(Customer.id.in_(hits))
    return session.execute(best.order_by(*ordered).limit(limit).offset(offset)).all()


def list_tags(session: Session, limit: int = 50) -> list[str]:
    """Return the tags most in use among the customers changed lately, most used first."""
    # The number stands in the statement: where it is a value, PostgreSQL plans for a tenth of the table.
    latest = literal_column(str(LATELY), Integer)
    lately = select(Customer.tags).order_by(Customer.updated_at.desc()).limit(latest).subquery()
    # Many have the same or none: the database counts them, and each is read once.
    alike = select(lately.c.tags, func.count()).group_by(lately.c.tags)
    used: Counter[str] = Counter()
    for tags, customers in session.execute(alike):
        used.update(dict.fromkeys(tags, customers))
    return [tag for tag, _count in sorted(used.items(), key=lambda each: (-each[1], each[0]))[:limit]]


def _among(session: Session, wanted: CustomerFilter, group: object, *columns: Any) -> Select[Any]:  # noqa: ANN401
    """Select columns of the customers wanted, and of what they are grouped by."""
    found = select(*columns).select_from(Customer).where(*_conditions(session, wanted))
    return found.outerjoin(Manager, Manager.id == Customer.manager_id) if group is Manager.name else found


def _behind(
    key: InstrumentedAttribute[Any], after: tuple[Any, str] | None, *, descending: bool
) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    value, customer_id = after
    if value is None:
        return [key.is_(None), Customer.id > customer_id]
    beyond = key < value if descending else key > value
    return [or_(beyond, and_(key == value, Customer.id > customer_id), key.is_(None))]


def _with_manager() -> Select[Customer, str, str]:
    told = (Manager.name.label("manager_name"), _MERGED.identity_id.label("merged_into"))
    return (
        select(Customer, *told)
        .outerjoin(Manager, Manager.id == Customer.manager_id)
        .outerjoin(_MERGED, _MERGED.customer_id == Customer.id)
    )


def _conditions(session: Session, wanted: CustomerFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query_terms(wanted.query):
        conditions.append(Customer.id.in_(found_by(session, wanted.query)))
    for column, values in (
        (Customer.kind, wanted.kinds),
        (Customer.grade, wanted.grades),
        (Customer.status, wanted.statuses),
        (Customer.lifecycle_stage, wanted.stages),
        (Customer.value_tier, wanted.tiers),
        (Customer.service_level, wanted.levels),
        (Customer.preferred_channel, wanted.channels),
    ):
        if values:
            conditions.append(column.in_(values))
    if wanted.manager_id == NOBODY:
        conditions.append(Customer.manager_id.is_(None))
    elif wanted.manager_id:
        conditions.append(Customer.manager_id == wanted.manager_id)
    conditions += _within(wanted)
    conditions += _marked(session, wanted)
    return [*conditions, *(each(session) for each in wanted.also)]


def _marked(session: Session, wanted: CustomerFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.tag:
        conditions.append(_has_tag(session, wanted.tag))
    if wanted.no_contact:
        conditions.append(_refuses_contact())
    if wanted.birth_month:
        conditions.append(_born_in(wanted.birth_month))
    return conditions


def _within(wanted: CustomerFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.region:
        conditions.append(_in_region(wanted.region))
    if wanted.opened_from:
        conditions.append(Customer.opened_on >= wanted.opened_from)
    if wanted.opened_to:
        conditions.append(Customer.opened_on <= wanted.opened_to)
    return conditions


def _in_region(region: str) -> ColumnElement[bool]:
    """Return that a customer's region is this one or lies in it, so that the index of regions answers it."""
    prefix = region_prefix(region)
    if not prefix.isdecimal():
        return Customer.region_code.startswith(prefix, autoescape=True)
    return Customer.region_code.between(prefix, prefix.ljust(LONGEST_REGION, "9"))


def _refuses_contact() -> ColumnElement[bool]:
    return or_(
        Customer.preferred_channel == PreferredChannel.NONE,
        cast(Customer.do_not_contact, String).not_in(("[]", "null")),
    )


def _born_in(month: int) -> ColumnElement[bool]:
    """Return whose birthday is in a month, by their identity card or, of a contact person, as it was written down."""
    digits = f"{month:02}"
    by_card = and_(
        Customer.id_type == IdentityDocument.ID_CARD,
        func.length(Customer.id_no) == ID_CARD_LENGTH,
        func.substr(type_coerce(Customer.id_no, String), BIRTH_MONTH_AT, 2) == digits,
    )
    contact = select(Contact.customer_id).where(
        or_(Contact.birthday.like(f"{digits}-%"), Contact.birthday.like(f"____-{digits}-%"))
    )
    return or_(by_card, Customer.id.in_(contact))


def _has_tag(session: Session, tag: str) -> ColumnElement[bool]:
    if session.get_bind().dialect.name == "postgresql":
        return Customer.tags.op("@>")(func.jsonb_build_array(tag))
    each = func.json_each(Customer.tags).table_valued("value", name="each")
    return select(each.c.value).where(each.c.value == tag).exists()

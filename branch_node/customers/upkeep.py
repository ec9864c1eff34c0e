"""What in files of customers is stale or contradicts something else: the same conditions for one file and for a list.

A field is as old as its last change or confirmation. A contradiction is over once the field was confirmed after both
sides of it were written. Who looks is told of contradictions with customers they see, and of no others.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, null, or_, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from branch_node.customers.models import Contact, Customer, FieldAge
from branch_node.erased.models import Erasure
from branch_node.identity.models import CustomerIdentity
from branch_node.identity.queries import is_person
from branch_node.inbound.queries import policies
from shared.db.base import Instant
from shared.domain.calendar import day_bounds, local_day
from shared.domain.contacts.vocabulary import Channel, ContactStatus
from shared.domain.customers.upkeep import (
    UPKEEP_POLICIES,
    WATCHED,
    Conflict,
    Limits,
    UpkeepKind,
    limits_of,
)
from shared.domain.customers.vocabulary import CustomerKind, CustomerStatus, PreferredChannel
from shared.domain.personal.keeping import months_before
from shared.domain.regions import list_provinces

AT_ONCE: Final = 200
# By what somebody is reached who prefers a channel.
_REACHED_BY: Final[Mapping[PreferredChannel, Sequence[str]]] = {
    PreferredChannel.PHONE: ("mobile", "phone"),
    PreferredChannel.SMS: ("mobile",),
    PreferredChannel.WECHAT: ("wechat", "mobile"),  # an account is found by the mobile it was opened with
    PreferredChannel.EMAIL: ("email",),
    PreferredChannel.VISIT: ("address",),
}
# A street may be named after a province (北京路), so enough of the full name has to stand there (北京市).
_NAME_LENGTHS: Final = (3, 4)
_LONG_NAMES: Final = ("黑龙江", "内蒙古")
_PROVINCE_LENGTH: Final = 2


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as stale or contradictory on a day."""

    limits: Limits
    today: date
    timezone: str


@dataclass(frozen=True, slots=True)
class Flag:
    """One field that is stale or contradicts something, and since when; `conflict` says what it contradicts."""

    field: str
    since: datetime
    conflict: Conflict | None = None

    @property
    def kind(self) -> UpkeepKind:
        """Return as what the field is flagged."""
        return UpkeepKind.STALE if self.conflict is None else UpkeepKind.CONFLICT


@dataclass(frozen=True, slots=True)
class Counted:
    """How many customers have a field that is flagged, that is stale, or that contradicts something, and which.

    A customer counts once in each figure, however many fields are flagged.
    """

    customers: int
    flagged: int
    stale: int
    conflicting: int
    fields: Mapping[str, int]
    conflicts: Mapping[str, int]


@dataclass(frozen=True)
class _Check:
    """One contradiction of a field: `other` is when its other side was written, NULL where there is none."""

    conflict: Conflict
    field: str
    other: ColumnElement[Any]

    @property
    def holds(self) -> ColumnElement[bool]:
        confirmed = _confirmed(self.field)
        return and_(self.other.is_not(None), or_(confirmed.is_(None), confirmed < self.other))

    @property
    def since(self) -> ColumnElement[Any]:
        own = _changed(Customer, self.field)
        return case((own > self.other, own), else_=self.other)


def rules_in_force(session: Session, *, now: datetime, timezone: str) -> Rules:
    """Return the rules as head office has published them, or as the program has them."""
    limits = limits_of(policies(session, UPKEEP_POLICIES, now=now))
    return Rules(limits, local_day(now, timezone), timezone)


def flagged(rules: Rules, kind: UpkeepKind | None = None) -> ColumnElement[bool]:
    """Return the condition that an open file has a field that is flagged, as one kind or as either."""
    found: list[ColumnElement[bool]] = []
    if kind is not UpkeepKind.CONFLICT:
        found += [_stale(field, rules) for field in WATCHED]
    if kind is not UpkeepKind.STALE:
        found += [check.holds for check in _checks(rules)]
    return and_(_is_open(), or_(*found)) if found else and_(_is_open(), literal(value=False))


def is_kept_up() -> ColumnElement[bool]:
    """Return the condition on files that are looked through: open, not merged into another, not erased."""
    return _is_open()


def flags_of(session: Session, rules: Rules, customer_ids: Collection[str]) -> dict[str, list[Flag]]:
    """Return what is flagged in the files of some customers, by id; whose file is in order is left out."""
    checks = _checks(rules)
    columns = [case((_stale(field, rules), _age(field)), else_=null()) for field in WATCHED]
    columns += [case((check.holds, check.since), else_=null()) for check in checks]
    found: dict[str, list[Flag]] = {}
    for some in _chunks(customer_ids):
        for row in session.execute(select(Customer.id, *columns).where(Customer.id.in_(some), _is_open())):
            flags = list(_flags(row[1:], checks))
            if flags:
                found[str(row[0])] = flags
    return found


def count_all(session: Session, rules: Rules) -> Counted:
    """Count the open files, each customer once, and what is flagged in them, in one statement."""
    checks = _checks(rules)
    stale = {field: _stale(field, rules) for field in WATCHED}
    kinds = {
        conflict: or_(*(check.holds for check in checks if check.conflict is conflict))
        for conflict in dict.fromkeys(check.conflict for check in checks)
    }
    holds = [
        case((one, 1), else_=0).label(f"f{at}") for at, one in enumerate((*stale.values(), *kinds.values()))
    ]
    file = select(Customer.id, *holds).where(_is_open()).subquery("file")
    flags = [file.c[f"f{at}"] for at in range(len(holds))]
    either = [_any(flags), _any(flags[: len(stale)]), _any(flags[len(stale) :])]
    row = session.execute(select(func.count(), *(func.sum(one) for one in (*either, *flags)))).one()
    customers, flagged_ones, stale_ones, conflicting, *single = (int(each or 0) for each in row)
    fields = dict(zip(stale, single, strict=False))
    conflicts = dict(zip((one.value for one in kinds), single[len(stale) :], strict=True))
    return Counted(customers, flagged_ones, stale_ones, conflicting, fields, conflicts)


def _any(flags: Sequence[ColumnElement[int]]) -> ColumnElement[int]:
    return case((or_(literal(value=False), *(flag == 1 for flag in flags)), 1), else_=0)


def count_flagged(session: Session, rules: Rules, *, manager_id: str = "") -> dict[UpkeepKind, int]:
    """Return how many customers have a field that is stale, and one that contradicts something."""
    whose = [Customer.manager_id == manager_id] if manager_id else []
    return {
        kind: session.scalar(select(func.count()).select_from(Customer).where(*whose, flagged(rules, kind)))
        or 0
        for kind in UpkeepKind
    }


def list_same(session: Session, customer: Customer, field: str, *, limit: int = 5) -> Sequence[Customer]:
    """Return the customers who have the same value in a field, as far as who looks sees them."""
    column: InstrumentedAttribute[Any] = getattr(Customer, field)
    wanted = select(Customer).where(
        column == getattr(customer, field), Customer.id != customer.id, *_is_of_another(Customer)
    )
    return session.scalars(wanted.order_by(Customer.customer_no).limit(limit)).all()


def _flags(values: Sequence[datetime | None], checks: Sequence[_Check]) -> Iterator[Flag]:
    about = [(field, None) for field in WATCHED] + [(check.field, check.conflict) for check in checks]
    for (field, conflict), since in zip(about, values, strict=True):
        if since is not None:
            yield Flag(field, since, conflict)


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(ids)
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


def _is_open() -> ColumnElement[bool]:
    erased = select(Erasure.id).where(Erasure.customer_id == Customer.id)
    return and_(Customer.status != CustomerStatus.CLOSED, is_person(Customer.id), ~erased.exists())


def _stale(field: str, rules: Rules) -> ColumnElement[bool]:
    before = {grade: _months_ago(rules, months) for grade, months in rules.limits.months[field].items()}
    usual = before.pop(None)
    bound = case(
        {grade: literal(at, Instant()) for grade, at in before.items()}, value=Customer.grade, else_=usual
    )
    # Nothing is older than its file: most files need no look at their ages.
    return and_(Customer.created_at < bound, _is_filled(field), _age(field) < bound)


def _months_ago(rules: Rules, months: int) -> datetime:
    return day_bounds(months_before(rules.today, months), rules.timezone)[0]


def _is_filled(field: str) -> ColumnElement[bool]:
    column: InstrumentedAttribute[Any] = getattr(Customer, field)
    return and_(column.is_not(None), cast(column, String) != "")


def _of(entity: Any, field: str, value: Any) -> ColumnElement[Any]:  # noqa: ANN401 - Customer or an alias
    found = select(value).where(FieldAge.customer_id == entity.id, FieldAge.field == field)
    return found.correlate(entity).scalar_subquery()


def _age(field: str) -> ColumnElement[Any]:
    last = func.coalesce(FieldAge.confirmed_at, FieldAge.changed_at)
    return func.coalesce(_of(Customer, field, last), Customer.created_at)


def _changed(entity: Any, field: str) -> ColumnElement[Any]:  # noqa: ANN401 - Customer or an alias
    return func.coalesce(_of(entity, field, FieldAge.changed_at), entity.created_at)


def _confirmed(field: str) -> ColumnElement[Any]:
    return _of(Customer, field, FieldAge.confirmed_at)


def _checks(rules: Rules) -> list[_Check]:
    every = (
        _Check(Conflict.SAME_NUMBER, "mobile", _same("mobile")),
        _Check(Conflict.SAME_NUMBER, "id_no", _same("id_no")),
        _Check(Conflict.CHANNEL_CLOSED, "preferred_channel", _closed(rules.today)),
        _Check(Conflict.CHANNEL_MISSING, "preferred_channel", _missing()),
        _Check(Conflict.CONTACT_DIFFERS, "mobile", _contact_differs("mobile")),
        _Check(Conflict.CONTACT_DIFFERS, "email", _contact_differs("email")),
        _Check(Conflict.REGION_ADDRESS, "region_code", _elsewhere()),
    )
    return [check for check in every if check.conflict in rules.limits.checks]


def _is_of_another(entity: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:  # noqa: ANN401 - Customer or an alias
    merged = select(CustomerIdentity.id).where(CustomerIdentity.customer_id == entity.id)
    return entity.status != CustomerStatus.CLOSED, ~merged.correlate(entity).exists()


def _same(field: str) -> ColumnElement[Any]:
    other = aliased(Customer, name=f"same_{field}")
    value: Any = getattr(other, field)
    own: Any = getattr(Customer, field)
    written = select(func.max(_changed(other, field))).where(
        value == own, value != "", other.id != Customer.id, *_is_of_another(other)
    )
    return written.correlate(Customer).scalar_subquery()


def _closed(today: date) -> ColumnElement[Any]:
    text = cast(Customer.do_not_contact, String)
    until = Customer.do_not_contact_until
    shut = or_(
        *(
            and_(
                Customer.preferred_channel == one,
                or_(text.like(f'%"{Channel.ALL.value}"%'), text.like(f'%"{one.value}"%')),
            )
            for one in _REACHED_BY
        )
    )
    holds = and_(shut, or_(until.is_(None), until >= today))
    return case((holds, _changed(Customer, "do_not_contact")), else_=null())


def _missing() -> ColumnElement[Any]:
    def emptied(fields: Sequence[str]) -> ColumnElement[Any]:
        latest = _changed(Customer, fields[0])
        for field in fields[1:]:
            at = _changed(Customer, field)
            latest = case((at > latest, at), else_=latest)
        return latest

    return case(
        *(
            (and_(Customer.preferred_channel == one, *(~_is_filled(each) for each in by)), emptied(by))
            for one, by in _REACHED_BY.items()
        ),
        else_=null(),
    )


def _contact_differs(field: str) -> ColumnElement[Any]:
    theirs: Any = getattr(Contact, field)
    written = select(func.max(Contact.updated_at)).where(
        Contact.customer_id == Customer.id,
        Contact.name == Customer.name,
        Contact.status != ContactStatus.LEFT,
        Customer.kind == CustomerKind.INDIVIDUAL,
        theirs != "",
        theirs != getattr(Customer, field),
    )
    return written.correlate(Customer).scalar_subquery()


def _elsewhere() -> ColumnElement[Any]:
    address = type_coerce(Customer.address, String)
    named = func.coalesce(
        *(
            case(names, value=func.substr(address, 1, length), else_=null())
            for length, names in _province_names().items()
        )
    )
    differs = named != func.substr(Customer.region_code, 1, _PROVINCE_LENGTH)
    return case((differs, _changed(Customer, "address")), else_=null())


def _province_names() -> dict[int, dict[str, str]]:
    """Return the beginnings of the provinces' full names by their length, each with the two digits of its codes."""
    names: dict[int, dict[str, str]] = {length: {} for length in _NAME_LENGTHS}
    for province in list_provinces():
        length = max(_NAME_LENGTHS) if province.name.startswith(_LONG_NAMES) else min(_NAME_LENGTHS)
        names[length][province.name[:length]] = province.code[:_PROVINCE_LENGTH]
    return names

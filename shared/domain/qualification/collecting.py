"""The facts of many customers at once, by a few statements: the same at a branch and over what branches have sent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, select, true
from sqlalchemy.orm import Session, aliased

from shared.domain.billing.vocabulary import BillKind
from shared.domain.calendar import add_months, day_bounds, local_day
from shared.domain.contacts.vocabulary import ContactStanding, ContactStatus
from shared.domain.customers.rules import is_credit_code, is_id_card
from shared.domain.customers.vocabulary import IdentityDocument
from shared.domain.documents.papers import Paper
from shared.domain.documents.vocabulary import PAPER
from shared.domain.qualification import facts
from shared.domain.qualification.facts import Datum
from shared.domain.worklogs.vocabulary import CONTACT_KINDS

CHUNK: Final = 2_000
_CHECKED: Final = {
    IdentityDocument.ID_CARD: is_id_card,
    IdentityDocument.BUSINESS_LICENCE: is_credit_code,
}
Found = Iterator[tuple[str, dict[str, Datum]]]


def _everything(_entity: Any) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped class
    return true()


@dataclass(frozen=True, slots=True)
class Sources:
    """The mapped classes that hold what is asked for; `only` narrows each to the rows of one branch.

    `papers` are the documents and their versions, which stay at branches: without them no fact of papers is known.
    `identities` say which files were merged into a customer: their money and work count as the customer's.
    """

    customers: Any
    contacts: Any
    bill_lines: Any
    work_logs: Any
    only: Callable[[Any], ColumnElement[bool]] = _everything
    papers: tuple[Any, Any] | None = None
    identities: Any = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What the facts rest on: the day, the zone its days are of, and the one currency amounts are counted in."""

    today: date
    timezone: str
    currency: str


def collect_facts(
    session: Session, sources: Sources, customer_ids: Sequence[str], frame: Frame
) -> dict[str, dict[str, Datum]]:
    """Return the facts of customers by id, by a few statements for two thousand of them."""
    found: dict[str, dict[str, Datum]] = {}
    for at in range(0, len(customer_ids), CHUNK):
        ids = customer_ids[at : at + CHUNK]
        found.update(_profiles(session, sources, ids, frame.today))
        whose = _whose(session, sources, ids)
        for read_of in (_money, _products, _contacts):
            for customer_id, known in read_of(session, sources, whose, frame):
                found[customer_id].update(known)
        # These stand with the customer: a merge moves them.
        for read in (_members, _key_persons, _papers):
            for customer_id, known in read(session, sources, ids, frame):
                found[customer_id].update(known)
    return found


def _whose(session: Session, of: Sources, ids: Sequence[str]) -> Mapping[str, str]:
    """Return by file whose it is: each customer's own, and those merged into it."""
    whose = {one: one for one in ids}
    if of.identities is not None:
        link = of.identities
        merged = select(link.customer_id, link.identity_id).where(link.identity_id.in_(ids), of.only(link))
        whose |= {row[0]: row[1] for row in session.execute(merged)}
    return whose


def _profiles(session: Session, of: Sources, ids: Sequence[str], today: date) -> Found:
    customer = of.customers
    columns = (
        customer.id,
        customer.kind,
        customer.id_type,
        customer.id_no,
        customer.opened_on,
        customer.status,
    )
    for row in session.execute(select(*columns).where(customer.id.in_(ids), of.only(customer))):
        yield (
            row.id,
            {
                facts.KIND: row.kind.value,
                facts.DOCUMENT: row.id_type.value if row.id_type else None,
                facts.NUMBER_GIVEN: bool(row.id_no),
                facts.NUMBER_VALID: _is_valid(row.id_type, row.id_no),
                facts.MONTHS: _months(row.opened_on, today),
                facts.STATUS: row.status.value,
                facts.BILLED: 0,
                facts.PAID_SHARE: None,
                facts.ARREARS: 0,
                facts.PRODUCTS: (),
                facts.CONTACTS: 0,
                facts.MEMBERS: 0,
                facts.KEY_PERSONS: 0,
            },
        )


def _money(session: Session, of: Sources, whose: Mapping[str, str], frame: Frame) -> Found:
    line = of.bill_lines
    lately = line.period > _period_ago(frame.today)
    paid = line.kind == BillKind.PAYMENT

    def total(condition: ColumnElement[bool]) -> ColumnElement[int]:
        # PostgreSQL sums whole numbers into a decimal; amounts are whole everywhere.
        return cast(func.coalesce(func.sum(case((condition, line.amount_minor), else_=0)), 0), BigInteger)

    rows = session.execute(
        select(
            line.customer_id,
            total(and_(lately, ~paid)),
            total(and_(lately, paid)),
            total(~paid),
            total(paid),
        )
        .where(line.customer_id.in_(list(whose)), line.currency == frame.currency, of.only(line))
        .group_by(line.customer_id)
    )
    sums: dict[str, list[int]] = {}
    for file, *totals in rows:
        before = sums.get(whose[file], [0] * len(totals))
        sums[whose[file]] = [one + more for one, more in zip(before, totals, strict=True)]
    for customer_id, (billed, payed, ever_billed, ever_paid) in sums.items():
        share = payed * 100 // billed if billed > 0 else None
        arrears = max(0, ever_billed - ever_paid)
        yield customer_id, {facts.BILLED: billed, facts.PAID_SHARE: share, facts.ARREARS: arrears}


def _products(session: Session, of: Sources, whose: Mapping[str, str], frame: Frame) -> Found:
    line = of.bill_lines
    rows = session.execute(
        select(line.customer_id, line.product)
        .where(line.customer_id.in_(list(whose)), line.period > _period_ago(frame.today), of.only(line))
        .where(line.kind == BillKind.CHARGE)
        .distinct()
    )
    products: dict[str, set[str]] = {}
    for file, product in rows:
        products.setdefault(whose[file], set()).add(product)
    for customer_id, names in products.items():
        yield customer_id, {facts.PRODUCTS: tuple(sorted(names))}


def _contacts(session: Session, of: Sources, whose: Mapping[str, str], frame: Frame) -> Found:
    log, later = of.work_logs, aliased(of.work_logs)
    begins = day_bounds(add_months(frame.today, -12), frame.timezone)[0]
    # Read once: asked of each log for itself, SQLite goes through all logs of the branch for each of them.
    corrected = select(later.corrects_id).where(later.corrects_id.is_not(None), of.only(later))
    rows = session.execute(
        select(log.customer_id, func.count())
        .where(log.customer_id.in_(list(whose)), log.started_at >= begins, log.kind.in_(CONTACT_KINDS))
        .where(log.id.not_in(corrected), of.only(log))
        .group_by(log.customer_id)
    )
    counts: dict[str, int] = {}
    for file, count in rows:
        counts[whose[file]] = counts.get(whose[file], 0) + count
    for customer_id, total in counts.items():
        yield customer_id, {facts.CONTACTS: total}


def _members(session: Session, of: Sources, ids: Sequence[str], _frame: Frame) -> Found:
    member = of.customers
    rows = session.execute(
        select(member.parent_id, func.count())
        .where(member.parent_id.in_(ids), of.only(member))
        .group_by(member.parent_id)
    )
    for customer_id, count in rows:
        yield customer_id, {facts.MEMBERS: count}


def _key_persons(session: Session, of: Sources, ids: Sequence[str], _frame: Frame) -> Found:
    person = of.contacts
    rows = session.execute(
        select(person.customer_id, func.count())
        .where(person.customer_id.in_(ids), of.only(person))
        .where(person.standing == ContactStanding.KEY, person.status == ContactStatus.ACTIVE)
        .group_by(person.customer_id)
    )
    for customer_id, count in rows:
        yield customer_id, {facts.KEY_PERSONS: count}


def _papers(session: Session, of: Sources, ids: Sequence[str], frame: Frame) -> Found:
    """Read papers that are not retired, also those that have run out; one without a day is of the day its file came."""
    if of.papers is None:
        return
    document, version = of.papers
    rows = session.execute(
        select(
            document.customer_id,
            document.kind,
            document.id,
            document.dated_on,
            document.valid_until,
            version.added_at,
        )
        .join(version, and_(version.document_id == document.id, version.no == document.versions))
        .where(document.customer_id.in_(ids), document.retired_at.is_(None))
        .order_by(document.id)
    )
    papers: dict[str, dict[str, list[Paper]]] = {}
    for row in rows:
        paper = Paper(row.id, row.dated_on or local_day(row.added_at, frame.timezone), row.valid_until)
        papers.setdefault(row.customer_id, {}).setdefault(f"{PAPER}{row.kind}", []).append(paper)
    for customer_id, known in papers.items():
        yield customer_id, {code: tuple(found) for code, found in known.items()}


def _period_ago(today: date) -> str:
    """Return the last month that does not belong to the twelve up to today's."""
    return add_months(today.replace(day=1), -12).strftime("%Y-%m")


def _months(since: date | None, today: date) -> int | None:
    if since is None:
        return None
    return max(0, (today.year - since.year) * 12 + today.month - since.month - (today.day < since.day))


def _is_valid(kind: IdentityDocument | None, number: str | None) -> bool:
    """Tell whether a document number is right as far as can be checked: other documents have no check digit."""
    if kind is None or not number:
        return False
    check = _CHECKED.get(kind)
    return check is None or check(number)

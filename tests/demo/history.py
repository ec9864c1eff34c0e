"""What happened at the made-up company: a year of bill lines and four months of work logs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from tests.demo import words
from tests.demo.company import BranchData, Customer, Manager

BILLED_MONTHS = 12
LOGGED_DAYS = 120
_KINDS = ("visit", "call", "message", "service", "meeting", "training", "other")
_KIND_WEIGHTS = (26, 30, 14, 16, 8, 2, 4)
_WITH_CUSTOMER = {"visit", "call", "message", "service"}


@dataclass(frozen=True)
class BillLine:
    """One line of billing; `amount` is in fen."""

    bill_no: str
    customer_no: str
    product: str
    period: str
    kind: str
    amount: int
    booked_on: date
    remark: str


@dataclass(frozen=True)
class WorkLog:
    """One entry of a manager's log; the instants are the branch's own local time."""

    log_no: str
    manager_no: str
    kind: str
    customer_no: str
    started_at: datetime
    ended_at: datetime
    place: str
    text: str
    entered_at: datetime


def months_ending(today: date, count: int) -> list[date]:
    """Return the first days of the `count` months that end with the month of `today`."""
    last = today.year * 12 + today.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(last - count + 1, last + 1)]


def bill_lines(branch: BranchData, *, seed: int, today: date) -> Iterator[BillLine]:
    """Yield the branch's bill lines, month by month, up to and including the current month."""
    random = Random(f"{seed}:{branch.plan.code}:billing")
    months = months_ending(today, BILLED_MONTHS)
    for month in months:
        months_ago = (today.year - month.year) * 12 + today.month - month.month
        for customer in branch.customers:
            if _billed(customer, month):
                yield from _month_of(customer, month, months_ago, random, today)


def _billed(customer: Customer, month: date) -> bool:
    begun = customer.opened_on.replace(day=1) <= month
    return begun and (customer.closed_on is None or month <= customer.closed_on)


def _month_of(
    customer: Customer, month: date, months_ago: int, random: Random, today: date
) -> Iterator[BillLine]:
    period = f"{month:%Y-%m}"
    charged_on = max(month, customer.opened_on)
    for number, (product, price) in enumerate(customer.products, start=1):
        stem = f"{customer.customer_no}-{month:%y%m}-{number}"
        amount = price + (random.randrange(0, 2500) if random.random() < 0.25 else 0)  # use beyond the plan
        yield BillLine(f"{stem}C", customer.customer_no, product, period, "charge", amount, charged_on, "")
        if random.random() < 0.012:
            credit = -random.randrange(100, max(200, amount // 2), 50)
            remark = random.choice(("投诉减免", "故障补偿", "优惠返还"))
            yield BillLine(
                f"{stem}A",
                customer.customer_no,
                product,
                period,
                "adjustment",
                credit,
                min(today, charged_on + timedelta(days=9)),
                remark,
            )
            amount += credit
        paid_on = charged_on + timedelta(days=random.randint(1, 24))
        if _paid(customer, months_ago, random) and paid_on <= today:
            yield BillLine(f"{stem}P", customer.customer_no, product, period, "payment", amount, paid_on, "")


def _paid(customer: Customer, months_ago: int, random: Random) -> bool:
    if customer.pays == "never":
        return months_ago >= 4  # stopped paying some months ago
    if customer.pays == "late":
        return months_ago >= 2 or random.random() < 0.2
    return random.random() < 0.995


def work_logs(branch: BranchData, *, seed: int, now: datetime) -> Iterator[WorkLog]:
    """Yield the branch's work logs of the last 120 days, oldest first, none later than `now` (local time)."""
    entries: list[WorkLog] = []
    for manager in branch.managers:
        random = Random(f"{seed}:{branch.plan.code}:worklogs:{manager.manager_no}")
        own = [c for c in branch.customers if c.manager_no == manager.manager_no and c.status != "closed"]
        for days_ago in range(LOGGED_DAYS, -1, -1):
            day = now.date() - timedelta(days=days_ago)
            entries += _day_of(manager, own, day, random)
    entries.sort(key=lambda entry: (entry.started_at, entry.log_no))
    idle = {manager.manager_no: manager.idle_for for manager in branch.managers}
    for entry in entries:
        idle_from = now.date() - timedelta(days=idle[entry.manager_no] - 1)
        if entry.entered_at <= now and (not idle[entry.manager_no] or entry.started_at.date() < idle_from):
            yield entry


def _day_of(manager: Manager, own: list[Customer], day: date, random: Random) -> list[WorkLog]:
    """One manager's day; the draws do not depend on `now`, so yesterday stays as it was."""
    weekend = (
        day.weekday() >= 5 and manager.manager_no[1:] != "0001"
    )  # one works every day: a Sunday shows life too
    busy = manager.diligence * (0.15 if weekend else 1)
    count = int(busy) + (random.random() < busy % 1)
    start = datetime.combine(day, time(8, 30)) + timedelta(minutes=random.randrange(0, 60, 5))
    entries = []
    for number in range(1, count + 1):
        entry = _entry(manager, own, start, f"{manager.manager_no}-{day:%y%m%d}-{number:02d}", random)
        entries.append(entry)
        start = entry.ended_at + timedelta(minutes=random.randrange(10, 120, 5))
    return entries


def _entry(manager: Manager, own: list[Customer], start: datetime, log_no: str, random: Random) -> WorkLog:
    kind = random.choices(_KINDS, _KIND_WEIGHTS)[0]
    customer = _choose(own, random) if kind in _WITH_CUSTOMER and own else None
    length = {"visit": (20, 90), "meeting": (30, 120), "training": (60, 180)}.get(kind, (5, 30))
    ended = start + timedelta(minutes=random.randint(*length))
    late = timedelta(days=random.randint(1, 4)) if random.random() < 0.06 else timedelta()
    product = customer.products[0][0] if customer and customer.products else "新套餐"
    return WorkLog(
        log_no=log_no,
        manager_no=manager.manager_no,
        kind=kind,
        customer_no=customer.customer_no if customer else "",
        started_at=start,
        ended_at=ended,
        place=_place(kind, customer),
        text=random.choice(words.WORK_TEXTS[kind]).format(product=product),
        entered_at=ended + timedelta(minutes=random.randint(1, 90)) + late,
    )


def _choose(own: list[Customer], random: Random) -> Customer:
    """Some customers are seen over and over and some never: managers keep to those they know."""
    return own[min(int(random.expovariate(1 / (len(own) * 0.45))), len(own) - 1)]


def _place(kind: str, customer: Customer | None) -> str:
    if kind == "visit" and customer:
        return customer.address
    return {"meeting": "分公司会议室", "training": "培训中心"}.get(kind, "")

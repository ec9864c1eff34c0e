"""The made-up company: three branches, their account managers and customers; the same for the same seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from tests.demo import numbers, words
from tests.demo.words import BranchPlan

MANAGERS_PER_BRANCH = 20
CUSTOMERS_PER_BRANCH = 800  # at scale 1, times the branch's weight
_POLYPHONIC_SHARE = 0.05


@dataclass(frozen=True)
class Manager:
    """An account manager; `diligence` is the work logs of an ordinary day, `idle_for` days without any."""

    manager_no: str
    name: str
    post: str
    level: str
    department: str
    mobile: str
    status: str
    diligence: float
    idle_for: int


@dataclass(frozen=True)
class Customer:
    """A customer as the import file gives it, and how it behaves: what it takes and how it pays."""

    customer_no: str
    kind: str
    name: str
    short_name: str
    id_type: str
    id_no: str
    mobile: str
    phone: str
    email: str
    region_code: str
    address: str
    grade: str
    status: str
    opened_on: date
    manager_no: str
    preferred_channel: str
    tags: tuple[str, ...]
    remark: str
    products: tuple[tuple[str, int], ...]  # name and monthly price in fen
    pays: str  # prompt | late | never
    closed_on: date | None


@dataclass(frozen=True)
class BranchData:
    """One branch with its people and customers."""

    plan: BranchPlan
    managers: Sequence[Manager] = field(repr=False)
    customers: Sequence[Customer] = field(repr=False)


def make_company(*, seed: int, now: datetime, scale: float = 1.0) -> list[BranchData]:
    """Return the company as it stands at `now`; the same arguments always give the same company."""
    branches = []
    for plan in words.BRANCHES:
        managers = _managers(plan, Random(f"{seed}:{plan.code}:managers"))
        count = max(MANAGERS_PER_BRANCH, round(CUSTOMERS_PER_BRANCH * plan.weight * scale))
        source = Random(f"{seed}:{plan.code}:customers")
        customers = [_customer(plan, managers, source, i, now.date()) for i in range(count)]
        branches.append(BranchData(plan, managers, customers))
    return branches


def person_name(random: Random, *, female: bool) -> str:
    """Return a Chinese name; one in twenty has a surname with a reading of its own."""
    rare = random.random() < _POLYPHONIC_SHARE
    surname = random.choice(words.RARE_SURNAMES if rare else words.SURNAMES)
    return surname + random.choice(words.GIVEN_FEMALE if female else words.GIVEN_MALE)


# --- account managers ------------------------------------------------------------------------------


def _managers(plan: BranchPlan, random: Random) -> list[Manager]:
    return list(_each_manager(plan, random))


def _each_manager(plan: BranchPlan, random: Random) -> Iterator[Manager]:
    taken: set[str] = set()
    for number in range(1, MANAGERS_PER_BRANCH + 1):
        name = person_name(random, female=random.random() < 0.5)
        while name in taken:
            name = person_name(random, female=random.random() < 0.5)
        taken.add(name)
        post = _weighted(random, words.POSTS)
        diligence, idle_for, status = _habits(number, random)
        yield Manager(
            manager_no=f"{plan.code[-1]}{number:04d}",
            name=name,
            post=post,
            level=words.LEVELS[post],
            department=random.choice(words.DEPARTMENTS),
            mobile=numbers.mobile(random),
            status=status,
            diligence=diligence,
            idle_for=idle_for,
        )


def _habits(number: int, random: Random) -> tuple[float, int, str]:
    """Give every branch some good, ordinary and slack managers, a few idle ones, one away and one gone."""
    if number == MANAGERS_PER_BRANCH:
        return 1.2, 75, "left"
    if number == MANAGERS_PER_BRANCH - 1:
        return 1.6, 34, "on_leave"
    if number in {MANAGERS_PER_BRANCH - 2, MANAGERS_PER_BRANCH - 3}:
        return 0.6, random.choice((38, 67, 95)), "active"
    if number <= 6:
        return random.uniform(2.6, 3.8), 0, "active"
    if number <= 13:
        return random.uniform(1.2, 2.2), 0, "active"
    return random.uniform(0.2, 0.6), random.choice((0, 0, 4, 9)), "active"


# --- customers -------------------------------------------------------------------------------------


def _customer(
    plan: BranchPlan, managers: Sequence[Manager], random: Random, index: int, today: date
) -> Customer:
    group = random.random() < 0.12
    opened_on = _opened_on(random, today)
    status, closed_on = _standing(random, opened_on, today)
    place = random.choice(plan.places)
    identity = _firm(plan, random) if group else _person(random, today)
    tags = random.sample(words.TAGS_GROUP if group else words.TAGS_INDIVIDUAL, random.choice((0, 1, 1, 2, 3)))
    mobile = numbers.mobile(random)
    phone = numbers.landline(random, plan.area_code) if group or random.random() < 0.1 else ""
    email = f"kh{plan.code[-1]}{index + 1:05d}@example.com" if group or random.random() < 0.35 else ""
    return Customer(
        customer_no=f"{plan.code[-1]}{'8' if group else '1'}{index + 1:06d}",
        kind="group" if group else "individual",
        **identity,
        mobile=mobile,
        phone=phone,
        email=email,
        region_code=place.code,
        address=_address(plan, place.name, random, group=group),
        grade=_grade(random, group=group),
        status=status,
        opened_on=opened_on,
        manager_no=random.choice(managers[:-1]).manager_no if random.random() < 0.97 else "",
        preferred_channel=_channel(random, email),
        tags=tuple(tags),
        remark=random.choice(words.REMARKS) if random.random() < 0.12 else "",
        products=() if status == "prospect" else _products(random, group=group),
        pays="never" if status == "suspended" else random.choices(("prompt", "late", "never"), (88, 9, 3))[0],
        closed_on=closed_on,
    )


def _channel(random: Random, email: str) -> str:
    wanted = random.choice(("phone", "phone", "sms", "wechat", "wechat", "email", "visit", "none", ""))
    return "phone" if wanted == "email" and not email else wanted


def _opened_on(random: Random, today: date) -> date:
    """A third came within the last year, so that every month has new customers; the rest over nine years."""
    days = random.randrange(365) if random.random() < 0.34 else random.randrange(365, 365 * 9)
    return today - timedelta(days=days)


def _standing(random: Random, opened_on: date, today: date) -> tuple[str, date | None]:
    status = random.choices(("active", "prospect", "suspended", "closed"), (88, 5, 3, 4))[0]
    if status != "closed":
        return status, None
    days_with_us = (today - opened_on).days
    return status, opened_on + timedelta(days=random.randint(days_with_us // 2, days_with_us))


def _person(random: Random, today: date) -> dict[str, str]:
    female = random.random() < 0.5
    born = today - timedelta(days=random.randint(18 * 366, 78 * 365))
    return {
        "name": person_name(random, female=female),
        "short_name": "",
        "id_type": "id_card",
        "id_no": numbers.id_card(random, born=born, female=female),
    }


def _firm(plan: BranchPlan, random: Random) -> dict[str, str]:
    brand = random.choice(words.FIRM_BRANDS)
    if random.random() < 0.1:
        short = brand + random.choice(words.INSTITUTIONS)
        name = plan.city + short
    else:
        trade = random.choice(words.FIRM_TRADES)
        name = f"{plan.city}{brand}{trade}{_weighted(random, words.FIRM_FORMS)}"
        short = brand + trade[:2]
    return {
        "name": name,
        "short_name": short,
        "id_type": "business_licence",
        "id_no": numbers.credit_code(random),
    }


def _address(plan: BranchPlan, place: str, random: Random, *, group: bool) -> str:
    street = f"{plan.city}市{place}{random.choice(words.STREETS)}{random.randint(1, 680)}号"
    if group:
        return f"{street}{random.randint(1, 9)}号楼{random.randint(3, 28)}层"
    rooms = (
        f"{random.randint(1, 24)}幢{random.randint(1, 3)}单元{random.randint(1, 18)}0{random.randint(1, 4)}室"
    )
    return street + random.choice(words.ESTATES) + rooms


def _grade(random: Random, *, group: bool) -> str:
    return random.choices(("A", "B", "C", "D", ""), (28, 40, 22, 6, 4) if group else (6, 22, 44, 20, 8))[0]


def _products(random: Random, *, group: bool) -> tuple[tuple[str, int], ...]:
    plans, extras = (
        (words.PLANS_GROUP, words.EXTRAS_GROUP)
        if group
        else (words.PLANS_INDIVIDUAL, words.EXTRAS_INDIVIDUAL)
    )
    taken = [random.choices(plans, [product.share for product in plans])[0]]
    taken += [product for product in extras if random.random() < product.share]
    return tuple(
        (product.name, random.randrange(product.cheapest, product.dearest + 1, 100)) for product in taken
    )


def _weighted(random: Random, choices: dict[str, int]) -> str:
    return random.choices(tuple(choices), tuple(choices.values()))[0]

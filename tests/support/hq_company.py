"""A made-up company at head office in bulk, for pages to be looked at and measured."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from hq_server.branches.models import Branch
from hq_server.ingest.models import ChainPosition
from hq_server.replica.models import ReplicaBillLine, ReplicaCustomer, ReplicaManager, ReplicaWorkLog
from shared.db.base import Base
from shared.ids import new_id
from tests.support.hq_rows import MADE, BranchRows, add_batch, add_branch

CITIES: Final = (
    "杭州",
    "宁波",
    "温州",
    "嘉兴",
    "湖州",
    "绍兴",
    "金华",
    "衢州",
    "舟山",
    "台州",
    "丽水",
    "南京",
)
SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗单曾"
GIVEN: Final = "芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华慧建国文玉婷宇浩然"
PRODUCTS: Final = ("移动语音", "宽带", "专线", "IPTV", "云服务")
BATCH: Final = 5_000


@dataclass(frozen=True)
class Size:
    """How much to make: branches, account managers and customers a branch, months of bills, logs a manager."""

    branches: int = 6
    managers: int = 8
    customers: int = 500
    months: int = 8
    logs: int = 60
    lines_a_month: int = 2


def fill_company(session: Session, size: Size, now: datetime, *, seed: int = 1) -> list[BranchRows]:
    """Fill the replica as if every branch had pushed; the same seed gives the same company but for ids."""
    chance = random.Random(seed)
    branches = []
    for number in range(size.branches):
        name = f"{CITIES[number % len(CITIES)]}{number // len(CITIES) or ''}分公司"
        branch = add_branch(session, f"B{number + 1:03d}", now - timedelta(days=300), name=name)
        _fill_branch(session, branch, size, now, chance)
        branches.append(branch)
    return branches


def _fill_branch(
    session: Session, branch: BranchRows, size: Size, now: datetime, chance: random.Random
) -> None:
    managers = [new_id() for _ in range(size.managers)]
    customers = [new_id() for _ in range(size.customers)]
    owners = [chance.choice(managers) if chance.random() < 0.95 else None for _ in customers]
    tables: tuple[tuple[Any, str, Iterator[dict[str, Any]]], ...] = (
        (ReplicaManager, "manager", (_manager(at, one, chance) for at, one in enumerate(managers, 1))),
        (
            ReplicaCustomer,
            "customer",
            (
                _customer(branch.number, at, one, owner, now, chance)
                for at, (one, owner) in enumerate(zip(customers, owners, strict=True), 1)
            ),
        ),
        (ReplicaBillLine, "bill_line", _bills(customers, size, now, chance)),
        (ReplicaWorkLog, "work_log", _logs(managers, customers, size, now, chance)),
    )
    for model, record_type, rows in tables:
        _load(session, branch, Base.metadata.tables[model.__tablename__], record_type, rows, now)
    found = session.get_one(Branch, branch.number)
    found.last_seen_at = now - timedelta(minutes=chance.randint(0, 12))
    found.data_as_of = found.last_seen_at
    found.last_cycle_ms = chance.randint(80, 900)
    session.add(
        ChainPosition(
            branch_number=branch.number,
            channel="profile",
            lineage=1,
            lineage_id=new_id(),
            batch_no=branch.delivered,
            digest="0" * 64,
        )
    )


def _load(
    session: Session,
    branch: BranchRows,
    table: Table,
    record_type: str,
    rows: Iterator[dict[str, Any]],
    now: datetime,
) -> None:
    waiting: list[dict[str, Any]] = []
    for change, row in enumerate(rows, 1):
        waiting.append({**row, "branch_number": branch.number, "row_lineage": 1, "row_change": change})
        if len(waiting) == BATCH:
            _flush(session, branch, table, record_type, waiting, now)
            waiting = []
    if waiting:
        _flush(session, branch, table, record_type, waiting, now)


def _flush(
    session: Session,
    branch: BranchRows,
    table: Table,
    record_type: str,
    rows: list[dict[str, Any]],
    now: datetime,
) -> None:
    received = now - timedelta(days=branch.delivered % 7, minutes=branch.delivered)
    batch_id = add_batch(session, branch, record_type, rows=len(rows), at=received)
    session.execute(insert(table), [{**row, "batch_id": batch_id} for row in rows])


def _made() -> dict[str, Any]:
    return {"created_at": MADE, "created_by": "import", "updated_at": MADE, "updated_by": "import"}


def _name(chance: random.Random) -> str:
    return chance.choice(SURNAMES) + "".join(chance.choice(GIVEN) for _ in range(chance.choice((1, 2, 2))))


def _manager(at: int, one: str, chance: random.Random) -> dict[str, Any]:
    return {
        "id": one,
        **_made(),
        "manager_no": f"M{at:03d}",
        "name": _name(chance),
        "post": "客户经理",
        "level": chance.choice(("初级", "中级", "高级")),
        "department": chance.choice(("政企部", "公众部")),
        "mobile": None,
        "status": "on_leave" if at % 9 == 0 else "active",
    }


def _customer(
    branch: int, at: int, one: str, owner: str | None, now: datetime, chance: random.Random
) -> dict[str, Any]:
    group = chance.random() < 0.08
    name = f"{chance.choice(CITIES)}{_name(chance)}科技有限公司" if group else _name(chance)
    return {
        "id": one,
        **_made(),
        "customer_no": f"C{branch:03d}{at:06d}",
        "kind": "group" if group else "individual",
        "name": name,
        "short_name": None,
        "id_type": None,
        "id_no": None,
        "mobile": f"1390{chance.randint(0, 9_999_999):07d}",
        "phone": None,
        "email": None,
        "region_code": chance.choice(("330106", "330203", "330302", "330402")),
        "address": None,
        "grade": chance.choice(("A", "B", "B", "C", "C", "C", "D", None)),
        "status": chance.choice(("active",) * 8 + ("suspended", "closed")),
        "opened_on": (now - timedelta(days=chance.randint(0, 2_000))).date(),
        "manager_id": owner,
        "preferred_channel": "phone",
        "tags": ["重点"] if at % 20 == 0 else [],
        "attributes": {},
        "remark": None,
    }


def _bills(
    customers: list[str], size: Size, now: datetime, chance: random.Random
) -> Iterator[dict[str, Any]]:
    months = [_month_back(now, back) for back in range(size.months - 1, -1, -1)]
    number = 0
    for month in months:
        for customer in customers:
            for at in range(size.lines_a_month):
                number += 1
                yield {
                    "id": new_id(),
                    "created_at": MADE,
                    "created_by": "billing",
                    "bill_no": f"BL{number:09d}",
                    "customer_id": customer,
                    "product": PRODUCTS[min(int(chance.expovariate(0.9)), len(PRODUCTS) - 1)],
                    "period": month,
                    "kind": ("charge", "payment", "charge", "adjustment")[at % 4],
                    "amount_minor": chance.randint(900, 39_900) * (-1 if at % 4 == 3 else 1),
                    "currency": "CNY",
                    "booked_on": date(int(month[:4]), int(month[5:]), chance.randint(1, 28)),
                    "corrects_id": None,
                    "remark": None,
                }


def _month_back(now: datetime, back: int) -> str:
    index = now.year * 12 + now.month - 1 - back
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def _logs(
    managers: list[str], customers: list[str], size: Size, now: datetime, chance: random.Random
) -> Iterator[dict[str, Any]]:
    number = 0
    for at, manager in enumerate(managers):
        idle = 45 if at % 5 == 4 else 0
        latest: dict[str, Any] | None = None
        for _ in range(size.logs):
            number += 1
            started = now - timedelta(
                days=idle + min(int(chance.expovariate(1 / 25)), 110), minutes=chance.randint(0, 500)
            )
            corrects = latest["id"] if latest and number % 25 == 0 else None
            latest = {
                "id": new_id(),
                "created_at": started,
                "created_by": "manager",
                "log_no": f"WL{number:08d}",
                "manager_id": manager,
                "kind": chance.choice(("visit", "visit", "call", "call", "message", "service", "meeting")),
                "customer_id": chance.choice(customers),
                "started_at": started,
                "ended_at": None,
                "place": chance.choice((None, "客户办公室", "营业厅")),
                "text": chance.choice(
                    ("上门走访，了解续约意向。", "电话回访，客户满意。", "处理宽带故障报修。")
                ),
                "entered_at": started + timedelta(hours=2),
                "corrects_id": corrects,
            }
            yield latest

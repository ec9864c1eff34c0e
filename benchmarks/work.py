"""Work W: made-up customer profiles of about 20 columns, and changes spread over them; the same each time."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table, bindparam, insert, update

from branch_node.customers.models import Customer
from hq_server.replica.models import ReplicaCustomer
from shared.db.base import instant_text
from shared.db.engine import Database
from shared.ids import new_id

BATCH: Final = 5_000
AT: Final = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
SURNAMES: Final = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程"
GIVEN: Final = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文华建国玉梅志红海燕春云飞鹏宇浩然子涵欣怡"
STREETS: Final = ("中山大道", "人民南路", "解放北路", "建设二路", "天河东路", "滨江西路", "文化街", "长江路")
REGIONS: Final = ("440106", "440103", "110105", "310115", "510104", "320106", "420111", "330106")

Row = dict[str, Any]


def make_customers(count: int, managers: Sequence[str]) -> list[Row]:
    """Return `count` profiles as the branch's ORM takes them."""
    dice = random.Random(1)
    return [_customer(dice, number, managers) for number in range(count)]


def make_changes(rows: Sequence[Row], count: int) -> list[Row]:
    """Return `count` of the profiles, spread over all in no order, each with its phone and grade changed."""
    dice = random.Random(2)
    return [
        {
            **row,
            "mobile": f"139{dice.randrange(10**8):08d}",
            "grade": dice.choice("ABCD"),
            "remark": f"回访 {dice.randrange(10**6)}",
            "updated_at": AT + timedelta(days=1, microseconds=dice.randrange(10**9)),
        }
        for row in dice.sample(list(rows), count)
    ]


def write_customers(database: Database, rows: Sequence[Row]) -> None:
    """Commit profiles to the branch's store."""
    with database.sessions.begin() as session:
        for chunk in chunks(rows, BATCH):
            session.execute(insert(Customer), list(chunk))


def write_changes(database: Database, rows: Sequence[Row]) -> None:
    """Commit changes to the branch's store."""
    table = table_of(Customer)
    statement = (
        update(table)
        .where(table.c.id == bindparam("key"))
        .values({name: bindparam(f"new_{name}") for name in ("mobile", "grade", "remark", "updated_at")})
    )
    names = ("mobile", "grade", "remark", "updated_at")
    with database.sessions.begin() as session:
        session.execute(
            statement, [{"key": row["id"], **{f"new_{name}": row[name] for name in names}} for row in rows]
        )


def make_work_logs(count: int, manager_id: str) -> list[Row]:
    """Return `count` work log entries as the branch's ORM takes them."""
    dice = random.Random(3)
    return [
        {
            "id": new_id(),
            "log_no": f"L{number:08d}",
            "manager_id": manager_id,
            "kind": dice.choice(("visit", "call", "service")),
            "customer_id": None,
            "started_at": AT + timedelta(seconds=number),
            "ended_at": None,
            "place": None,
            "text": f"走访{dice.choice(STREETS)}，回访 {dice.randrange(10**6)}",
            "entered_at": AT + timedelta(seconds=number),
            "corrects_id": None,
            "created_at": AT,
            "created_by": "import",
        }
        for number in range(count)
    ]


def chunks(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    """Yield `rows` in pieces of `size`."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def table_of(model: type[Any]) -> Table:
    """Return the table of a model."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


def replica_columns(model: type[Any] = ReplicaCustomer) -> list[str]:
    """Return the columns of one of HQ's tables in their order."""
    return [column.name for column in table_of(model).columns]


def replica_rows(
    rows: Sequence[Row], *, first_change: int, batch_id: int, model: type[Any] = ReplicaCustomer
) -> list[Row]:
    """Return rows as HQ's table holds them, every value in its plainest form (text, number, None)."""
    names = replica_columns(model)
    own = {"branch_number": 1, "row_lineage": 1, "batch_id": batch_id}
    return [
        {
            name: plain(
                own[name] if name in own else first_change + place if name == "row_change" else row[name]
            )
            for name in names
        }
        for place, row in enumerate(rows)
    ]


def replica_tuples(rows: Sequence[Row], *, first_change: int, batch_id: int) -> list[tuple[Any, ...]]:
    """Return customers as HQ's table holds them, without the names of the columns."""
    return [tuple(row.values()) for row in replica_rows(rows, first_change=first_change, batch_id=batch_id)]


def plain(value: object) -> object:
    """Return a value as text or number, the way both databases read it."""
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return value


def keyed_json(row: Row) -> bytes:
    """Return a profile as the usual JSON object."""
    members = {name: value if isinstance(value, list | dict) else plain(value) for name, value in row.items()}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def _customer(dice: random.Random, number: int, managers: Sequence[str]) -> Row:
    made = AT - timedelta(days=dice.randrange(2_000), microseconds=dice.randrange(10**12))
    name = dice.choice(SURNAMES) + "".join(dice.choice(GIVEN) for _ in range(dice.choice((1, 2, 2))))
    return {
        "id": new_id(),
        "customer_no": f"C{number:08d}",
        "kind": "individual" if dice.random() < 0.9 else "group",
        "name": name,
        "short_name": None,
        "id_type": "id_card",
        "id_no": f"{dice.choice(REGIONS)}19{dice.randrange(50, 99)}0{dice.randrange(1, 9)}{dice.randrange(10**6):06d}",
        "mobile": f"138{dice.randrange(10**8):08d}",
        "phone": f"020-{dice.randrange(10**8):08d}" if dice.random() < 0.5 else None,
        "email": f"user{dice.randrange(10**6)}@example.com" if dice.random() < 0.5 else None,
        "wechat": None if dice.random() < 0.5 else f"wx{dice.randrange(10**8)}",
        "region_code": dice.choice(REGIONS),
        "address": f"{dice.choice(STREETS)}{dice.randrange(1, 999)}号{dice.randrange(1, 2999)}室",
        "grade": dice.choice("ABCD"),
        "status": "active",
        "opened_on": made.date(),
        "manager_id": dice.choice(managers),
        "preferred_channel": dice.choice(("phone", "sms", "wechat")),
        "tags": dice.sample(["vip", "老客户", "宽带", "欠费提醒", "企业"], 2),
        "attributes": {"星级": dice.choice("12345")} if dice.random() < 0.5 else {},
        "remark": None if dice.random() < 0.8 else "客户要求下午联系",
        "parent_id": None,
        "parent_kind": None,
        "group_no": None,
        "service_level": "standard",
        "do_not_contact": [],
        "do_not_contact_until": None,
        "lifecycle_stage": dice.choice(("acquisition", "growth", "maturity", "decline")),
        "value_tier": dice.choice(("high", "middle", "low")),
        "legacy_no": None,
        "created_at": made,
        "created_by": "import",
        "updated_at": made,
        "updated_by": "import",
    }

"""How fast a large file is taken in, and that memory stays flat.

Run `python -m benchmarks.imports [ROWS] [DATABASE_URL]`.

Each part runs in a process of its own, so its peak memory is its own.
"""

import csv
import itertools
import json
import math
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import xlsxwriter

from branch_node.imports import operations, queries, store
from branch_node.imports.columns import Context
from branch_node.imports.mapping import ColumnMap, get_kind, make_plan
from branch_node.imports.undo import undo_import
from branch_node.tables import APP
from shared.audit.keyring import CARRIED, LogKeys
from shared.audit.operations import record_rows
from shared.config import Home
from shared.db.engine import Database
from shared.db.migrations.compare import make_tables as make_all
from shared.files.tables import open_table, sha256
from shared.stamp import Stamp, Via

ROWS = 200_000
NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
PARTS = (
    "managers",
    "customers",
    "billing",
    "worklogs",
    "update customers",
    "dry run billing",
    "xlsx customers",
    "undo worklogs",
)
# Part of the rows is enough for a ratio, and each round takes them twice.
LOG_ROWS = 20_000
LOG_ROUNDS = 3
LOG_GOAL = 1.3


def main() -> None:
    """Make the files, run every part, print a table."""
    if sys.argv[1:2] == ["--part"]:
        run_part(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
        return
    if sys.argv[1:2] == ["--log"]:
        print(json.dumps(cost_of_log(Path(sys.argv[2]))))
        return
    if sys.argv[1:2] == ["--files"]:
        make_files(Path(sys.argv[2]), int(sys.argv[3]))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        url = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/bench.db"
        # In a process of its own: a child's peak memory begins with what its parent held.
        subprocess.run([sys.executable, "-m", "benchmarks.imports", "--files", folder, str(rows)], check=True)
        print(
            f"{rows:,} rows into {url.split(':')[0]}\n{'part':<18}{'rows/s':>10}{'seconds':>9}{'peak MB':>9}"
        )
        for part in PARTS:
            command = [sys.executable, "-m", "benchmarks.imports", "--part", part, folder, url]
            figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            speed = figures["rows"] / figures["seconds"]
            print(f"{part:<18}{speed:>10,.0f}{figures['seconds']:>9.1f}{figures['peak']:>9.0f}")
        command = [sys.executable, "-m", "benchmarks.imports", "--log", folder]
        ratios = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for kind, ratio in ratios.items():
            print(
                f"{kind} with the operation log, by CPU, to without: {ratio:.2f} (SQLite; goal: below {LOG_GOAL})"
            )


def cost_of_log(folder: Path) -> dict[str, float]:
    """Return by kind how much more CPU an import takes that tells of each row; best of some rounds, side by side."""
    (folder / "log").mkdir(exist_ok=True)
    make_files(folder / "log", LOG_ROWS)
    kinds = ("customers", "billing")
    best = dict.fromkeys(itertools.product(kinds, (True, False)), math.inf)
    for number, logged in itertools.product(range(LOG_ROUNDS), (False, True)):
        url = f"sqlite:///{folder}/log/{number}{logged}.db"
        make_tables(url)
        vars(store)["record_rows"] = record_rows if logged else lambda *_args, **_options: None
        take_in(folder / "log", "managers", url)
        for kind in kinds:
            before = time.process_time()
            take_in(folder / "log", kind, url)
            best[kind, logged] = min(best[kind, logged], time.process_time() - before)
    return {kind: best[kind, True] / best[kind, False] for kind in kinds}


def take_in(folder: Path, kind: str, url: str) -> None:
    """Import one file of a folder as a node would, its log sealed."""
    database = Database(url, carried={CARRIED: LogKeys(Home(folder / "home"))})
    table = open_table(folder / f"{kind}.csv")
    context = Context(ZoneInfo("Asia/Shanghai"), NOW, "CNY")
    plan = make_plan(get_kind(kind), table.headings, ColumnMap(), context, update_by=None)
    job = operations.Job(table, plan, Stamp(NOW, "bench", Via.COMMAND))
    with database.sessions.begin() as session:
        record = operations.start_import(
            session, job, file_name=kind, sha256=sha256(folder / f"{kind}.csv"), column_map=ColumnMap()
        )
    operations.run_import(database.sessions.begin, record.id, job)
    database.dispose()


def run_part(part: str, folder: Path, url: str) -> None:
    """Do one part and print its figures as JSON."""
    database = Database(url)
    by = Stamp(NOW, "bench", Via.COMMAND)
    verb, kind = part.split(" ")[-2:] if " " in part else ("import", part)
    if part == "managers":
        make_tables(url)
    start = time.perf_counter()
    if verb == "undo":
        with database.sessions.begin() as session:
            newest = session.scalars(queries.imports()).all()
            mine = next(record for record in newest if record.kind == kind)
            rows = undo_import(session, mine.id, by=by).deleted
    else:
        name = {"update": "changes.csv", "xlsx": "customers.xlsx"}.get(verb, f"{kind}.csv")
        table = open_table(folder / name)
        context = Context(ZoneInfo("Asia/Shanghai"), NOW, "CNY")
        update_by = "customer_no" if verb in {"update", "xlsx"} else None
        plan = make_plan(get_kind(kind), table.headings, ColumnMap(), context, update_by=update_by)
        job = operations.Job(table, plan, by)
        if verb == "run":
            rows = sum(outcome.read for outcome in operations.dry_run(database.reads, job))
        else:
            with database.sessions.begin() as session:
                record = operations.start_import(
                    session, job, file_name=name, sha256=sha256(folder / name), column_map=ColumnMap()
                )
            operations.run_import(database.sessions.begin, record.id, job)
            with database.reads() as session:
                rows = queries.get_import(session, record.id).rows_read
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "peak": peak}))


def make_tables(url: str) -> None:
    """Bring an empty database to the branch's present schema, triggers and all."""
    database = Database(url)
    make_all(database, APP)
    with database.engine.begin() as connection:
        APP.after_upgrade(connection)


def make_files(folder: Path, rows: int) -> None:
    """Write made-up files, the same each time."""
    dice = random.Random(1)
    surnames, given = "王李张刘陈杨黄赵周吴", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
    people = [dice.choice(surnames) + dice.choice(given) + dice.choice(given) for _ in range(1000)]
    write(
        folder / "managers.csv",
        "manager_no,name,post,level,department,mobile,status",
        (
            [f"M{n:04}", dice.choice(people), "客户经理", "二级", "市场部", mobile(dice), "active"]
            for n in range(200)
        ),
    )
    headings = (
        "customer_no,kind,name,short_name,id_type,id_no,mobile,phone,email,region_code,address,grade,status,"
        "opened_on,manager_no,preferred_channel,tags,remark"
    )
    customers = [
        [
            f"C{n:08}", "individual", dice.choice(people), "", "id_card", f"4401{dice.randrange(10**14):014}",
            mobile(dice), "020-88886666", f"user{n}@example.com", "440106", f"天河区中山大道{n % 999}号",
            dice.choice("ABCD"), "active",
            f"20{dice.randrange(10, 26)}-0{dice.randrange(1, 10)}-1{dice.randrange(10)}",
            f"M{dice.randrange(200):04}",
            "sms", "vip;老客户", "",
        ]
        for n in range(rows)
    ]  # fmt: skip
    write(folder / "customers.csv", headings, customers)
    write(
        folder / "changes.csv",
        "customer_no,grade,remark",
        ([row[0], "A", f"changed {row[0]}"] for row in customers),
    )
    with xlsxwriter.Workbook(folder / "customers.xlsx", {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for line, row in enumerate([headings.split(","), *customers]):
            sheet.write_row(line, 0, row)
    write(
        folder / "billing.csv",
        "bill_no,customer_no,product,period,kind,amount,currency,booked_on,remark",
        (
            [f"B{n:09}", f"C{dice.randrange(rows):08}", "宽带", "2026-10", "charge",
             f"{dice.randrange(10**6) / 100:.2f}", "CNY", "2026-10-31", ""]
            for n in range(rows)
        ),
    )  # fmt: skip
    write(
        folder / "worklogs.csv",
        "log_no,manager_no,kind,customer_no,started_at,ended_at,place,text,entered_at",
        (
            [f"L{n:09}", f"M{dice.randrange(200):04}", "visit", f"C{dice.randrange(rows):08}",
             "2026-10-08 09:00", "2026-10-08 10:30", "客户单位", "走访客户，介绍新套餐。",
             "2026-10-08 18:00"]
            for n in range(rows)
        ),
    )  # fmt: skip


def mobile(dice: random.Random) -> str:
    """Return a made-up mobile number."""
    return f"138{dice.randrange(10**8):08}"


def write(path: Path, headings: str, rows: object) -> None:
    """Write one CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(headings.split(","))
        writer.writerows(rows)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

"""What the pages of the operation log cost: CPU and clock of each, by kind of staff, at a branch and at head office.

Run with `python -m benchmarks.log_pages [--entries N] [--rounds N] [--only sqlite|postgresql] [--tier branch|hq]
[--world URL] [--who KIND] [--page WORDS]`. `--world` is a database to use as it is, filled when it is empty, and kept.
Each page is asked through the whole application. CPU is of this process and, on PostgreSQL, of its server's as well.
"""

import argparse
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import text

from benchmarks.log_world import BY, NOW, Browsers, World, open_world
from benchmarks.meter import Watch
from shared.db.base import instant_text
from shared.web.oplog.elements import Element
from shared.web.oplog.queries import Log
from shared.web.oplog.question import Question
from shared.web.oplog.sight import LogSight
from tests.support import postgres
from tests.support.databases import DIALECTS, DatabaseFactory

ENTRIES: Final = 1_000_000
ROUNDS: Final = 5
PLAIN: Final = """
SELECT actor, action, count(*) FROM audit_entries WHERE at >= :since GROUP BY actor, action
ORDER BY count(*) DESC LIMIT 2001
"""
GOAL_MS: Final = 1_000
YEAR: Final = "from=2025-11-19&to=2026-11-18"
MONTH: Final = "from=2026-10-20&to=2026-11-18"
# What is asked of a whole year, by every kind that may.
LISTS: Final = {
    "list": f"{YEAR}",
    "list, page 400": f"{YEAR}&page=400",
    "list, last page": f"{YEAR}&size=200&page=5000",
    "list, by operator": f"{YEAR}&sort=actor",
    "list, by outcome": f"{YEAR}&sort=-outcome",
    "one operator": f"{YEAR}&actor=m07",
    "one action": f"{YEAR}&action=export",
    "a common action": f"{YEAR}&action=change",
    "one module": f"{YEAR}&module=customer",
    "one outcome": f"{YEAR}&outcome=refused",
    "one kind of staff": f"{YEAR}&kind=account_manager",
    "operator, action, module": f"{YEAR}&actor=m07&action=change&module=customer",
    "a field": f"{YEAR}&field=grade",
    "story of a record": "object=customer&subject={customer}",
}
COUNTS: Final = {
    "by operator": "rows=actor",
    "by kind of staff": "rows=kind",
    "by action": "rows=action",
    "by module": "rows=module",
    "by kind of record": "rows=object",
    "by terminal": "rows=terminal",
    "by outcome": "rows=outcome",
    "by account manager": "rows=manager",
    "by hour": "rows=hour",
    "by day": "rows=day",
    "by week": "rows=week",
    "by month": "rows=month",
    "by record": "rows=subject",
    "by field": "rows=field",
    "by operator x action": "rows=actor&cols=action",
    "by day x action": "rows=day&cols=action",
    "by month x operator": "rows=month&cols=actor",
    "by module x action": "rows=module&cols=action",
    "by terminal x outcome": "rows=terminal&cols=outcome",
    "by operator, records": "rows=actor&measure=objects",
    "by month, operators": "rows=month&measure=operators",
    "by action, last entry": "rows=action&measure=last",
}
PAGES: Final[Mapping[str, str]] = {
    **{f"year, {name}": f"/log/?{query}" for name, query in LISTS.items()},
    **{f"year, {name}": f"/log/?{YEAR}&{query}" for name, query in COUNTS.items()},
    **{f"30 days, {name}": f"/log/?{MONTH}&{query}" for name, query in COUNTS.items()},
    "as it opens": "/log/",
    "months of operations": "/operations/?month=2026-10",
}


def main() -> None:
    """Print one table a tier, database and kind of staff."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=DIALECTS)
    parser.add_argument("--tier", choices=("branch", "hq"))
    parser.add_argument("--world")
    parser.add_argument("--who", default="")
    parser.add_argument("--page", default="", help="only pages whose name holds this")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="branchline-bench-"))
    run = postgres.TestRun(folder, os.getpid())
    try:
        for tier in (options.tier,) if options.tier else ("branch", "hq"):
            for dialect in (options.only,) if options.only else DIALECTS:
                url = options.world or DatabaseFactory(run, folder).create(dialect)
                world = open_world(tier, url, folder / f"{tier}-{dialect}", options.entries)
                show(world, options)
                world.database.dispose()
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)


def show(world: World, options: argparse.Namespace) -> None:
    """Print what each page costs each kind of staff; pages that a kind does not have are passed over."""
    print(
        f"{world.tier}, {world.database.dialect}: {world.entries:,} entries to {NOW:%Y-%m-%d}, ms (goal {GOAL_MS})"
    )
    watch = Watch(world.database)
    browsers: Browsers = world.browsers()
    for who, browser in browsers.items():
        if options.who not in who:
            continue
        for name, path in PAGES.items():
            if options.page not in name or browser.get(path.format(**world.names)).status_code != 200:
                continue
            costs = []
            for _ in range(options.rounds):
                with watch.run() as cost:
                    browser.get(path.format(**world.names))
                costs.append(cost)
            cpu = sorted(one.cpu_ms for one in costs)[len(costs) // 2]
            clock = sorted(one.clock_ms for one in costs)[len(costs) // 2]
            mark = "  over" if cpu > GOAL_MS else ""
            print(f"  {who:18} {name:36} CPU {cpu:8.0f}   clock {clock:8.0f}{mark}", flush=True)


def against_plain(folder: Path, factory: DatabaseFactory, entries: int) -> dict[str, float]:
    """Return by database the CPU of counting a year's entries by two elements, against the plain GROUP BY of it."""
    ratios = {}
    for dialect in DIALECTS:
        world = open_world("branch", factory.create(dialect), folder / dialect, entries)
        watch = Watch(world.database)
        asked = Question(
            days=(date(2025, 11, 19), date(2026, 11, 18)), rows=Element.ACTOR, columns=Element.ACTION
        )
        best = {"page": math.inf, "plain": math.inf}
        for _ in range(ROUNDS):
            with world.database.reads() as session:
                log = Log(session, LogSight(counts_only=False, masked=False), ZoneInfo("Asia/Shanghai"))
                with watch.run() as page:
                    log.count(asked)
                with watch.run() as plain:
                    session.execute(text(PLAIN), {"since": instant_text(BY.at)}).all()
            best = {"page": min(best["page"], page.cpu_ms), "plain": min(best["plain"], plain.cpu_ms)}
        ratios[f"log_counts_{dialect}_vs_plain"] = best["page"] / best["plain"]
        world.database.dispose()
    return ratios


if __name__ == "__main__":
    main()

"""Whether memory stays flat over a file or a table ten times as long, on both databases.

Run `python -m benchmarks.memory [--rows N] [--only sqlite|postgresql] [--part NAME]...`. Each part runs in a process
of its own over N customers and over a tenth of them; the most memory that process held is read at its end. PostgreSQL's
own processes are not counted: they belong to whoever runs the server.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from benchmarks.imports import NOW, make_files, make_tables
from branch_node.app import create_app, open_runtime
from branch_node.archive.models import ArchiveEntry, ArchiveHead
from branch_node.archive.operations import head_mac
from branch_node.archive.verification import verify
from branch_node.config import create_home
from branch_node.customers.models import Customer
from branch_node.duplicates.jobs import FIRST
from branch_node.duplicates.operations import FILES, changed_behind, look_at
from branch_node.imports import operations, queries
from branch_node.imports.columns import Context
from branch_node.imports.exporting import export_unsent
from branch_node.imports.mapping import ColumnMap, get_kind, make_plan
from branch_node.imports.undo import undo_import
from branch_node.runtime import BranchRuntime
from shared.audit.keyring import LogKeys
from shared.auth import operations as auth
from shared.auth.queries import find_user
from shared.clock import FakeClock
from shared.domain.archive.chain import GENESIS, content_digest
from shared.domain.archive.vocabulary import EntryKind
from shared.exports.rules import ExportRules
from shared.files.tables import open_table, sha256
from shared.ids import new_id
from shared.rights.vocabulary import DataRange, StaffKind
from shared.stamp import Stamp, Via
from shared.web.exports.handing import RULES
from tests.support import postgres
from tests.support.databases import DIALECTS, DatabaseFactory
from tests.support.page_client import FollowingClient

ROWS: Final = 200_000
SMALLER: Final = 10
BY: Final = Stamp(NOW, "bench", Via.COMMAND)
PASSWORD: Final = "correct horse battery"
# As long as a sealed file of an ordinary customer.
CONTENT: Final = 3_000
# What a ratio of the most memory must stay below; SQLite's own cache alone may take 64 MB of a larger database.
GOAL: Final = 1.5


def main() -> None:
    """Print a line a part and database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--only", choices=DIALECTS)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--work", nargs=3, metavar=("PART", "FOLDER", "URL"), help=argparse.SUPPRESS)
    parser.add_argument("--files", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work)
    elif options.files:
        make_files(options.files, options.rows)
    else:
        compare(options.rows, options.part or list(PARTS), (options.only,) if options.only else DIALECTS)


def compare(rows: int, parts: list[str], dialects: tuple[str, ...]) -> dict[str, float]:
    """Measure and print; return by part and database how many times as much memory ten times the rows take."""
    ratios = {}
    folder = Path(tempfile.mkdtemp(prefix="branchline-memory-"))
    run = postgres.TestRun(folder, os.getpid())
    try:
        factory = DatabaseFactory(run, folder)
        for dialect in dialects:
            print(f"\n{dialect}: most memory of the process, MB; CPU of the larger, s")
            few, many = (
                measured(folder / f"{dialect}-{size}", factory.create(dialect), size, parts)
                for size in (rows // SMALLER, rows)
            )
            for part in parts:
                ratio = ratios[f"{part}, {dialect}"] = many[part]["peak"] / few[part]["peak"]
                print(
                    f"  {part:<20}{rows // SMALLER:>10,}{few[part]['peak']:>7.0f}{rows:>10,}{many[part]['peak']:>7.0f}"
                    f"{ratio:>7.2f}{'' if ratio < GOAL else ' (over)'}{many[part]['cpu']:>9.1f}",
                    flush=True,
                )
    finally:
        postgres.stop(run)
        shutil.rmtree(folder, ignore_errors=True)
    return ratios


def measured(folder: Path, url: str, rows: int, parts: list[str]) -> dict[str, dict[str, float]]:
    """Return what each part took over `rows` customers; done in their order, each on what those before left."""
    folder.mkdir()
    own = [sys.executable, "-m", "benchmarks.memory"]
    subprocess.run([*own, "--files", str(folder), "--rows", str(rows)], check=True)
    needed = {"managers", *parts, *(before for part in parts for before in NEEDS.get(part, ()))}
    figures = {}
    for part in filter(needed.__contains__, PARTS):
        done = subprocess.run(
            [*own, "--work", part, str(folder), url], check=True, stdout=subprocess.PIPE, text=True
        )
        figures[part] = json.loads(done.stdout)
        print(f"    {rows:,} {part}: {done.stdout.strip()}", file=sys.stderr, flush=True)
    return figures


def work(part: str, folder: str, url: str) -> None:
    """Do one part in this process and print what it took."""
    began = time.process_time()
    PARTS[part](Node(Path(folder), url))
    print(json.dumps({"peak": peak_mb(), "cpu": time.process_time() - began}))


def peak_mb() -> float:
    """Return the most memory this process has held since it began, in MB; what its parent held is not in it."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["VmHWM"].split()[0]) / 1024


class Node:
    """The branch a part works at."""

    def __init__(self, folder: Path, url: str) -> None:
        """Open the node in a folder, set up by the first part that asks."""
        self.folder, self.url, home = folder, url, folder / "home"
        if not home.exists():
            create_home(home, database_url=url)
            make_tables(url)
        self.runtime: BranchRuntime = replace(open_runtime(home), clock=FakeClock(NOW))
        self.database = self.runtime.database

    def job(self, kind: str, name: str) -> operations.Job:
        """Return the import of one of the files."""
        table = open_table(self.folder / name)
        context = Context(ZoneInfo("Asia/Shanghai"), NOW, "CNY")
        return operations.Job(
            table, make_plan(get_kind(kind), table.headings, ColumnMap(), context, update_by=None), BY
        )

    def take_in(self, kind: str, name: str) -> None:
        """Import a file."""
        job = self.job(kind, name)
        with self.database.sessions.begin() as session:
            record = operations.start_import(
                session, job, file_name=name, sha256=sha256(self.folder / name), column_map=ColumnMap()
            )
        operations.run_import(self.database.sessions.begin, record.id, job)


# --- parts -------------------------------------------------------------------------------------------


def managers(node: Node) -> None:
    """Take in the account managers: what a node takes that does next to nothing."""
    node.take_in("managers", "managers.csv")


def dry_run(name: str) -> Callable[[Node], None]:
    """Return the check of a file of customers, whom they look like included."""

    def check(node: Node) -> None:
        for _outcome in operations.dry_run(node.database.reads, node.job("customers", name)):
            pass

    return check


def import_customers(name: str) -> Callable[[Node], None]:
    """Return the import of a file of customers."""
    return lambda node: node.take_in("customers", name)


def undo(node: Node) -> None:
    """Take the newest import back."""
    with node.database.sessions.begin() as session:
        newest = session.scalars(queries.imports()).all()
        undo_import(session, next(one.id for one in newest if one.kind == "customers"), by=BY)


def duplicates(node: Node) -> None:
    """Look at every file, as the night job does."""
    last: str | None = FIRST
    while last is not None:
        with node.database.reads() as session:
            last, rows = changed_behind(session, last)
        if rows:
            with node.database.sessions.begin() as session:
                look_at(session, rows, now=NOW)


def export(form: str) -> Callable[[Node], None]:
    """Return an export of the list of customers through the whole application, taken piece by piece."""

    def take(node: Node) -> None:
        app = create_app(node.runtime)
        app.test_client_class = FollowingClient
        app.extensions[RULES] = lambda _session: ExportRules(alone=ROWS, a_day=100 * ROWS)
        _enter_manager(node)
        client = app.test_client()
        assert isinstance(client, FollowingClient)
        client.sign_in("wang", PASSWORD)
        path = f"/customers/export.{form}?view=all"
        asked = {"csrf_token": client.token(), "reason": "asked for by the auditors"}
        answer = client.post(path, data=asked, buffered=False)
        assert answer.mimetype != "text/html", answer.text
        assert sum(len(part) for part in answer.iter_encoded()) > 0

    return take


def _enter_manager(node: Node) -> None:
    with node.database.sessions.begin() as session:
        if find_user(session, "wang") is not None:
            return
        user, _code = auth.create_user(
            session,
            username="wang",
            name="王",
            kind=StaffKind.BRANCH_MANAGER,
            data_range=DataRange.BRANCH,
            by=BY,
        )
        auth.set_password(session, user, PASSWORD, by=BY)


def unsent(node: Node) -> None:
    """Write what head office has not taken as files; nothing has been sent, so that is everything."""
    export_unsent(node.runtime, node.folder / "unsent")


def fill_archive(node: Node) -> None:
    """Put an entry a customer into the retained archive, in bulk."""
    with node.database.sessions.begin() as session:
        held = session.execute(select(Customer.id, Customer.customer_no).order_by(Customer.id)).all()
        seq, digest = 0, GENESIS
        for start in range(0, len(held), FILES):
            rows = []
            for customer_id, number in held[start : start + FILES]:
                seq += 1
                entry = _entry(seq, customer_id, number)
                digest = entry.digest = entry.linked(digest)
                rows.append(
                    {column.key: getattr(entry, column.key) for column in ArchiveEntry.__table__.columns}
                )
            session.execute(insert(ArchiveEntry), rows)
        keys = LogKeys.of(session)
        assert keys is not None
        session.add(ArchiveHead(id=1, seq=seq, digest=digest, mac=head_mac(keys, seq, digest)))


def _entry(seq: int, customer_id: str, number: str) -> ArchiveEntry:
    content = f"{seq:>{CONTENT}}"
    return ArchiveEntry(
        id=new_id(), seq=seq, kind=EntryKind.FILE, customer_id=customer_id, customer_no=number, made_at=NOW,
        made_by="bench", reason="", of_id=None, unlock_id=None, content=content, content_digest=content_digest(content),
    )  # fmt: skip


def verify_archive(node: Node) -> None:
    """Read the whole retained archive."""
    with node.database.reads() as session:
        assert verify(session).intact


PARTS: Final[Mapping[str, Callable[[Node], None]]] = {
    "managers": managers,
    "dry run csv": dry_run("customers.csv"),
    "dry run xlsx": dry_run("customers.xlsx"),
    "import xlsx": import_customers("customers.xlsx"),
    "undo": undo,
    "import csv": import_customers("customers.csv"),
    "duplicates": duplicates,
    "duplicates again": duplicates,
    "export csv": export("csv"),
    "export xlsx": export("xlsx"),
    "unsent": unsent,
    "fill archive": fill_archive,
    "verify archive": verify_archive,
}
# What a part works on is made by these.
NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "undo": ("import xlsx",),
    **dict.fromkeys(("duplicates", "export csv", "export xlsx", "unsent", "fill archive"), ("import csv",)),
    "duplicates again": ("import csv", "duplicates"),
    "verify archive": ("import csv", "fill archive"),
}


if __name__ == "__main__":
    main()

"""What import tests share: a branch database, files written on the spot, and a short way to take one in."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from branch_node.imports import operations, queries, reports
from branch_node.imports.columns import Context
from branch_node.imports.mapping import ColumnMap, get_kind, make_plan
from branch_node.imports.models import ImportEdit
from branch_node.imports.operations import Job
from branch_node.imports.undo import Undone, undo_import
from shared.db.engine import Database
from shared.files.tables import open_table, sha256
from tests.support.branch import ANA, NOON, SHANGHAI, database, rows, sessions

__all__ = ["database", "rows", "sessions"]


@dataclass
class Taken:
    """What one import gave, read back from the database."""

    import_id: str
    state: str
    counts: tuple[int, int, int, int]
    refused: list[dict[str, Any]]


@dataclass
class Importer:
    """Writes files and takes them in as the command does."""

    database: Database
    folder: Path

    def write(self, name: str, text: str, encoding: str = "utf-8") -> Path:
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return path

    def table(self, name: str, headings: str, rows: Iterable[Iterable[object]]) -> Path:
        path = self.folder / name
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(headings.split(","))
            writer.writerows(rows)
        return path

    def job(
        self, kind: str, path: Path, *, column_map: ColumnMap | None = None, update_by: str | None = None
    ) -> Job:
        table = open_table(path)
        context = Context(ZoneInfo(SHANGHAI), NOON, "CNY")
        plan = make_plan(
            get_kind(kind), table.headings, column_map or ColumnMap(), context, update_by=update_by
        )
        return Job(table, plan, ANA)

    def start(self, job: Job, column_map: ColumnMap | None = None) -> str:
        path = job.table.path
        with self.database.sessions.begin() as session:
            return operations.start_import(
                session, job, file_name=path.name, sha256=sha256(path), column_map=column_map or ColumnMap()
            ).id

    def take(self, kind: str, path: Path, **options: Any) -> Taken:
        job = self.job(kind, path, **options)
        import_id = self.start(job)
        operations.run_import(self.database.sessions.begin, import_id, job)
        return self.read(import_id)

    def dry(self, kind: str, path: Path, **options: Any) -> tuple[int, int, int, int]:
        job = self.job(kind, path, **options)
        outcomes = list(operations.dry_run(self.database.reads, job))
        return (
            sum(len(outcome.created) for outcome in outcomes),
            sum(len(outcome.updated) for outcome in outcomes),
            sum(outcome.unchanged for outcome in outcomes),
            sum(len(outcome.refused) for outcome in outcomes),
        )

    def read(self, import_id: str) -> Taken:
        with self.database.reads() as session:
            record = queries.get_import(session, import_id)
            refused = [
                reports.as_json(reports.RefusedRow(row.row, row.cells, row.problems))
                for row in queries.each_refusal(session, import_id)
            ]
            record = queries.get_import(session, import_id)
            return Taken(
                import_id,
                record.state.value,
                (record.rows_created, record.rows_updated, record.rows_unchanged, record.rows_refused),
                refused,
            )

    def undo(self, import_id: str) -> Undone:
        with self.database.sessions.begin() as session:
            return undo_import(session, import_id, by=ANA)

    def all(self, model: type[Any]) -> list[Any]:
        with self.database.reads() as session:
            return list(session.scalars(select(model).order_by(model.id)))

    def all_edits(self) -> int:
        """How many mended rows are still kept."""
        with self.database.reads() as session:
            return session.scalar(select(func.count()).select_from(ImportEdit)) or 0


@pytest.fixture
def importer(database: Database, tmp_path: Path) -> Importer:
    return Importer(database, tmp_path)


@pytest.fixture
def managers(importer: Importer) -> Callable[..., Taken]:
    """Take in two account managers, M1 and M2."""

    def take() -> Taken:
        path = importer.write("managers.csv", "manager_no,name\nM1,王伟\nM2,李芳\n")
        return importer.take("managers", path)

    return take


@pytest.fixture
def customers(importer: Importer) -> Callable[..., Taken]:
    """Take in three customers, C1 to C3."""

    def take() -> Taken:
        path = importer.write(
            "customers.csv",
            "customer_no,kind,name,mobile\nC1,individual,张三,13800000001\nC2,个人客户,李四,13800000002\n"
            "C3,group,广州贸易公司,13800000002\n",
        )
        return importer.take("customers", path)

    return take

"""What is remembered of every import: the file, how far it got, each row it wrote or refused."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id, Json
from shared.domain.vocabulary import Vocabulary, code_column
from shared.errors import N_


class ImportState(Vocabulary):
    """Where an import stands; CHECKING and RUNNING go on by themselves, whoever looks."""

    UPLOADED = ("uploaded", N_("Uploaded"), "已上载")
    CHECKING = ("checking", N_("Being checked"), "检查中")
    CHECKED = ("checked", N_("Checked"), "已检查")
    RUNNING = ("running", N_("Being taken in"), "导入中")
    INTERRUPTED = ("interrupted", N_("Interrupted"), "已中断")
    DONE = ("done", N_("Taken in"), "已完成")
    UNDOING = ("undoing", N_("Being undone"), "撤销中")
    UNDONE = ("undone", N_("Undone"), "已撤销")


class MatchChoice(Vocabulary):
    """What becomes of a row that looks like a customer who is here, or like an earlier row."""

    NEW = ("new", N_("take in as new"), "作为新客户导入")
    UPDATE = ("update", N_("update that customer"), "更新该客户")
    LEAVE = ("leave", N_("leave out"), "不导入")


IN_WORK: Final = (ImportState.CHECKING, ImportState.RUNNING)


class RowAction(StrEnum):
    """What an import did with a row it took."""

    CREATED = "created"
    UPDATED = "updated"


class Import(Base):
    """One file taken in, or being taken in.

    `last_line` is the line of the file that is committed; going on starts behind it. `worker` is the
    claim of whoever is at work: a claim that was replaced can commit nothing more. The database's
    guards let facts be deleted only while the import that created them is `undoing`.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(
            "rows_read = rows_created + rows_updated + rows_unchanged + rows_refused", name="rows_add_up"
        ),
        Index("ix_imports_started_at", "started_at"),
        Index("ix_imports_sha256", "sha256"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    file_name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    heading_key: Mapped[str] = mapped_column(String(64))
    headings: Mapped[list[str]] = mapped_column(Json)
    unknown_columns: Mapped[list[str]] = mapped_column(Json)
    mapping: Mapped[dict[str, Any]] = mapped_column(Json)
    update_by: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[ImportState] = mapped_column(code_column(ImportState))
    stored: Mapped[bool] = mapped_column(default=False)
    total_rows: Mapped[int | None] = mapped_column(Integer)
    last_line: Mapped[int] = mapped_column(Integer, default=0)
    rows_read: Mapped[int] = mapped_column(Integer, default=0)
    rows_created: Mapped[int] = mapped_column(Integer, default=0)
    rows_updated: Mapped[int] = mapped_column(Integer, default=0)
    rows_unchanged: Mapped[int] = mapped_column(Integer, default=0)
    rows_refused: Mapped[int] = mapped_column(Integer, default=0)
    failure: Mapped[str | None] = mapped_column(String(500))
    worker: Mapped[str | None] = mapped_column(Id)
    seen_at: Mapped[datetime]
    started_at: Mapped[datetime]
    started_by: Mapped[str] = mapped_column(String(80))
    finished_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(80))

    def start_over(self, state: ImportState) -> None:
        """Begin at the first row again, in `state`, with nothing counted."""
        self.state = state
        self.last_line = 0
        self.rows_read = self.rows_created = self.rows_updated = self.rows_unchanged = self.rows_refused = 0
        self.failure = None
        self.worker = None


class ImportRow(Base):
    """One record that an import wrote: enough to take it back.

    `before` holds the columns an update changed, as they were; `after` is the fingerprint of a state
    as the import left it, so that a later change is noticed whoever made it. What was written beside the
    record of a line (since when a unit is whose) stands under the line's negative number.
    """

    __tablename__ = "import_rows"
    __table_args__ = (
        ForeignKeyConstraint(["import_id"], ["imports.id"]),
        Index("ix_import_rows_record_id", "record_id"),
        CheckConstraint("action IN ('created', 'updated')", name="action"),
    )

    import_id: Mapped[str] = mapped_column(Id, primary_key=True)
    row: Mapped[int] = mapped_column(Integer, primary_key=True)
    action: Mapped[str] = mapped_column(String(10))
    record_type: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(Id)
    before: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[str | None] = mapped_column(String(32))


class ImportRefusal(Base):
    """One row an import refused: its cells as given, and each problem (column, code, message, params)."""

    __tablename__ = "import_refusals"
    __table_args__ = (ForeignKeyConstraint(["import_id"], ["imports.id"]),)

    import_id: Mapped[str] = mapped_column(Id, primary_key=True)
    row: Mapped[int] = mapped_column(Integer, primary_key=True)
    cells: Mapped[list[str]] = mapped_column(Json)
    problems: Mapped[list[Any]] = mapped_column(Json)


class ImportMatch(Base):
    """That a row to be created looks like a customer who is here, or like an earlier row of its file.

    `levels` say how far each field agrees; `choice` is what somebody said becomes of the row.
    """

    __tablename__ = "import_matches"
    __table_args__ = (
        ForeignKeyConstraint(["import_id"], ["imports.id"]),
        Index("ix_import_matches_other_id", "other_id"),
        CheckConstraint("(other_id IS NULL) <> (other_row IS NULL)", name="one_other"),
        CheckConstraint("choice <> 'update' OR other_id IS NOT NULL", name="updates_somebody"),
    )

    import_id: Mapped[str] = mapped_column(Id, primary_key=True)
    row: Mapped[int] = mapped_column(Integer, primary_key=True)
    other_id: Mapped[str | None] = mapped_column(Id, ForeignKey("customers.id", ondelete="CASCADE"))
    other_row: Mapped[int | None] = mapped_column(Integer)
    score: Mapped[int] = mapped_column(Integer)
    levels: Mapped[dict[str, Any]] = mapped_column(Json)
    choice: Mapped[MatchChoice | None] = mapped_column(code_column(MatchChoice))


class ImportEdit(Base):
    """A row as somebody mended it on the page of the check; kept as long as the uploaded file is."""

    __tablename__ = "import_edits"
    __table_args__ = (ForeignKeyConstraint(["import_id"], ["imports.id"]),)

    import_id: Mapped[str] = mapped_column(Id, primary_key=True)
    row: Mapped[int] = mapped_column(Integer, primary_key=True)
    cells: Mapped[list[str]] = mapped_column(Json)

"""What HQ's backups hold of each branch: branches keep all that is not in one, so that a restored HQ is made whole."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from hq_server.ingest.models import BackedUpChain, ChainPosition, HqBackup
from shared.stamp import Stamp

# branch number, channel, lineage, batch number
Held = tuple[int, str, int, int]


class BackupWatch:
    """Looks at a backup's own snapshot, and publishes what it holds when it is complete.

    Never what HQ holds by then: what came in while the file was written is not in it.
    """

    def __init__(self) -> None:
        """Know of nothing yet."""
        self._held: Sequence[Held] = ()

    def look(self, snapshot: Connection) -> None:
        """Read where each chain stands in the backup."""
        self._held = read_positions(snapshot)

    def completed(self, session: Session, *, by: Stamp) -> None:
        """Tell branches from now on that the backup holds it."""
        note_backup(session, self._held, by=by)


def read_positions(snapshot: Connection) -> Sequence[Held]:
    """Return where each chain stands."""
    table = ChainPosition.__table__.c
    rows = snapshot.execute(select(table.branch_number, table.channel, table.lineage, table.batch_no))
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def note_backup(session: Session, held: Sequence[Held], *, by: Stamp) -> None:
    """Remember a complete backup; a chain of which an earlier one holds more keeps that."""
    backup = HqBackup(made_at=by.at, made_by=by.actor)
    session.add(backup)
    session.flush()
    if not held:
        return
    insert = insert_postgresql if session.get_bind().dialect.name == "postgresql" else insert_sqlite
    names = ("branch_number", "channel", "lineage", "batch_no")
    statement = insert(BackedUpChain).values(
        [dict(zip(names, row, strict=True)) | {"backup_id": backup.id} for row in held]
    )
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["branch_number", "channel"],
            set_={"lineage": new.lineage, "batch_no": new.batch_no, "backup_id": new.backup_id},
            where=tuple_(new.lineage, new.batch_no) > tuple_(BackedUpChain.lineage, BackedUpChain.batch_no),
        )
    )


def list_backed_up(session: Session, branch_number: int) -> dict[str, tuple[int, int]]:
    """Return by channel the last (lineage, batch number) of a branch that a backup holds."""
    rows = session.scalars(select(BackedUpChain).where(BackedUpChain.branch_number == branch_number))
    return {row.channel: (row.lineage, row.batch_no) for row in rows}


def backed_up_through(session: Session, branch_number: int, channel: str, lineage: int) -> int | None:
    """Return the last batch of this history of a channel that a backup holds, or None."""
    found = session.get(BackedUpChain, (branch_number, channel))
    return found.batch_no if found is not None and found.lineage == lineage and found.batch_no else None


def last_backup_at(session: Session) -> datetime | None:
    """Return when the latest complete backup was begun, or None when there is none."""
    return session.scalar(select(func.max(HqBackup.made_at)))

"""Somebody who saves customers one at a time: `python -m tests.support.saving URL HOW_MANY`, a line for each.

`saved ID` comes after the database has said that the customer is kept, `refused ID` after it has said that it is not.
"""

import sys
from datetime import UTC, datetime

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from branch_node.bindings import BINDINGS
from shared.db.engine import Database
from shared.ids import new_id


def main(url: str, how_many: int) -> None:
    """Save as many as asked for, and say of each what came of it."""
    database, table = Database(url), BINDINGS["customer"].table
    by = {"created_by": "ana", "updated_by": "ana"}
    for _ in range(how_many):
        one, now = new_id(), datetime.now(UTC)
        row = {"id": one, "customer_no": one, "kind": "individual", "name": "客户", "status": "active", **by}
        try:
            with database.sessions.begin() as session:
                session.execute(insert(table), row | {"created_at": now, "updated_at": now})
        except SQLAlchemyError:
            print("refused", one, flush=True)
        else:
            print("saved", one, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""The whole app, signed in, and entries of a log to ask."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from shared.audit.operations import record
from shared.audit.pending import drafts_of
from shared.db.engine import Database
from shared.stamp import Stamp, Via
from tests.support.branch import NOON
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "make_user", "sign_in"]


@pytest.fixture
def tell(database: Database) -> Callable[..., None]:
    """Write one entry: its event, who, which record and what changed."""

    def tell(
        event: str,
        who: str = "ana",
        subject: tuple[str, str] | None = None,
        *,
        at: datetime = NOON,
        terminal: str = "10.0.0.7",
        actor_id: str | None = None,
        **changes: Any,
    ) -> None:
        by = Stamp(at, who, Via.WEB, terminal, actor_id)
        with database.sessions.begin() as session:
            record(session, event, subject=subject, by=by)
            if changes:
                drafts_of(session)[-1].changes = {
                    name: list(pair) if isinstance(pair, tuple) else pair for name, pair in changes.items()
                }

    return tell

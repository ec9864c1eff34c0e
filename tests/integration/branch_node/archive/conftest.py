"""Two people of a branch who may unlock, and customers to put away."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import sessionmaker

from branch_node.archive import operations, unlocking
from branch_node.archive.models import ArchiveEntry
from shared.db.scope import ScopedSession
from shared.stamp import Stamp, Via
from shared.twoperson.operations import approve
from tests.integration.branch_node.documents.conftest import keep
from tests.support.branch import ANA, NOON, Rows
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "keep", "make_user", "sign_in"]

BEN = Stamp(NOON, "ben", Via.WEB, "10.0.0.8")


def later(by: Stamp, minutes: int) -> Stamp:
    """Return the stamp of the same person so many minutes later."""
    return Stamp(by.at + timedelta(minutes=minutes), by.actor, by.via, by.terminal)


@pytest.fixture
def filed(sessions: sessionmaker[ScopedSession], rows: Rows) -> tuple[str, str]:
    """Return a customer and the entry of their file in the retained archive."""
    customer_id = rows.customer(name="李明", mobile="13800000001", remark="老客户")
    with sessions.begin() as session:
        entry = operations.put_in(session, customer_id, reason="contract ended", by=later(ANA, 1))
        return customer_id, entry.id


@pytest.fixture
def unlock(sessions: sessionmaker[ScopedSession]) -> Callable[..., str]:
    """Return a way to have an entry unlocked by two people; it answers with the act."""

    def opened(entry_id: str, at: Stamp = ANA) -> str:
        with sessions.begin() as session:
            act = unlocking.ask_unlock(session, entry_id, reason="a page is missing", by=at)
            act_id, digest = act.id, act.digest
        with sessions.begin() as session:
            by = Stamp(at.at, BEN.actor, BEN.via, BEN.terminal)
            approve(session, unlocking.UNLOCK_KIND, act_id, seen=digest, eligible=lambda _kind: True, by=by)
        return act_id

    return opened


def entry_of(session: ScopedSession, entry_id: str) -> ArchiveEntry:
    """Return an entry."""
    return session.get_one(ArchiveEntry, entry_id)

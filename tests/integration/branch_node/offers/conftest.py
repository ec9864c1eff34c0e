"""A branch's app with people in it, and offers as head office publishes them."""

import pytest

from branch_node.inbound import operations
from branch_node.inbound.models import InboundItem
from shared.db.base import instant_text
from shared.ids import new_id
from sync_protocol.contract.feed import FeedEntry, FeedPoint
from tests.support.branch import ANA, NOON
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "make_user", "sign_in"]
TODAY = NOON.date()


@pytest.fixture
def offer(sessions):
    """Take in an offer as head office published it; returns what became of it."""

    def taken(code, item="", version=1, **body):
        made = item or new_id()
        usual = {
            "title": f"Title {code}",
            "text": "Gigabit for nothing",
            "from": TODAY.isoformat(),
            "until": None,
        }
        entry = FeedEntry(
            seq=1,
            id=made,
            kind="offer",
            name=code,
            version=version,
            withdrawn=bool(item),
            body=None if item else {**usual, **body},
            published_at=instant_text(NOON),
        )
        with sessions.begin() as session:
            operations.take_in(session, [entry], FeedPoint(seq=1, digest="0" * 64), anew=False, by=ANA)
        with sessions() as session:
            return made, session.get_one(InboundItem, made).outcome

    return taken

"""A branch's app with people in it, and questions as head office publishes them."""

import pytest

from branch_node.inbound import operations
from branch_node.inbound.models import InboundItem
from shared.db.base import instant_text
from shared.ids import new_id
from sync_protocol.contract.feed import FeedEntry, FeedPoint
from tests.support.branch import ANA, NOON
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "make_user", "sign_in"]
SCORE = {
    "indicator": "satisfaction",
    "scale": "score",
    "zh": "您对服务满意吗？",
    "en": "Are you content with us?",
    "low": {"zh": "很不满意", "en": "Not at all"},
    "high": {"zh": "很满意", "en": "Very much"},
    "from": "2026-01-01",
    "until": None,
}
CHOICE = {
    "indicator": "demand",
    "scale": "choice",
    "zh": "您最需要什么？",
    "en": "What do you need most?",
    "choices": [
        {"code": "price", "zh": "价格", "en": "Lower price"},
        {"code": "speed", "zh": "速度", "en": "More speed"},
    ],
    "from": "2026-01-01",
    "until": None,
}


@pytest.fixture
def ask(sessions):
    """Take in a question as head office published it; returns the item and what became of it."""

    def taken(code, body, *, item="", version=1, **changed):
        made = item or new_id()
        entry = FeedEntry(
            seq=1,
            id=made,
            kind="question",
            name=code,
            version=version,
            withdrawn=body is None,
            body=None if body is None else {**body, **changed},
            published_at=instant_text(NOON),
        )
        with sessions.begin() as session:
            operations.take_in(session, [entry], FeedPoint(seq=1, digest="0" * 64), anew=False, by=ANA)
        with sessions() as session:
            return made, session.get_one(InboundItem, made).outcome

    return taken


@pytest.fixture
def asked(ask):
    """A score and a choice that every customer is asked."""
    ask("NEED", CHOICE)
    return ask("NPS", SCORE)[0]

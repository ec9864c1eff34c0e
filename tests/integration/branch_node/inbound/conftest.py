"""The whole app, signed in, and a short way to have something published."""

from collections.abc import Callable
from typing import Any

import pytest

from branch_node.inbound import operations
from shared.db.base import instant_text
from shared.domain.published.vocabulary import ItemKind
from shared.ids import new_id
from sync_protocol.contract.feed import FeedEntry, FeedPoint
from tests.support.branch import ANA, NOON
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = ["administrator", "app", "browser", "clock", "make_user", "sign_in"]


@pytest.fixture
def publish(sessions: Any) -> Callable[..., str]:
    """Take an item in as a cycle does; returns its id."""

    def take(kind: ItemKind, name: str, body: dict[str, Any] | None, **more: Any) -> str:
        item = more.pop("item", None) or new_id()
        entry = FeedEntry(
            seq=1,
            id=item,
            kind=kind.value,
            name=name,
            version=more.pop("version", 1),
            withdrawn=body is None,
            body=body,
            published_at=instant_text(NOON),
            **more,
        )
        with sessions.begin() as session:
            head = FeedPoint(seq=1, digest="0" * 64)
            operations.take_in(session, [entry], head, anew=False, by=ANA)
        return str(item)

    return take

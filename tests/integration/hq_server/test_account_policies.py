"""Head office keeps the rules for accounts that it publishes to every branch."""

from datetime import timedelta

from hq_server.feed import operations
from hq_server.feed.operations import Draft
from shared.domain.published.policies import SESSION_IDLE
from shared.domain.published.vocabulary import ItemKind
from shared.stamp import Stamp, Via
from tests.integration.hq_server.conftest import NOON
from tests.support.hq_rows import add_branch

BY = Stamp(NOON, "chen", Via.WEB)


def _publish(database, draft):
    with database.sessions.begin() as session:
        add_branch(session, "B001", NOON, name="杭州分公司")
        item = operations.make_item(session, ItemKind.POLICY, SESSION_IDLE, draft, by=BY)
        operations.publish(session, item.id, by=BY)


def test_what_is_fixed_for_every_branch_is_kept_at_head_office(client, database, clock):
    _publish(database, Draft({"value": 10}))
    clock.advance(timedelta(minutes=11))
    assert client.get("/account/profile").status_code == 303


def test_what_is_fixed_for_one_branch_is_not_meant_for_head_office(client, database, clock):
    _publish(database, Draft({"value": 10}, branches=["B001"]))
    clock.advance(timedelta(minutes=11))
    assert client.get("/account/profile").status_code == 200

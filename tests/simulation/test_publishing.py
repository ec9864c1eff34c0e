"""What the simulation says of published items: what a branch should not go by is noticed, restores included."""

from random import Random

import pytest
from sqlalchemy import delete, update

from branch_node.inbound.models import InboundItem
from branch_node.torture import publishing
from branch_node.torture.acts import Company
from branch_node.torture.stage import Stage
from hq_server.feed.models import FeedTelling


@pytest.fixture
def company(stage: Stage) -> Company:
    company = Company(stage, Random(5))
    for node in stage.seats:
        node.line.rate = 0.0
    return company


def publish(company: Company, times: int) -> None:
    for _time in range(times):
        publishing.publish(company.stage, company.rng, company.ledger.next_version())


def wrong(company: Company) -> dict[str, int]:
    node = company.stage.nodes[0]
    return {name: count for name, count in publishing.judge(company.stage, node.code, node).items() if count}


def test_what_a_branch_goes_by_and_what_head_office_knows_of_it_are_both_judged(company: Company) -> None:
    node = company.stage.nodes[0]
    publish(company, 11)
    assert wrong(company)["stale"]
    company.push(node)
    assert wrong(company) == {}

    with node.runtime.database.sessions.begin() as session:
        session.execute(update(InboundItem).where(InboundItem.body.is_not(None)).values(body={"value": 1}))
    with company.stage.hq.database.sessions.begin() as session:
        session.execute(delete(FeedTelling))

    assert set(wrong(company)) == {"stale", "unsettled"}


@pytest.mark.parametrize("later", [0, 3, 9])
def test_a_head_office_set_back_leaves_no_branch_with_what_it_does_not_know(
    company: Company, later: int
) -> None:
    node = company.stage.nodes[0]
    publish(company, 4)
    company.back_up_hq()
    publish(company, 3)
    company.push(node)

    company.set_back_hq()
    publish(company, later)
    company.push(node)
    company.push(node)

    assert wrong(company) == {}

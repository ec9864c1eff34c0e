"""Who is being taken in and who waits stands on the overview and above the list of branches."""

import pytest
from flask import Flask

from hq_server.intake import Lane
from hq_server.runtime import HqRuntime
from shared.db.engine import Database
from shared.web.context import EXTENSION
from tests.integration.hq_server.conftest import NOON
from tests.integration.hq_server.test_pages import text_of
from tests.support.hq_rows import add_branch
from tests.support.page_client import PageClient


@pytest.fixture
def hq(app: Flask, database: Database) -> HqRuntime:
    with database.sessions.begin() as session:
        for code, name in (("B001", "杭州分公司"), ("B002", "宁波分公司"), ("B003", "温州分公司")):
            add_branch(session, code, NOON, name=name)
    runtime: HqRuntime = app.extensions[EXTENSION]
    return runtime


@pytest.mark.parametrize("page", ["/", "/branches"])
def test_the_pages_tell_who_is_taken_in_and_who_waits_in_which_order(
    client: PageClient, hq: HqRuntime, page: str
) -> None:
    assert "Being taken in" not in text_of(client.get(page)), "nobody is at the door"

    for other in range(90, 90 + hq.settings.intake_slots - 1):
        hq.intake.begin(other, Lane.TODAY)
    hq.intake.begin(1, Lane.LITTLE)
    for branch, lane in ((3, Lane.BACKLOG), (2, Lane.TODAY)):
        assert hq.intake.begin(branch, lane) is not None

    told = text_of(client.get(page))

    assert "Being taken in: 1, waiting: 2" in told
    assert "杭州分公司 B001 being taken in a little" in told
    assert told.index("宁波分公司 B002 waits, place 1") < told.index("温州分公司 B003 waits, place 2")
    assert "backlog of earlier days" in told

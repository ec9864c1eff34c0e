"""What people at HQ see of the proof, on pages and by command."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from branch_node.app import create_app as create_branch_app
from hq_server.cli import cli
from hq_server.ingest.models import InboxBatch
from hq_server.proof.models import Proof
from shared.audit.models import AuditEntry
from shared.auth.queries import find_user
from shared.rights.vocabulary import StaffKind
from sync_protocol.catalog import CATALOG
from tests.integration.hq_server.conftest import sign_in
from tests.support.damage import damage
from tests.support.page_client import PageClient
from tests.support.world import BranchHere, World
from tests.system.test_days import match


def run(world: World, *words: str) -> Result:
    return CliRunner().invoke(cli, ["verify", "--home", str(world.folder / "hq"), *words])


def document(world: World, *words: str) -> tuple[int, dict[str, Any]]:
    done = run(world, "--json", *words)
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def branch(world: World) -> BranchHere:
    branch = world.make_branch("B001")
    manager = branch.add_manager()
    customer = branch.add_customer(manager_id=manager)
    branch.add_bill_line(customer)
    branch.add_work_log(manager, customer)
    branch.push()
    return branch


def test_what_is_not_proven_yet_is_asked_for_and_then_proven(world: World, branch: BranchHere) -> None:
    code, told = document(world)
    assert (code, told["branches"][0]["equal"], told["branches"][0]["as_of"]) == (1, False, None)

    branch.push()

    code, told = document(world)
    [found] = told["branches"]
    assert (code, found["code"], found["equal"], found["verdict"]) == (0, "B001", True, "equal")
    assert found["tables"]["customer"]["equal"] is True
    assert found["tables"]["customer"]["rows"] == 1
    assert found["tables"]["customer"]["parked"] == 0
    assert found["through"] > 0
    assert found["tables"]["customer"]["as_of"] is not None


def test_a_parked_record_needs_a_person(world: World, branch: BranchHere) -> None:
    branch.add_customer(attributes={"nested": {"no": 1}})
    branch.push()
    run(world)
    branch.push()

    code, told = document(world)

    table = told["branches"][0]["tables"]["customer"]
    assert (code, table["equal"], table["parked"], table["verdict"]) == (2, True, 1, "needs-person")


def test_one_branch_can_be_asked_about_and_an_unknown_one_is_an_error(
    world: World,
    branch: BranchHere,
) -> None:
    world.make_branch("B002")

    code, told = document(world, "--branch", "B002")
    assert (code, [one["code"] for one in told["branches"]]) == (1, ["B002"])
    assert run(world, "--branch", "B009").exit_code not in (0, None)


def test_asking_anew_finds_damage_at_once(world: World, branch: BranchHere) -> None:
    run(world)
    branch.push()
    damage(world, branch, "hq", "bill_line", "flip")
    assert document(world)[0] == 0, "nobody has looked yet"

    run(world, "--ask")
    branch.push()

    assert document(world)[0] == 0
    world.assert_equal()


@pytest.fixture
def browser(world: World) -> PageClient:
    return sign_in(world.app, world.hq.database)


def words(browser: PageClient, *paths: str) -> Sequence[str]:
    pages = []
    for path in paths:
        answer = browser.get(path)
        assert answer.status_code == 200, answer.text
        pages.append(answer.text)
    return pages


def test_the_pages_say_through_which_batch_a_branch_is_equal_and_when(
    world: World,
    branch: BranchHere,
    browser: PageClient,
) -> None:
    assert "尚未核对一致" in words(browser, "/proof/branches/B001")[0]
    answer = browser.send("/proof/asking", branch="B001")
    assert answer.status_code == 303
    with world.hq.database.reads() as session:
        assert {one.asked_by for one in session.scalars(select(Proof))} == {"zhang"}
        assert session.scalar(select(AuditEntry).where(AuditEntry.event == "proof.asked")) is not None
        assert find_user(session, "zhang") is not None

    branch.push()

    index, one, overview, fleet = words(browser, "/proof", "/proof/branches/B001", "/", "/branches/B001")
    assert "B001" in index
    assert "/proof/branches/B001" in fleet
    assert "/proof" in overview
    with world.hq.database.reads() as session:
        received = session.scalar(select(func.count()).select_from(InboxBatch))
    assert f"分公司 B001 与总公司一致，至第 {received} 批" in one


def test_a_difference_and_its_rows_stand_in_the_history_when_it_is_repaired(
    world: World,
    branch: BranchHere,
    browser: PageClient,
) -> None:
    touched = damage(world, branch, "hq", "customer", "flip")
    browser.send("/proof/asking")
    branch.push()

    history, one = words(browser, "/proof/differences?branch=B001", "/proof/branches/B001")

    assert touched in history
    assert touched in one


def test_any_day_can_be_looked_at_with_who_is_missing_and_why(
    world: World,
    branch: BranchHere,
) -> None:
    world.make_branch("B002")
    world.advance(days=1)
    branch.push()
    match(world)
    browser = sign_in(world.app, world.hq.database)

    [page] = words(browser, "/proof/days?day=2026-11-20")
    [earlier] = words(browser, "/proof/days?day=2026-11-01")

    assert page.index("B002") < page.index("B001"), "who is missing comes first"
    assert "B001" not in earlier
    assert browser.get("/proof/days?day=nonsense").status_code == 400


def test_the_branchs_sync_page_says_when_it_was_last_proven_equal(world: World, branch: BranchHere) -> None:
    verify = run(world)
    assert verify.exit_code == 1
    branch.push()
    app = create_branch_app(branch.runtime)
    here = sign_in(app, branch.runtime.database, StaffKind.BRANCH_MANAGER)

    page = here.get("/sync/")

    assert page.status_code == 200
    assert "与总公司核对一致" in page.text
    assert page.text.count("一致</span>") >= len(CATALOG)

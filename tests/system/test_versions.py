"""Branches and head offices of different versions understand each other, and no column is lost on the way."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from branch_node.outbound.alarms import NODE_OLD, VERSION_REFUSED
from branch_node.outbound.transport import NoAnswerError
from branch_node.runtime import Answer, Request, Transport
from hq_server.branches.alarms import VERSION_UNREAD
from hq_server.carrying import jobs as carrying
from hq_server.carrying.models import CarriedValues
from hq_server.carrying.operations import take_in
from hq_server.parking.models import ParkedRecord
from hq_server.parking.vocabulary import ParkedState
from hq_server.proof.models import Difference, Proof
from shared.alarms.models import Alarm
from shared.db.engine import Database
from shared.jobs.job import Progress
from sync_protocol.contract.evolution import OLDER
from tests.support.later_versions import (
    LAST,
    NEXT,
    NOW,
    add_columns,
    at_version,
    upgrade_branch,
    upgrade_hq,
)
from tests.support.setbacks import back_up_branch, set_back
from tests.support.world import BranchHere, World

# The release HQ is at in this matrix; a branch may be two behind it or one ahead, and HQ one behind itself.
N = NEXT
OLDEST = max(1, N - 2)


class NoBatches:
    """A line on which batches are lost."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def send(self, request: Request) -> Answer:
        if request.method == "POST":
            raise NoAnswerError(reason="lost")
        return self._inner.send(request)


@pytest.fixture
def branch(world: World) -> BranchHere:
    """A branch and an HQ whose tables have every column there will be."""
    made = world.make_branch("B001")
    add_columns(world.hq.database, "replica_customers")
    add_columns(made.runtime.database, "customers")
    return made


def _add(branch: BranchHere, version: int, *, care: str = "high", note: str = "喝茶") -> str:
    """Enter a customer as a release of `version` lets people do."""
    later: dict[str, Any] = {}
    if version >= NEXT:
        later["care"] = care
    if version >= LAST:
        later["vip_note"] = note
    return branch.add_customer(**later)


def _catch_up(world: World) -> None:
    carrying.catch_up(world.hq, world.by("job"), Progress())


def _rows(database: Database, table: Any) -> dict[str, tuple[Any, Any]]:
    with database.reads() as session:
        found = session.execute(select(table.c.id, table.c.care, table.c.vip_note))
        return {row.id: (row.care, row.vip_note) for row in found}


def _assert_same(world: World, branch: BranchHere) -> None:
    """Fail unless HQ holds every column of every customer, without ever having called one different."""
    at_hq = at_version(world.hq.bindings, LAST)["customer"].table
    here = at_version(branch.runtime.bindings, LAST)["customer"].table
    assert _rows(world.hq.database, at_hq) == _rows(branch.runtime.database, here)
    world.assert_equal()


def _differences(world: World) -> int:
    with world.hq.database.reads() as session:
        return session.scalar(select(func.count()).select_from(Difference)) or 0


def _proven(world: World) -> bool | None:
    with world.hq.database.reads() as session:
        return session.scalar(select(Proof.equal).where(Proof.record_type == "customer"))


def _open_alarms(database: Database) -> set[str]:
    with database.reads() as session:
        return set(session.scalars(select(Alarm.code).where(Alarm.closed_at.is_(None))))


@pytest.mark.parametrize("hq_version", [N - 1, N])
@pytest.mark.parametrize("branch_version", range(OLDEST, N + 2))
def test_every_pair_of_versions_delivers_and_after_the_upgrades_nothing_is_missing(
    world: World, branch: BranchHere, hq_version: int, branch_version: int
) -> None:
    upgrade_hq(world, hq_version)
    upgrade_branch(branch, branch_version)
    _add(branch, branch_version)
    assert branch.push().outcome == "done"

    # HQ is upgraded in the middle of a backlog, as far as it still reads the branch: one batch is sealed, more waits.
    _add(branch, branch_version, care="low")
    branch.push(transport=NoBatches(world.transport()))
    _add(branch, branch_version)
    upgrade_hq(world, min(hq_version + 1, branch_version + OLDER))
    branch.runtime = replace(branch.runtime, transport=world.transport())
    assert branch.push().outcome == "done"
    _catch_up(world)

    # Then the branch, and HQ to the last; the next day everything is compared.
    upgrade_hq(world, LAST)
    upgrade_branch(branch, LAST)
    _catch_up(world)
    _add(branch, LAST, care="vip")
    for _day in range(2):
        world.advance(days=1)
        assert branch.push().outcome == "done"

    _assert_same(world, branch)
    assert _proven(world) is True
    assert _differences(world) == 0, "a false alarm"


def test_while_hq_is_older_the_columns_both_know_are_proven_and_the_others_as_soon_as_it_knows_them(
    world: World, branch: BranchHere
) -> None:
    upgrade_hq(world, NOW)
    upgrade_branch(branch, LAST)
    _add(branch, LAST)
    branch.push()
    world.advance(days=1)
    assert branch.push().outcome == "done"
    assert _proven(world) is True

    upgrade_hq(world, LAST)
    branch.runtime = replace(branch.runtime, transport=world.transport())
    branch.push()
    assert _differences(world) == 0, "compared before what was carried had been taken in"
    _catch_up(world)
    with world.hq.database.sessions.begin() as session:
        table = world.hq.bindings["customer"].table
        session.execute(update(table).values(vip_note="changed behind our back"))
    assert branch.push().batches >= 1, "nobody waits for the next day"

    branch.push()
    assert _differences(world) == 1
    _assert_same(world, branch)


def test_a_code_hq_does_not_know_yet_is_parked_and_goes_in_after_the_upgrade(
    world: World, branch: BranchHere
) -> None:
    upgrade_hq(world, NEXT)
    upgrade_branch(branch, LAST)
    known, unknown = _add(branch, LAST), _add(branch, LAST, care="vip", note="不抽烟")
    result = branch.push()
    assert (result.outcome, result.parked) == ("done", 1)

    upgrade_hq(world, LAST)
    _catch_up(world)

    with world.hq.database.reads() as session:
        parked = session.scalars(select(ParkedRecord)).one()
    assert parked.state is ParkedState.REPLAYED
    assert _rows(world.hq.database, world.hq.bindings["customer"].table) == {
        known: ("high", "喝茶"),
        unknown: ("vip", "不抽烟"),
    }


def test_a_row_parked_in_an_old_version_is_compared_and_taken_in_as_it_would_be_today(
    world: World, branch: BranchHere
) -> None:
    upgrade_hq(world, LAST)
    upgrade_branch(branch, NOW)
    branch.add_customer(short_name="x" * 60)
    bad = branch.add_customer()
    with branch.runtime.database.engine.begin() as connection:
        table = branch.runtime.bindings["customer"].table
        connection.execute(update(table).where(table.c.id == bad).values(customer_no=""))
    assert branch.push().parked == 1
    upgrade_branch(branch, LAST)
    world.advance(days=1)
    assert branch.push().outcome == "done"
    assert _differences(world) == 0


def test_what_was_replaced_or_removed_since_leaves_nothing_behind(world: World, branch: BranchHere) -> None:
    upgrade_hq(world, NOW)
    upgrade_branch(branch, LAST)
    kept, changed, gone = (_add(branch, LAST) for _one in range(3))
    branch.push()
    table = branch.runtime.bindings["customer"].table
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(table).where(table.c.id == changed).values(vip_note="neu"))
        session.execute(table.delete().where(table.c.id == gone))
    branch.push()

    upgrade_hq(world, LAST)
    _catch_up(world)

    at_hq = _rows(world.hq.database, world.hq.bindings["customer"].table)
    assert at_hq == {kept: ("high", "喝茶"), changed: ("high", "neu")}
    with world.hq.database.reads() as session:
        assert session.scalars(select(CarriedValues)).all() == []


def test_what_was_carried_does_not_undo_what_came_after_the_upgrade(world: World, branch: BranchHere) -> None:
    upgrade_hq(world, NOW)
    upgrade_branch(branch, LAST)
    customer = _add(branch, LAST)
    branch.push()
    upgrade_hq(world, LAST)
    branch.runtime = replace(branch.runtime, transport=world.transport())
    table = branch.runtime.bindings["customer"].table
    with branch.runtime.database.sessions.begin() as session:
        session.execute(update(table).where(table.c.id == customer).values(vip_note="neu"))
    branch.push()

    _catch_up(world)

    assert _rows(world.hq.database, world.hq.bindings["customer"].table) == {customer: ("high", "neu")}


def test_taking_in_goes_on_where_it_was_cut_off(world: World, branch: BranchHere) -> None:
    upgrade_hq(world, NOW)
    upgrade_branch(branch, LAST)
    for _one in range(5):
        _add(branch, LAST)
    branch.push()
    upgrade_hq(world, LAST)
    with world.hq.database.sessions.begin() as session:
        assert take_in(session, world.hq.bindings["customer"], at=world.clock.now(), limit=2) == 2

    _catch_up(world)

    _assert_same(world, branch)


def test_a_branch_set_back_gets_its_later_columns_back_from_an_older_hq(
    world: World, branch: BranchHere
) -> None:
    upgrade_hq(world, NOW)
    upgrade_branch(branch, LAST)
    _add(branch, LAST)
    branch.push()
    archive = back_up_branch(branch)
    lost = _add(branch, LAST, note="只喝红茶")
    branch.push()

    set_back(branch, archive)
    upgrade_branch(branch, LAST)
    assert branch.push().outcome == "done"

    assert _rows(branch.runtime.database, branch.runtime.bindings["customer"].table)[lost] == (
        "high",
        "只喝红茶",
    )


class OlderHq:
    """An HQ of before versions were told: it knows the first of each, and refuses all others."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.schemas: list[int] = []

    def send(self, request: Request) -> Answer:
        if request.url.endswith("/batches"):
            self.schemas.append(_schema_in(request))
        return self.inner.send(request)


def _schema_in(request: Request) -> int:
    from sync_protocol.contract.payload import decompress, parse_payload

    return parse_payload(decompress(request.body, "zstd")).header.schema


def test_to_an_hq_that_tells_no_versions_everything_goes_in_the_first_and_again_once_it_does(
    world: World, branch: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade_hq(world, 1)
    monkeypatch.setattr("hq_server.ingest.lineages.proven_versions", lambda *_args: {})
    monkeypatch.setattr(
        "hq_server.ingest.lineages.StateAnswer", lambda **told: _state(**(told | {"reads": None}))
    )
    upgrade_branch(branch, LAST)
    _add(branch, LAST)
    line = OlderHq(world.transport())
    assert branch.push(transport=line).outcome == "done"
    world.advance(days=1)
    assert branch.push(transport=line).outcome == "done"
    assert set(line.schemas) == {1}
    assert _proven(world) is True
    with world.hq.database.reads() as session:
        assert session.scalars(select(CarriedValues)).all() == []

    monkeypatch.undo()
    upgrade_hq(world, LAST)
    branch.runtime = replace(branch.runtime, transport=world.transport())
    for _cycle in range(2):
        assert branch.push().outcome == "done"

    _assert_same(world, branch)


def _state(**told: Any) -> Any:
    from sync_protocol.contract.messages import StateAnswer

    return StateAnswer(**told)


def test_a_branch_too_old_to_be_read_keeps_everything_and_both_sides_are_told(
    world: World, branch: BranchHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade_hq(world, LAST)
    monkeypatch.setattr("sync_protocol.contract.evolution.OLDER", LAST - NOW - 1)
    upgrade_branch(branch, NOW)
    _add(branch, NOW)

    result = branch.push()

    assert (result.outcome, result.problem) == ("failed", "schema-unsupported")
    assert VERSION_REFUSED.code in _open_alarms(branch.runtime.database)
    assert VERSION_UNREAD.code in _open_alarms(world.hq.database)

    monkeypatch.undo()
    assert branch.push().outcome == "done"
    assert VERSION_REFUSED.code not in _open_alarms(branch.runtime.database)
    assert VERSION_UNREAD.code not in _open_alarms(world.hq.database)


def test_a_branch_in_the_oldest_version_that_is_read_is_told_in_time(
    world: World, branch: BranchHere
) -> None:
    upgrade_hq(world, LAST)
    upgrade_branch(branch, max(1, LAST - 2))
    branch.push()
    assert NODE_OLD.code in _open_alarms(branch.runtime.database)

    upgrade_branch(branch, LAST)
    branch.push()
    assert NODE_OLD.code not in _open_alarms(branch.runtime.database)

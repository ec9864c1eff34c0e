"""Traps of synchronisation that no other test names."""

import ast
from pathlib import Path

import pytest
from sqlalchemy import select

from branch_node.torture.stage import Stage
from sync_protocol.changelog import sealing
from sync_protocol.changelog.models import OutboxBatch
from tests.simulation.scenarios import Hook, Scene

ROOT = Path(__file__).parents[2]
SYNC = (
    "sync_protocol",
    "branch_node/outbound",
    "hq_server/ingest",
    "hq_server/gate/contacts.py",
    "hq_server/feed",
    "hq_server/parking",
    "hq_server/branches",
    "branch_node/inbound",
    "branch_node/proof",
)
# Columns that tell a time; the days that are closed are about time, and stand elsewhere.
CLOCKS = frozenset(
    {
        *("created_at", "updated_at", "entered_at", "sealed_at", "received_at", "started_at"),
        *("acknowledged_at", "published_at", "asked_at", "parked_at", "made_at"),
    }
)
ORDERING = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def ordered_by_clock(source: str) -> list[int]:
    """Return the lines that compare a column of time by size, or order by one."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(isinstance(one, ORDERING) for one in node.ops):
            looked_at: list[ast.expr] = [node.left, *node.comparators]
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "order_by"
        ):
            looked_at = node.args
        else:
            continue
        named = {one.attr for part in looked_at for one in ast.walk(part) if isinstance(one, ast.Attribute)}
        if named & CLOCKS:
            lines.append(node.lineno)
    return lines


def test_nothing_of_the_sync_is_chosen_or_ordered_by_a_clock() -> None:
    files = [
        path
        for place in SYNC
        for path in ([ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py")))
    ]
    assert len(files) > 30
    found = {str(path.relative_to(ROOT)): ordered_by_clock(path.read_text()) for path in files}
    # How a line stands, which day a fact belongs to, how old a batch is that may go: they are about time. What was
    # published stands on screens in the order of its days; what of it travels and counts goes by numbers.
    allowed = {
        "branch_node/inbound/queries.py",
        "branch_node/outbound/queries.py",
        "hq_server/feed/queries.py",
        "sync_protocol/daybook.py",
        "sync_protocol/changelog/purge.py",
    }
    assert {name for name, lines in found.items() if lines} <= allowed


def test_a_query_by_time_would_be_seen() -> None:
    assert ordered_by_clock("select(A).where(A.updated_at > last)") == [1]
    assert ordered_by_clock("select(A).order_by(A.created_at.desc())") == [1]
    assert ordered_by_clock("select(A).where(A.id > last).order_by(A.id)") == []


def test_rows_too_great_for_one_batch_go_in_several_and_none_is_passed_over(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(stage)
    scene.enter(*["customer"] * 5)
    monkeypatch.setattr(sealing, "TARGET_BYTES", 10)
    scene.done()
    with scene.node.runtime.database.reads() as session:
        sealed = session.scalars(select(OutboxBatch.rows).where(OutboxBatch.record_type == "customer")).all()
    assert sealed == [1] * 5
    scene.well()


def test_what_could_not_be_sent_goes_by_itself_when_the_line_is_back(stage: Stage) -> None:
    scene = Scene(stage)
    scene.enter("manager", "customer", "bill_line", "work_log")
    scene.node.line.rate = 1.0
    for _ in range(4):
        assert scene.push() != ("done", None)
    scene.node.line.rate = 0.0

    scene.done()

    assert len(scene.company.ledger.at_hq(scene.node.code)) == 4
    scene.well()


def test_a_clerk_who_saves_while_messages_are_on_their_way_loses_nothing(stage: Stage) -> None:
    scene = Scene(stage)
    scene.enter("customer", "customer")
    for message in range(1, 5):

        def save(request, send):
            scene.company.edit(scene.node)
            scene.enter("bill_line")
            return send(request)

        scene.node.line.office = Hook(stage.office, message, save)
        scene.done()
        scene.straight()
    scene.well()

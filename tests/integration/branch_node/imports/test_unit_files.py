"""Units in files: their state and since when they are whose, checked, taken in and taken back like all else."""

from datetime import date

import pytest
from sqlalchemy import select

from branch_node.customers.models import Customer
from branch_node.imports.undo import UndoRefusedError
from branch_node.units.models import Unit, UnitEvent, UnitOwner
from branch_node.units.operations import record_event
from shared.domain.units.vocabulary import ReadingUnit, UnitEventKind, UnitStatus
from sync_protocol.changelog.models import Change
from tests.support.branch import ANA, NOON

HEAD = "serial_no,product,model,customer_no,since,sold_on,status,reading_unit\n"


@pytest.fixture
def numbers(importer, customers):
    """The id of each customer by number."""
    customers()
    return {one.customer_no: one.id for one in importer.all(Customer)}


def owners(importer):
    with importer.database.reads() as session:
        return session.scalars(select(UnitOwner)).all()


def test_units_come_in_with_their_owners_and_from_which_day_and_undoing_takes_both_back(importer, numbers):
    path = importer.write(
        "u.csv",
        HEAD
        + "lsv-001,汽车,X3,C1,2026-01-05,,,km\nLSV 002,,,C3,,2026-02-01,retired,\nLSV003,,,,,,,\nLSV004,,,C1,,,,\n",
    )

    taken = importer.take("units", path)

    assert (taken.counts, taken.refused) == ((4, 0, 0, 0), [])
    units = {one.serial_no: one for one in importer.all(Unit)}
    assert (units["LSV001"].model, units["LSV001"].reading_unit) == ("X3", ReadingUnit.KILOMETRES)
    assert units["LSV002"].status is UnitStatus.RETIRED
    owned = {(one.unit_id, one.customer_id, one.from_on, one.until_on) for one in owners(importer)}
    assert owned == {
        (units["LSV001"].id, numbers["C1"], date(2026, 1, 5), None),
        (units["LSV002"].id, numbers["C3"], date(2026, 2, 1), None),
        (units["LSV004"].id, numbers["C1"], NOON.date(), None),
    }
    assert {units[one].owner_id for one in ("LSV001", "LSV003")} == {numbers["C1"], None}
    events = importer.all(UnitEvent)
    assert {one.kind for one in events} == {UnitEventKind.OWNER}
    # They travel like those of a page.
    captured = {one.record_id for one in importer.all(Change) if one.record_type == "unit_event"}
    assert captured == {one.id for one in events}

    undone = importer.undo(taken.import_id)

    assert undone.deleted == 4
    assert (importer.all(Unit), importer.all(UnitEvent), owners(importer)) == ([], [], [])


def test_what_is_wrong_with_a_unit_is_named_at_its_column(importer, numbers):
    path = importer.write(
        "u.csv",
        HEAD
        + "LSV001,,,C9,,,,\n---,,,,,,,\nLSV002,,,,2026-01-05,,,\nLSV003,,,C1,2099-01-01,,,\nLSV004,,,C1,,2099-01-01,,\n"
        + "LSV005,,,,,,broken,\nLSV-006,,,,,,,\nlsv006,,,,,,,\n",
    )

    taken = importer.take("units", path)

    assert [(one["row"], one["column"], one["code"]) for one in taken.refused] == [
        (2, "customer_no", "unknown-reference"),
        (3, "serial_no", "not-a-serial"),
        (4, "customer_no", "since-nobody"),
        (5, "since", "in-future"),
        (6, "sold_on", "in-future"),
        (7, "status", "unknown-word"),
        (9, "serial_no", "duplicate-in-file"),
    ]
    assert [one.serial_no for one in importer.all(Unit)] == ["LSV006"]


def test_an_update_changes_what_it_names_and_moves_no_unit_to_somebody_else(importer, numbers):
    first = importer.take("units", importer.write("u.csv", HEAD + "LSV001,汽车,X3,C1,2026-01-05,,,\n"))
    again = importer.write("v.csv", "serial_no,model,customer_no,since\nlsv 001,X5,C1,2026-01-07\n")
    changed = importer.take("units", again, update_by="serial_no")
    moved = importer.take(
        "units", importer.write("w.csv", "serial_no,customer_no\nLSV001,C3\n"), update_by="serial_no"
    )

    assert changed.counts == (0, 1, 0, 0)
    assert [(one["column"], one["code"]) for one in moved.refused] == [("customer_no", "other-customer")]
    (unit,) = importer.all(Unit)
    assert (unit.model, unit.product, unit.owner_id) == ("X5", "汽车", numbers["C1"])
    assert [one.from_on for one in owners(importer)] == [date(2026, 1, 5)]
    importer.undo(changed.import_id)
    assert importer.all(Unit)[0].model == "X3"
    importer.undo(first.import_id)
    assert importer.all(Unit) == []


def test_units_of_which_more_was_written_since_are_not_taken_back(importer, numbers):
    taken = importer.take("units", importer.write("u.csv", HEAD + "LSV001,,,C1,2026-01-05,,,\n"))
    (unit,) = importer.all(Unit)
    repair = {"kind": UnitEventKind.REPAIR, "happened_on": date(2026, 2, 1)}
    with importer.database.sessions.begin() as session:
        record_event(session, unit.id, repair, today=NOON.date(), by=ANA)

    with pytest.raises(UndoRefusedError) as refused:
        importer.undo(taken.import_id)

    assert "1 records in unit_events, entered since, need them." in str(refused.value.obstacles[0])
    assert len(importer.all(UnitEvent)) == 2


def test_an_owner_event_is_a_fact_that_leaves_only_with_its_import(importer, numbers):
    importer.take("units", importer.write("u.csv", HEAD + "LSV001,,,C1,2026-01-05,,,\n"))

    with pytest.raises(Exception, match="a unit_event is a fact"):  # noqa: SIM117 - the transaction is what fails
        with importer.database.sessions.begin() as session:
            session.delete(session.query(UnitEvent).one())

    assert len(importer.all(UnitEvent)) == 1

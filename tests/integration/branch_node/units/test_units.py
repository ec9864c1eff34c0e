"""Tracked units: one number a unit in use, an owner at every moment, and corrections that keep what was."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from branch_node.identity.queries import CustomerMergedError
from branch_node.merging import operations as merging
from branch_node.units import errors, operations, queries
from branch_node.units.errors import (
    SerialTakenError,
    UnitChangedMeanwhileError,
    UnitEventCorrectedError,
    UnitFieldError,
)
from branch_node.units.models import Unit, UnitEvent, UnitOwner
from shared.domain.units.rules import ownership, standing
from shared.domain.units.vocabulary import UnitEventKind, UnitStatus
from tests.support.branch import ANA

TODAY = date(2026, 11, 20)
IN_USE = {"serial_no": "LSVAA2181E2123456", "status": UnitStatus.IN_USE}


def entered(sessions, owner, *, since=date(2025, 1, 1), **values):
    with sessions.begin() as session:
        given = {**IN_USE, **values}
        return operations.add_unit(session, given, owner_id=owner, since=since, today=TODAY, by=ANA).id


def write(sessions, unit, kind, on, **values):
    with sessions.begin() as session:
        said = {"kind": kind, "happened_on": on, **values}
        return operations.record_event(session, unit, said, today=TODAY, by=ANA).id


def owners(sessions, unit):
    with sessions() as session:
        rows = session.scalars(select(UnitOwner).where(UnitOwner.unit_id == unit).order_by(UnitOwner.from_on))
        return [(row.customer_id, row.from_on, row.until_on) for row in rows]


def cure(refused):
    return refused.value.params["field"], refused.value.params["cure"]


def test_whose_a_unit_was_has_neither_gap_nor_overlap_after_a_transfer(sessions, people):
    (_mei, zhang), (_li, wang) = people
    unit = entered(sessions, zhang, remark="车主要求短信联系")
    write(sessions, unit, UnitEventKind.OWNER, date(2026, 3, 1), customer_id=wang, text="二手转让")
    write(sessions, unit, UnitEventKind.RETURNED, date(2026, 9, 1), text="回购")
    assert owners(sessions, unit) == [
        (zhang, date(2025, 1, 1), date(2026, 3, 1)),
        (wang, date(2026, 3, 1), date(2026, 9, 1)),
        (None, date(2026, 9, 1), None),
    ]
    with sessions() as session:
        found = session.get_one(Unit, unit)
        assert (found.owner_id, found.remark) == (None, None)
        assert [row.UnitOwner.customer_id for row in queries.list_owners(session, unit)] == [
            None,
            wang,
            zhang,
        ]
        assert [row.Unit.id for row in queries.list_of_customer(session, zhang)] == [unit]


@pytest.mark.parametrize(
    ("kind", "on", "values", "field", "said"),
    [
        ("owner", date(2026, 12, 1), {"text": "x"}, "happened_on", errors.IN_FUTURE),
        ("owner", date(2025, 1, 1), {"text": "x"}, "happened_on", errors.SAME_DAY),
        ("owner", date(2026, 1, 1), {}, "text", errors.WHY_TRANSFER),
        ("returned", date(2024, 1, 1), {"text": "x"}, "happened_on", errors.NOBODYS),
        ("repair", date(2026, 1, 1), {"reading": 90}, "reading_reason", errors.WHY_LESS),
        ("recall_done", date(2026, 1, 1), {}, "recall_no", errors.WHICH_RECALL),
    ],
)
def test_what_does_not_fit_is_refused_and_writes_nothing(sessions, people, kind, on, values, field, said):
    (_mei, zhang), (_li, wang) = people
    unit = entered(sessions, zhang)
    write(sessions, unit, UnitEventKind.INSPECTION, date(2025, 6, 1), reading=100)
    before = owners(sessions, unit)
    with pytest.raises(UnitFieldError) as refused:
        write(sessions, unit, UnitEventKind.meant_by(kind), on, customer_id=wang, **values)
    assert cure(refused) == (field, said)
    assert owners(sessions, unit) == before
    with sessions() as session:
        assert len(queries.list_events(session, unit)) == 2


def test_it_cannot_come_to_who_has_it_already(sessions, people):
    (_mei, zhang), _other = people
    unit = entered(sessions, zhang)
    with pytest.raises(UnitFieldError) as refused:
        write(sessions, unit, UnitEventKind.OWNER, date(2026, 1, 1), customer_id=zhang, text="x")
    assert cure(refused) == ("customer", errors.ALREADY_THEIRS)


def test_a_meter_may_show_less_with_a_reason_and_what_is_written_names_the_owner_of_its_day(sessions, people):
    (_mei, zhang), (_li, wang) = people
    unit = entered(sessions, zhang)
    write(sessions, unit, UnitEventKind.OWNER, date(2026, 1, 1), customer_id=wang, text="转让")
    earlier = write(sessions, unit, UnitEventKind.REPAIR, date(2025, 12, 31), reading=500)
    later = write(sessions, unit, UnitEventKind.REPAIR, date(2026, 1, 1), reading=3, reading_reason="换表")
    with sessions() as session:
        assert session.get_one(UnitEvent, earlier).customer_id == zhang
        assert session.get_one(UnitEvent, later).customer_id == wang


def test_a_correction_keeps_the_old_entry_and_the_owners_follow_it(sessions, people):
    (_mei, zhang), (_li, wang) = people
    unit = entered(sessions, zhang)
    sold = write(sessions, unit, UnitEventKind.OWNER, date(2026, 3, 1), customer_id=wang, text="转让")
    with sessions.begin() as session:
        values = {"customer_id": wang, "happened_on": date(2026, 4, 1), "text": "日期写错"}
        right = operations.correct_event(session, sold, values, today=TODAY, by=ANA).id
    assert [row[1] for row in owners(sessions, unit)] == [date(2025, 1, 1), date(2026, 4, 1)]
    with sessions.begin() as session, pytest.raises(UnitEventCorrectedError):
        operations.correct_event(session, sold, values, today=TODAY, by=ANA)
    with sessions.begin() as session:
        operations.take_back(session, right, "没有转让", by=ANA)
    assert owners(sessions, unit) == [(zhang, date(2025, 1, 1), None)]
    with sessions() as session:
        assert session.get_one(Unit, unit).owner_id == zhang
        assert session.get_one(UnitEvent, sold).happened_on == date(2026, 3, 1)
        assert len(queries.list_events(session, unit)) == 4


def test_of_units_in_use_no_two_bear_one_number_and_a_retired_one_gives_it_free(sessions, people):
    (_mei, zhang), (_li, wang) = people
    unit = entered(sessions, zhang)
    with pytest.raises(SerialTakenError):
        entered(sessions, wang)
    with sessions.begin() as session:
        seen = session.get_one(Unit, unit).updated_at
        operations.change_unit(session, unit, {"status": UnitStatus.RETIRED}, seen_at=seen, by=ANA)
    other = entered(sessions, wang)
    with sessions() as session:
        living = queries.find_living(session, IN_USE["serial_no"])
        assert living is not None
        assert living.id == other
        assert {row.Unit.id for row in queries.found(session, "aa2181-e2 1234", 8)} == {unit, other}
    with sessions.begin() as session, pytest.raises(UnitChangedMeanwhileError):
        operations.change_unit(session, unit, {"model": "L5"}, seen_at=ANA.at.replace(year=2020), by=ANA)


def test_the_database_refuses_what_the_program_would_not_write(sessions, people):
    (_mei, zhang), (_li, wang) = people
    unit = entered(sessions, zhang)
    write(sessions, unit, UnitEventKind.OWNER, date(2026, 3, 1), customer_id=wang, text="转让")
    first = {"unit_id": unit, "customer_id": zhang, "event_id": unit}
    for times in (
        {"from_on": date(2026, 1, 1), "until_on": None},
        {"from_on": date(2026, 1, 1), "until_on": date(2026, 3, 1)},
        {"from_on": date(2024, 1, 1), "until_on": date(2024, 6, 1)},
        {"from_on": date(2026, 5, 1), "until_on": date(2026, 3, 1)},
    ):
        with pytest.raises(IntegrityError), sessions.begin() as session:
            session.execute(insert(UnitOwner).values(**first, **times))
    with pytest.raises(DBAPIError), sessions.begin() as session:
        session.execute(update(UnitEvent).values(happened_on=date(2026, 5, 1)))
    with pytest.raises(DBAPIError), sessions.begin() as session:
        session.execute(delete(UnitEvent).where(UnitEvent.corrects_id.is_(None)))


acts = st.lists(
    st.tuples(
        st.sampled_from(["owner", "returned", "correct", "void"]), st.integers(0, 9), st.integers(0, 9)
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_whatever_transfers_and_corrections_come_the_owners_are_one_chain(sessions, rows, steps):
    customers = [rows.customer() for _each in range(3)]
    unit = entered(sessions, customers[0], serial_no=f"P{rows.customer()[-12:]}", since=date(2026, 1, 1))
    for kind, which, when in steps:
        with suppress(UnitFieldError), sessions.begin() as session:
            counted = standing(queries.list_events(session, unit))
            event = counted[which % len(counted)] if counted else None
            said = {"happened_on": date(2026, 1, 1 + when), "customer_id": customers[which % 3], "text": "x"}
            if kind == "void" and event:
                operations.take_back(session, event.id, "x", by=ANA)
            elif kind == "correct" and event:
                operations.correct_event(session, event.id, said, today=TODAY, by=ANA)
            elif kind in {"owner", "returned"}:
                said["kind"] = UnitEventKind.meant_by(kind)
                operations.record_event(session, unit, said, today=TODAY, by=ANA)
        held = owners(sessions, unit)
        with sessions() as session:
            told = ownership(queries.list_events(session, unit))
            assert held == [(one.customer_id, one.from_on, one.until_on) for one in told]
            assert session.get_one(Unit, unit).owner_id == (held[-1][0] if held else None)
        assert [until for _who, _on, until in held[:-1]] == [on for _who, on, _until in held[1:]]
        assert not held or held[-1][2] is None


def test_units_of_a_file_that_goes_into_another_stand_with_the_one_that_stays_and_come_back(sessions, people):
    (_mei, zhang), (_li, wang) = people
    unit = entered(sessions, zhang)
    with sessions.begin() as session:
        made = merging.propose(session, wang, zhang, [], by=replace(ANA, actor="lily"))
        merge = merging.carry_out(session, made.id, by=ANA).id
    with sessions() as session:
        assert [row.Unit.id for row in queries.list_of_customer(session, wang)] == [unit]
        assert session.get_one(Unit, unit).owner_id == zhang
    repair = write(sessions, unit, UnitEventKind.REPAIR, date(2026, 2, 1), text="换机油")
    with sessions() as session:
        assert session.get_one(UnitEvent, repair).customer_id == wang
    with sessions.begin() as session, pytest.raises(CustomerMergedError):
        operations.add_unit(
            session, {**IN_USE, "serial_no": "N1"}, owner_id=zhang, since=TODAY, today=TODAY, by=ANA
        )
    with sessions.begin() as session:
        merging.take_back(session, merge, by=ANA)
    with sessions() as session:
        assert queries.list_of_customer(session, wang) == []
        assert [row.Unit.id for row in queries.list_of_customer(session, zhang)] == [unit]

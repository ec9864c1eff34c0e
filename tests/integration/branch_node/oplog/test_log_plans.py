"""The questions of the log's page are answered along its indexes, however long the log is, and counted right."""

from collections import Counter
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, func, select, text

from shared.audit.models import AuditEntry
from shared.audit.vocabulary import LogAction
from shared.ids import new_id
from shared.web.oplog.elements import Element, Measure
from shared.web.oplog.queries import Log
from shared.web.oplog.question import Question
from shared.web.oplog.sight import LogSight
from tests.support.branch import SHANGHAI

DAYS = (date(2026, 3, 1), date(2026, 3, 18))
MANAGER = new_id()
# What is asked for, and the index that must answer.
ASKED = [
    ({}, "at"),
    ({Element.ACTOR: {"ana"}}, "actor"),
    ({Element.ACTION: {"export"}}, "action"),
    ({Element.MODULE: {"manager"}}, "module"),
    ({Element.MANAGER: {MANAGER}}, "manager_id"),
    ({Element.OBJECT: {"customer"}, Element.SUBJECT: {"c7"}}, "subject"),
]


@pytest.fixture
def log(database):
    """A log of 3,000 entries over a year, of which few are of any one person, kind, module or record."""
    rows = [
        {
            "seq": number,
            "id": new_id(),
            "at": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T04:00:00.000000Z",
            "actor": f"u{number % 97}",
            "actor_id": None,
            "manager_id": None,
            "via": "web",
            "terminal": "",
            "action": [*LogAction][number % 13 if number % 7 else 0].value,
            "event": "x.y",
            "module": f"m{number % 83}",
            "outcome": "done",
            "subject_type": "customer",
            "subject_id": f"c{number}",
            "details": "{}",
            "changes": None,
            "sealed": None,
            "digest": "0" * 64,
        }
        for number in range(1, 3001)
    ]
    with database.sessions.begin() as session:
        columns = ", ".join(rows[0])
        marks = ", ".join(f":{name}" for name in rows[0])
        session.connection().execute(text(f"INSERT INTO audit_entries ({columns}) VALUES ({marks})"), rows)
        session.execute(text("ANALYZE"))
    return database


def plan_of(database, statement):
    """Return how the database would answer a statement; a scan is chosen only where no index serves."""
    asked = []

    def note(_connection, _cursor, text_of, parameters, *_rest):
        if "audit_entries" in text_of:
            asked.append((text_of, parameters))

    with database.sessions.begin() as session:
        if database.dialect == "postgresql":
            session.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(database.engine, "before_cursor_execute", note)
        session.execute(statement).all()
        event.remove(database.engine, "before_cursor_execute", note)
        explain = "EXPLAIN" if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN"
        rows = session.connection().exec_driver_sql(f"{explain} {asked[0][0]}", asked[0][1]).all()
    return "\n".join(str(row) for row in rows)


@pytest.mark.parametrize(("values", "index"), ASKED, ids=[index for _values, index in ASKED])
def test_the_first_page_and_its_count_come_along_an_index(log, values, index):
    question = Question(days=DAYS, values={element: frozenset(found) for element, found in values.items()})
    with log.reads() as session:
        entries = Log(session, LogSight(counts_only=False, masked=False), ZoneInfo(SHANGHAI)).entries(
            question
        )

    page = plan_of(log, entries.limit(25))
    count = plan_of(log, select(func.count()).select_from(entries.order_by(None).subquery()))

    for plan in (page, count):
        assert f"ix_audit_entries_{index}" in plan, plan
        assert "SCAN audit_entries" not in plan


def told(log, zone="Europe/Berlin"):
    """Return (local time, operator, action, record) of every entry, worked out here."""
    with log.reads() as session:
        rows = session.execute(
            select(AuditEntry.at, AuditEntry.actor, AuditEntry.action, AuditEntry.subject_id)
        ).all()
    return [(row[0].astimezone(ZoneInfo(zone)), row[1], row[2].value, row[3]) for row in rows]


KEYS = {
    Element.HOUR: lambda one: f"{one[0]:%Y-%m-%dT%H}",
    Element.DAY: lambda one: one[0].date().isoformat(),
    Element.WEEK: lambda one: (one[0].date() - timedelta(days=one[0].weekday())).isoformat(),
    Element.MONTH: lambda one: f"{one[0]:%Y-%m}",
    Element.ACTOR: lambda one: one[1],
    Element.ACTION: lambda one: one[2],
}


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (Element.MONTH, None),
        (Element.WEEK, Element.ACTION),
        (Element.ACTION, Element.DAY),
        (Element.HOUR, None),
        (Element.ACTOR, Element.ACTION),
        (Element.MONTH, Element.WEEK),
    ],
)
def test_what_is_counted_over_a_year_is_what_stands_in_it_also_where_the_clock_was_changed(
    log, rows, columns
):
    wanted = (date(2026, 2, 10), date(2026, 11, 3))
    expected = Counter(
        (KEYS[rows](one), KEYS[columns](one) if columns else "")
        for one in told(log)
        if wanted[0] <= one[0].date() <= wanted[1]
    )
    with log.reads() as session:
        counted = Log(session, LogSight(counts_only=False, masked=False), ZoneInfo("Europe/Berlin")).count(
            Question(days=wanted, rows=rows, columns=columns)
        )

    assert {(group.row, group.column): group.value for group in counted.groups} == expected
    assert counted.total == expected.total()


@pytest.mark.parametrize("measure", [Measure.OPERATORS, Measure.OBJECTS, Measure.FIRST, Measure.LAST])
def test_what_differs_and_when_is_told_of_each_group_and_of_all(log, measure):
    entries = told(log)
    by_action = {key: [one for one in entries if one[2] == key] for key in {one[2] for one in entries}}
    value = {
        Measure.OPERATORS: lambda some: len({one[1] for one in some}),
        Measure.OBJECTS: lambda some: len({one[3] for one in some}),
        Measure.FIRST: lambda some: min(one[0] for one in some),
        Measure.LAST: lambda some: max(one[0] for one in some),
    }[measure]

    with log.reads() as session:
        counted = Log(session, LogSight(counts_only=False, masked=False), ZoneInfo(SHANGHAI)).count(
            Question(rows=Element.ACTION, measure=measure)
        )

    assert {group.row: group.value for group in counted.groups} == {
        key: value(some) for key, some in by_action.items()
    }
    assert counted.total == value(entries)
    assert isinstance(counted.total, datetime) is measure.is_instant


def test_days_of_many_years_are_counted_too(log):
    question = Question(days=(date(2001, 1, 1), date(2026, 12, 31)), rows=Element.DAY)
    with log.reads() as session:
        counted = Log(session, LogSight(counts_only=False, masked=False), ZoneInfo(SHANGHAI)).count(question)

    assert counted.total == 3000
    assert sum(group.value for group in counted.groups) == 3000

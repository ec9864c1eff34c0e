"""The page of alarms, and the strip of critical ones on first pages."""

from datetime import timedelta

import pytest
from flask import Blueprint, render_template_string
from sqlalchemy import select

from shared.alarms import operations
from shared.alarms.models import Alarm
from shared.alarms.vocabulary import AlarmKind, Severity
from shared.ids import new_id
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.alarms.pages import alarms_blueprint
from tests.integration.shared.web.conftest import Browser
from tests.integration.shared.web.gallery import NOON, blueprint

DISK = AlarmKind(
    "disk-full",
    Severity.CRITICAL,
    "The disk is full",
    "Make room.",
    "%(left)s bytes left in %(folders)s; last: %(last)s.",
)
SLOW = AlarmKind("line-slow", Severity.WARNING, "The line is slow", "Wait.")
FORGOTTEN = AlarmKind("old-kind", Severity.CRITICAL, "No longer declared", "")
BRANCH = ("branch", "B001")


@pytest.fixture
def app(make_app):
    first = Blueprint("first", __name__, url_prefix="/first")

    @first.get("")
    @requires(Resource.OWN_ACCOUNT, Action.READ)
    def page() -> str:
        return render_template_string("{% include 'alarms/strip.html' %}")

    alarms = alarms_blueprint([DISK, SLOW], {"branch": lambda code: f"/branches/{code}"})
    made = make_app({"blueprints": [blueprint, first, alarms]}, language="en")
    made.test_client_class = Browser
    return made


def _raise(database, kind, subject=BRANCH, *, at=NOON, **details):
    with database.sessions.begin() as session:
        return operations.raise_alarm(session, kind, subject, at=at, details=details).id


def _read(database, alarm_id):
    with database.reads() as session:
        return session.scalars(select(Alarm).where(Alarm.id == alarm_id)).one()


def test_an_alarm_is_told_in_words_with_what_it_is_about_and_what_to_do(signed_in, database):
    alarm = _raise(database, DISK, left=1234, folders=["a", "b"], last=None)
    for page in (signed_in.get("/alarms").text, signed_in.get(f"/alarms/{alarm}").text):
        assert "The disk is full" in page
        assert "1,234 bytes left in a, b; last: –." in page
        assert '<a href="/branches/B001">Branch B001</a>' in page
        assert "Make room." in page


def test_open_alarms_come_first_and_closed_ones_with_who_closed_them(signed_in, database):
    _raise(database, SLOW, ("branch", "B002"), at=NOON - timedelta(days=1))
    with database.sessions.begin() as session:
        operations.clear_alarm(session, SLOW, ("branch", "B002"), at=NOON)
    _raise(database, DISK, left=1, folders=[], last="x")

    page = signed_in.get("/alarms").text

    assert (
        page.index("The disk is full") < page.index("<h2>Closed alarms</h2>") < page.index("The line is slow")
    )
    assert "over by itself" in page


def test_an_alarm_of_a_kind_no_longer_declared_shows_its_code_and_its_details(signed_in, database):
    _raise(database, FORGOTTEN, ("thing", "x<y"), left=7)

    page = signed_in.get("/alarms").text

    assert "old-kind" in page
    assert "left: 7" in page
    assert "thing x&lt;y" in page


def test_details_the_sentence_does_not_know_are_told_as_they_stand(signed_in, database):
    _raise(database, DISK, room=7)

    assert "room: 7" in signed_in.get("/alarms").text


def test_an_administrator_closes_an_alarm_with_a_note(administrator, database):
    alarm = _raise(database, SLOW)

    answer = administrator.send(f"/alarms/{alarm}/closing", note="called the telco")

    assert answer.status_code == 303
    kept = _read(database, alarm)
    assert (kept.closed_by, kept.note) == ("zhang", "called the telco")
    assert "zhang: called the telco" in administrator.get("/alarms").text


def test_without_a_note_the_alarm_stays_open_and_the_page_says_why(administrator, database):
    alarm = _raise(database, SLOW)

    answer = administrator.send(f"/alarms/{alarm}/closing", note=" x ")

    assert answer.status_code == 400
    assert "Say in 3 to 500 characters" in answer.text
    assert _read(database, alarm).is_open


def test_closing_is_for_administrators_and_only_once(administrator, signed_in, database):
    alarm = _raise(database, SLOW)

    assert signed_in.send(f"/alarms/{alarm}/closing", note="done it").status_code == 403
    assert "Close the alarm" not in signed_in.get(f"/alarms/{alarm}").text
    assert _read(database, alarm).is_open
    assert administrator.send(f"/alarms/{alarm}/closing", note="done it").status_code == 303
    assert administrator.send(f"/alarms/{alarm}/closing", note="done it").status_code == 409
    assert administrator.get(f"/alarms/{new_id()}").status_code == 404


def test_first_pages_show_critical_alarms_and_no_others(signed_in, database):
    _raise(database, SLOW)
    assert "alarm-strip" not in signed_in.get("/first").text
    for number in range(5):
        _raise(database, DISK, ("branch", f"B{number:03}"))

    page = signed_in.get("/first").text

    assert page.count("The disk is full") == 3
    assert "All 5 critical alarms" in page
    assert "The line is slow" not in page


def test_an_alarm_of_this_node_is_told_without_words_of_the_program_and_in_our_time(signed_in, database):
    told = AlarmKind(SLOW.code, SLOW.severity, SLOW.title_msgid, SLOW.cure_msgid)
    _raise(database, told, ("node", "restore"), made_at="2026-03-18T04:05:06Z", read_at="never")

    page = signed_in.get("/alarms").text

    assert "This node" in page
    assert "This node restore" not in page
    assert "2026-03-18 12:05" in page
    assert "never" in page

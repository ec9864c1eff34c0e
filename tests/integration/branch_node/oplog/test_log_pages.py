"""The operation log answers whoever may ask: by any element, as counts open to their entries, on paper and in files."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import select

from branch_node.customers.queries import get_customer
from shared.audit.keyring import CARRIED, LogKeys
from shared.audit.models import AuditEntry
from shared.audit.sealing import forget
from shared.ids import new_id
from shared.jobs.models import JobRun
from shared.jobs.vocabulary import RunOutcome
from shared.rights.vocabulary import StaffKind
from shared.web.oplog.models import LogView
from tests.support.branch import NOON

CUSTOMER = new_id()
DAY = "from=2026-03-18&to=2026-03-18"


@pytest.fixture
def log(tell):
    tell("customer.changed", "ana", ("customer", CUSTOMER), grade=("a", "b"))
    tell("customer.changed", "bob", ("customer", CUSTOMER), grade=("b", "c"), name=("旧", "新"))
    tell("customer.registered", "bob", ("customer", new_id()), terminal="10.0.0.9")
    tell("work_log.written", "ana", ("work_log", new_id()), at=NOON - timedelta(days=1))


def table_of(page: str) -> dict[str, list[str]]:
    """Return the counted rows of a page: name and numbers."""
    body = page.split('class="table data crossed"')[1].split("</table>", maxsplit=1)[0]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", body, re.DOTALL)
    strip = re.compile(r"<[^>]+>")
    return {
        unescape(strip.sub("", name)): [
            unescape(strip.sub("", cell)) for cell in re.findall(r"<td.*?</td>", cells, re.DOTALL)
        ]
        for name, cells in rows
    }


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("rows", "counted"),
    [
        ("actor", {"ana": ["1"], "bob": ["2"]}),
        ("action", {"changed": ["2"], "created": ["1"]}),
        ("field", {"Grade": ["2"], "Name": ["1"]}),
        ("terminal", {"10.0.0.7": ["2"], "10.0.0.9": ["1"]}),
        ("hour", {"2026-03-18 12:00": ["3"]}),
        ("day", {"2026-03-18": ["3"]}),
        ("week", {"week of 2026-03-16": ["3"]}),
        ("month", {"2026-03": ["3"]}),
        ("object", {"Customers": ["3"]}),
        ("via", {"page": ["3"]}),
        ("outcome", {"done": ["3"]}),
        ("kind", {"none": ["3"]}),
    ],
)
def test_entries_are_counted_by_any_element(browser, rows, counted):
    page = browser.get(f"/log/?{DAY}&object=customer&rows={rows}").text

    found = table_of(page)
    found.pop("All together", None)
    assert found == counted


@pytest.mark.usefixtures("log")
def test_two_elements_make_a_table_and_each_number_opens_to_its_entries(browser):
    page = browser.get(f"/log/?{DAY}&object=customer&rows=actor&cols=action").text

    assert table_of(page) == {"ana": ["1", "–"], "bob": ["1", "1"]}
    links = [unescape(link) for link in re.findall(r'<td class="num".*?<a href="([^"]+)"', page)]
    opened = [browser.get(link).text.count('data-label="No."') for link in links]
    assert sorted(opened) == [1, 1, 1]


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    ("measure", "counted"), [("operators", {"Customers": ["2"]}), ("objects", {"Customers": ["2"]})]
)
def test_different_operators_and_records_are_counted_once_each(browser, measure, counted):
    found = table_of(browser.get(f"/log/?{DAY}&module=customer&rows=module&measure={measure}").text)

    found.pop("All together")
    assert found == counted


@pytest.mark.usefixtures("log")
def test_one_click_from_a_field_to_who_changed_it_from_what(browser):
    page = browser.get(f"/log/field/customer/{CUSTOMER}/grade").text

    cells = re.findall(r'data-label="(?:Operator|Before|After)">(?:<b>)?([^<]+)', page)
    assert [cells[place : place + 3] for place in (0, 3)] == [
        ["bob", "Grade B", "Grade C"],
        ["ana", "Grade A", "Grade B"],
    ]


def test_the_story_of_a_field_opens_for_a_row_with_a_key_of_several_columns(browser, tell, database):
    serving = f"{new_id()}/{new_id()}"
    tell("customer_serving.changed", "ana", ("customer_serving", serving), ends_at=(None, "2026-03-18"))

    with database.reads() as session:
        entry = session.scalars(select(AuditEntry.id).where(AuditEntry.subject_id == serving)).one()

    (link,) = set(re.findall(r'href="(/log/field/[^"]+)"', browser.get(f"/log/{entry}").text))
    page = browser.get(link)

    assert page.status_code == 200
    assert re.findall(r'data-label="Operator">([^<]+)', page.text) == ["ana"]


def test_an_entry_shows_before_and_after_its_place_in_the_chain_and_its_neighbours(browser, tell, database):
    for step in ("a", "b", "c"):
        tell("customer.changed", "ana", ("customer", CUSTOMER), name=(step, step + step))
    with database.reads() as session:
        before, entry, after = session.scalars(
            select(AuditEntry).where(AuditEntry.subject_id == CUSTOMER).order_by(AuditEntry.seq)
        )

    page = browser.get(f"/log/{entry.id}").text

    assert [before.id in page, after.id in page] == [True, True]
    assert entry.digest in page
    assert before.digest in page
    assert re.search(r'data-label="Before">b</td><td data-label="After"><b>bb</b>', page)


@pytest.fixture
def sealed(app, database, rows):
    """A customer whose mobile number was changed, told under seal."""
    keys = {CARRIED: LogKeys(app.extensions["branchline"].settings.home)}
    for sessions in (database.sessions, database.reads):
        sessions.configure(info=keys)
    customer = rows.customer(mobile="13800000001")
    with database.sessions.begin() as session:
        told = get_customer(session, customer)
        told.mobile = "13900000002"
    return customer


def test_who_sees_a_customers_data_reads_it_in_the_log_and_that_is_told(browser, sealed, database):
    page = browser.get(f"/log/field/customer/{sealed}/mobile").text

    assert re.search(r"13800000001.*13900000002", page, re.DOTALL)
    with database.reads() as session:
        told = session.scalars(select(AuditEntry).where(AuditEntry.event == "log.viewed")).one()
    assert (told.actor, told.subject_id) == ("wang", sealed)


def test_who_sees_no_data_reads_a_mask_and_who_comes_after_an_erasure_nothing(
    browser, administrator, sealed, database
):
    masked = administrator.get(f"/log/field/customer/{sealed}/mobile").text
    with database.sessions.begin() as session:
        forget(session, ("customer", sealed))
    erased = browser.get(f"/log/field/customer/{sealed}/mobile").text

    assert "1390000" not in masked
    assert "1390000" not in erased
    assert "erased" in erased


def test_a_view_is_kept_opened_renamed_and_removed_by_its_owner_alone(browser, make_user, sign_in, database):
    query = f"{DAY}&rows=actor"
    answer = browser.send("/log/views", name="谁做了什么", query=query, shared="on")
    assert answer.status_code in {200, 303}
    with database.reads() as session:
        view = session.scalars(select(LogView)).one()
    make_user("li")
    other = sign_in("li")

    assert "谁做了什么" in other.get("/log/").text
    assert other.send(f"/log/views/{view.id}/removal").status_code == 404
    browser.send(f"/log/views/{view.id}", name="My own")
    assert "My own" not in other.get("/log/").text
    browser.send(f"/log/views/{view.id}/removal")
    with database.reads() as session:
        assert session.scalars(select(LogView)).all() == []


def test_a_view_needs_a_name_of_its_own(browser, database):
    browser.send("/log/views", name="once", query="rows=actor")

    assert browser.send("/log/views", name=" once ", query="rows=day").status_code == 400
    with database.reads() as session:
        assert [view.query for view in session.scalars(select(LogView))] == ["rows=actor"]


@pytest.mark.usefixtures("log")
def test_an_export_holds_the_entries_and_is_logged_with_its_conditions(browser, database):
    answer = browser.take(f"/log/export.csv?{DAY}&actor=bob")

    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    with database.reads() as session:
        told = session.scalars(select(AuditEntry).where(AuditEntry.event == "log.exported")).one()
    assert [row[2] for row in rows[1:]] == ["bob", "bob"]
    assert (told.details["rows"], told.details["conditions"]["Operator"]) == (2, "bob")


@pytest.mark.usefixtures("log")
def test_a_print_says_its_conditions_who_and_when_and_is_logged(browser, database):
    page = browser.get(f"/log/print?{DAY}&actor=bob").text

    with database.reads() as session:
        told = session.scalars(select(AuditEntry).where(AuditEntry.event == "log.printed")).one()
    assert "Operator: <b>bob</b>" in page
    assert "printed by 王芳 (wang)" in page
    assert told.actor == "wang"


@pytest.mark.usefixtures("log")
def test_an_account_manager_sees_own_acts_and_an_administrator_technical_ones_without_values(
    make_user, sign_in, administrator, tell
):
    user = make_user("mei", StaffKind.ACCOUNT_MANAGER)
    tell("customer.changed", "mei", ("customer", CUSTOMER), actor_id=user, grade=("c", "d"))
    tell("job.failed", "job", ("job", "push"), name=("x", "hidden-value"))

    own = table_of(sign_in("mei").get(f"/log/?{DAY}&object=customer&rows=actor").text)
    assert own == {"mei": ["1"], "All together": ["1"]}
    assert "Customers" not in table_of(administrator.get(f"/log/?{DAY}&rows=object").text)
    page = administrator.get(f"/log/?{DAY}&object=job").text
    entry = re.search(r"/log/([0-9a-f-]{36})", page)
    assert entry
    assert "hidden-value" not in administrator.get(f"/log/{entry[1]}").text


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("measure", ["entries", "operators", "objects"])
def test_counts_hold_nobody_elses_acts(tell, make_user, sign_in, measure):
    user = make_user("mei", StaffKind.ACCOUNT_MANAGER)
    tell("customer.changed", "mei", ("customer", CUSTOMER), actor_id=user, grade=("c", "d"))

    page = sign_in("mei").get(f"/log/?{DAY}&object=customer&rows=actor&measure={measure}").text

    assert table_of(page) == {"mei": ["1"], "All together": ["1"]}


def test_every_field_of_a_customer_and_a_manager_leads_to_its_story(browser, rows):
    manager = rows.manager()
    customer = rows.customer(manager_id=manager)

    profile = browser.get(f"/customers/{customer}/profile").text
    file = browser.get(f"/managers/{manager}").text

    for field in ("customer_no", "grade", "mobile", "region_code"):
        assert f"/log/field/customer/{customer}/{field}" in profile
    assert f"/log/field/manager/{manager}/level" in file
    assert browser.get(f"/log/field/customer/{customer}/grade").status_code == 200


# --- how the log stood when it was checked ---------------------------------------------------------


def checked(database, **counts):
    """Write down a nightly check that came to its end."""
    with database.sessions.begin() as session:
        run = JobRun(job="verify-log", started_at=NOON, counts=counts, holder="h", fencing=1)
        run.ended_at, run.outcome = NOON, RunOutcome.DONE
        session.add(run)


def test_the_page_says_how_far_the_log_was_intact_and_when_that_was_checked(database, browser):
    assert "has not been checked yet" in browser.get("/log/").text
    checked(database, entries=8420, bad=0)
    assert "Intact through entry 8420, checked <time" in browser.get("/log/").text


def test_a_log_that_is_not_as_it_was_written_stands_in_red_with_its_first_bad_entry(database, browser):
    checked(database, entries=41, bad=1, first_bad=42)
    page = browser.get("/log/").text
    assert "alert-danger" in page
    assert "the first bad entry is number 42" in page

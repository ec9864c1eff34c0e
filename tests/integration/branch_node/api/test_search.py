"""Programs look for records as people do in the search box: the same hits, and no more told of what is out of sight."""

import re

import pytest
from sqlalchemy import func, select

from branch_node.customers import elsewhere
from branch_node.worklogs.jobs import index_work_logs
from shared.audit.models import AuditEntry
from shared.auth.models import AccessToken
from shared.jobs.job import Progress
from shared.rights.vocabulary import Action, Resource, StaffKind
from shared.runtime import NodeRuntime
from shared.web.finding.pages import LONGEST
from tests.support.branch import ANA
from tests.support.interfaces import Program, token_for

TOLD = "A customer of just this name or number exists already, served by 汪*. Ask for the file to be shared."
MOBILE = "13812345678"


@pytest.fixture
def filled(rows, database):
    """Ids by kind of records that all have one word in common, and of some that have another one."""
    manager = rows.manager(name="王东湖", manager_no="M-9")
    customer = rows.customer(name="东湖大学", customer_no="C-77", manager_id=manager, region_code="420106")
    found = {
        "customers": customer,
        "contacts": rows.contact(customer, name="韩东湖", mobile="13700004321"),
        "work-logs": rows.work_log(manager, customer_id=customer, text="走访了东湖实验室"),
        "bill-lines": rows.bill_line(customer, bill_no="B-2026-0099", period="2026-03"),
        "managers": manager,
    }
    node = NodeRuntime(settings=None, clock=None, database=database)  # type: ignore[arg-type] # asks for neither
    assert index_work_logs(node, ANA, Progress()).counts == {"indexed": 1}
    return found


@pytest.fixture
def hidden(rows):
    """A customer whom another account manager serves."""
    return rows.customer(
        name="鐘離昧", customer_no="C-55", manager_id=rows.manager(name="汪清"), mobile=MOBILE
    )


@pytest.fixture
def seller(app, rows, make_user):
    """A program of an account manager who serves somebody else."""
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager(name="李强"))
    return Program(app, token_for(app, "li"))


def by_kind(answer):
    return {one["kind"]: one for one in answer.json["kinds"]}


def told(sessions):
    with sessions() as session:
        return session.scalar(select(func.count()).where(AuditEntry.event == elsewhere.EVENT))


@pytest.mark.parametrize("words", ["东湖", "dh", "4321", "b-2026-0099", "M-9", "武昌", "no such thing"])
def test_a_program_finds_what_the_page_finds_kind_by_kind(program, filled, sign_in, words):
    page = sign_in("boss").get(f"/search?q={words}").text

    found = by_kind(program.get(f"/api/v1/search?q={words}"))

    counted = re.findall(r"<h2>.*?<span class=\"muted\">(\d+)</span>", page, re.DOTALL)
    assert [str(one["total"]) for one in found.values()] == counted
    for kind, one in found.items():
        assert [hit["id"] for hit in one["items"]] == [filled.get(kind, "420106")], kind
        assert (one["more"], one["next"]) == (False, None)
        assert all(hit["title"] in page for hit in one["items"])


def test_a_hit_says_what_the_page_says_of_it_and_a_record_is_read_by_its_id(program, filled):
    (hit,) = by_kind(program.get("/api/v1/search?q=东湖大学"))["customers"]["items"]

    assert hit == {
        "id": filled["customers"],
        "title": "东湖大学",
        "text": "C-77, 王东湖, " + hit["text"].rpartition(", ")[2],
        "state": "Active",
    }
    assert program.get(f"/api/v1/customers/{hit['id']}").json["customer_no"] == "C-77"


def test_hits_of_one_kind_are_read_a_page_at_a_time_and_it_is_said_when_there_are_more(program, rows):
    for number in range(60):
        rows.customer(name=f"东湖{number:02}店", customer_no=f"C-{number:02}")
    first = by_kind(program.get("/api/v1/search?q=东湖"))["customers"]
    numbers = [hit["text"][:4] for hit in first["items"]]

    after = first["next"]
    while after is not None:
        page = program.get(f"/api/v1/search/customers?q=东湖&after={after}").json
        assert page["total"] == 60
        numbers += [hit["text"][:4] for hit in page["items"]]
        after = page["next"]

    assert (first["total"], first["more"], len(first["items"])) == (60, False, 25)
    assert sorted(numbers) == [f"C-{number:02}" for number in range(60)]
    assert len(program.get("/api/v1/search/customers?q=东湖&size=100").json["items"]) == 60


def test_what_a_token_does_not_name_is_neither_found_nor_given(app, program, filled):
    narrow = Program(app, token_for(app, "boss", [(Resource.CUSTOMER, Action.READ)]))

    found = by_kind(narrow.get("/api/v1/search?q=东湖"))
    refused = narrow.get("/api/v1/search/work-logs?q=东湖")

    assert set(found) == {"customers"}
    assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert {"contacts", "work-logs", "managers"} <= set(by_kind(program.get("/api/v1/search?q=东湖")))


def test_of_a_file_out_of_sight_a_program_is_told_as_the_page_tells_and_the_log_knows(
    seller, hidden, sessions
):
    answer = seller.get(f"/api/v1/search?q={MOBILE}")

    assert answer.json == {"kinds": [], "beyond": [TOLD]}
    with sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == elsewhere.EVENT)).one()
    assert (entry.subject_id, entry.actor, entry.via) == (hidden, "li", "api")
    assert MOBILE not in str(entry.details)


@pytest.mark.parametrize("path", ["?q=1381234567", "?q=5678", "?q=C-55", f"/customers?q={MOBILE}"])
def test_a_part_of_a_number_and_the_hits_of_one_kind_tell_nothing(seller, hidden, sessions, path):
    answer = seller.get(f"/api/v1/search{path}")

    assert (answer.status_code, answer.json.get("beyond", []), answer.json.get("items", [])) == (200, [], [])
    assert told(sessions) == 0


def test_programs_and_pages_share_one_day_s_work_of_files_that_are_told_of(seller, rows, sessions, sign_in):
    manager = rows.manager(name="汪清")
    for number in range(elsewhere.MOST_A_DAY + 1):
        rows.customer(
            name=f"客户{number}",
            customer_no=f"C-{number}",
            manager_id=manager,
            mobile=f"138000010{number:02}",
        )
    browser = sign_in("li")
    for number in range(elsewhere.MOST_A_DAY - 1):
        assert browser.get(f"/search?q=138000010{number:02}").status_code == 200
    last, over = (seller.get(f"/api/v1/search?q=138000010{number}").json["beyond"] for number in (29, 30))

    assert last == [TOLD]
    assert over == ["You have been told of 30 files of others within a day. More are not told today."]
    assert told(sessions) == elsewhere.MOST_A_DAY


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("", "q"),
        ("?q=", "q"),
        ("?q=%20", "q"),
        ("?q=" + "x" * (LONGEST + 1), "q"),
        ("/customers", "q"),
        ("/customers?q=x&after=nonsense", "after"),
        ("?q=x&kind=customers", "kind"),
        ("?q=x&after=", "after"),
    ],
)
def test_words_that_are_none_and_parameters_that_are_not_there_are_refused_at_their_name(
    program, path, field
):
    answer = program.get(f"/api/v1/search{path}")

    assert (answer.status_code, set(answer.json["fields"])) == (400, {field}), answer.text
    assert answer.content_type == "application/problem+json"


def test_a_kind_that_is_none_is_not_there(program):
    assert program.get("/api/v1/search/passwords?q=x").status_code == 404


def test_hits_count_among_the_rows_a_person_s_programs_may_read_in_a_day(program, filled, sessions):
    found = by_kind(program.get("/api/v1/search?q=东湖"))

    hits = sum(len(one["items"]) for one in found.values())
    with sessions() as session:
        (token,) = session.scalars(select(AccessToken)).all()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "search.exported")).one()
    assert (hits > 3, entry.details["rows"], entry.subject_id) == (True, hits, token.id)


def test_the_document_names_the_kinds(program):
    said = program.get("/api/v1/openapi.json").json["paths"]["/api/v1/search/{kind}"]["get"]

    (kind,) = [one["schema"] for one in said["parameters"] if one["name"] == "kind"]
    assert kind["enum"][:3] == ["customers", "contacts", "units"]
    assert {one["name"] for one in said["parameters"]} == {"kind", "q", "size", "after"}

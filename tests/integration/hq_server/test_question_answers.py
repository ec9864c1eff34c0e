"""What customers answered is counted by question, branch and month, says what it covers, and opens to its answers."""

import io
import re
from datetime import date, datetime, timedelta
from types import SimpleNamespace

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from hq_server.branches.models import Branch
from hq_server.questions.queries import count_answers
from hq_server.replica.models import ReplicaCustomer, ReplicaQuestionAnswer
from shared.domain.questions.vocabulary import Indicator, Way
from shared.ids import new_id
from shared.rights.vocabulary import Action, Resource, StaffKind
from tests.integration.hq_server.conftest import NOON
from tests.integration.hq_server.test_limited_people import add, enter
from tests.integration.hq_server.test_questions import CHOICE, FORM
from tests.support.hq_rows import add_branch
from tests.support.interfaces import Program, token_for

VERSION = {"row_lineage": 1, "row_change": 1, "batch_id": 1}
NOW, BEFORE = date(2026, 11, 1), date(2026, 10, 1)


def said(branch, customer, score=None, day=NOW, **more):
    row = {"customer_id": customer, "question_code": "NPS", "question_version": 1, "score": score}
    more = {"way": Way.PHONE, "answered_on": day, "indicator": Indicator.SATISFACTION, **more}
    made = {"id": new_id(), "created_at": NOON, "created_by": "ana"}
    return ReplicaQuestionAnswer(branch_number=branch.number, **VERSION, **{**made, **row, **more})


def need(branch, customer, choice, **more):
    about = {"question_code": "NEED", "indicator": Indicator.DEMAND, **more}
    return said(branch, customer, choice=choice, **about)


@pytest.fixture
def answered(client, database):
    """Answers of two branches, corrected, taken back and of merged files; a question for the first branch alone."""
    nps = client.send("/published", **FORM).location
    with database.sessions.begin() as session:
        first = add_branch(session, "B001", NOON, name="杭州分公司")
        zhang, old, wang = (first.customer(f"K-{n}", f"张{n}", mobile="13812340001") for n in range(1, 4))
        first.merged(old, zhang)
        first.deliver()
        second = add_branch(session, "B002", NOON + timedelta(hours=1), name="宁波分公司")
        li = second.customer("K-9", "李雷")
        second.deliver()
        add_branch(session, "B003", NOON, name="温州分公司", joined=False)
        wrong, void = said(first, wang, 1, note="没听清"), said(first, wang, 2, date(2026, 11, 9))
        session.add_all(
            [
                said(first, zhang, 5),
                said(first, old, 4, note="老档案"),
                wrong,
                said(first, wang, 3, corrects_id=wrong.id, note="确认过", created_by="wu"),
                void,
                said(first, wang, None, date(2026, 11, 9), corrects_id=void.id, note="误记"),
                said(first, wang, 2, BEFORE),
                said(first, wang, 2, date(2025, 10, 31)),
                said(second, li, 1, note="宁波的话"),
                need(first, wang, "price"),
                need(first, wang, "speed", day=date(2026, 11, 30)),
                need(second, li, "gone"),
            ]
        )
    client.send("/published", **{**CHOICE, "to": "some", "branches": ["B001"]})
    return {"item": nps, "wang": f"B001/{wang}", "zhang": f"B001/{zhang}", "li": f"B002/{li}", "old": old}


def plain(text):
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def rows_of(page, caption):
    table = page.split(f">{caption}</caption>")[1].split("</table>")[0]
    return [plain(row) for row in table.split("<tr>")[1:]]


def sheet(client, address):
    book = load_workbook(io.BytesIO(client.get(address).data))
    about = {row[0]: row[1] for row in book.worksheets[1].iter_rows(values_only=True)}
    return list(book.worksheets[0].iter_rows(values_only=True)), about


def test_every_answer_that_stands_counts_once_by_branch_and_month_and_merged_files_are_one_customer(
    answered, database
):
    with database.reads() as session:
        found = count_answers(session, NOW)
        before = count_answers(session, BEFORE)

    [nps] = [one for one in found.trends({}, [1, 2]) if one.code == "NPS"]
    now, last = nps.lines[0].month, nps.lines[1].month
    assert (dict(now.counts), now.customers) == ({"1": 1, "3": 1, "4": 1, "5": 1}, 3)
    assert (dict(last.counts), last.customers) == ({"2": 1}, 1)
    [near] = [one for one in found.trends({}, [1]) if one.code == "NPS"]
    assert (near.lines[0].month.answers, near.lines[0].month.customers, near.lines[0].month.mean) == (3, 2, 4)
    assert sum(line.month.answers for line in nps.lines) == 5  # not what was answered a year before
    assert [one.code for one in before.trends({}, [1, 2])] == ["NPS"]  # nothing of a later month


def test_questions_stand_under_their_indicators_with_month_and_coverage(client, answered):
    page = client.get("/questions").text
    rows = rows_of(page, "Questions")

    assert (
        "Customer satisfaction Are you content with our service? NPS 4 3 3.25 few +1.25 2.00 few 1" in rows[1]
    )
    assert rows[2].startswith("Market demand")
    assert "3 2" in rows[2]
    assert "2 of 3" in plain(page)
    assert "温州分公司 (has not joined yet)" in page
    narrow = client.get("/questions?indicator=demand&branch=B002").text
    assert "NPS" not in narrow
    assert "gone 100%" in plain(narrow)
    assert "宁波分公司 (left out" not in narrow
    earlier = client.get("/questions?month=2026-10").text
    assert "Answers in 2026-10" in earlier
    assert "NPS 1 1 2.00" in rows_of(earlier, "Questions")[1]
    for month in ("2199-01", "0001-01", "x", "2026-13"):
        for page in ("/questions?", "/questions/one?question=NPS&", "/questions/export.xlsx?"):
            assert client.get(f"{page}month={month}").status_code == 400


def test_a_question_is_shown_by_month_and_by_branch_and_each_figure_opens_to_its_answers(client, answered):
    page = client.get("/questions/one?question=NPS").text

    months, branches = rows_of(page, "By month"), rows_of(page, "By branch in 2026-11")
    assert len(months) == 3  # with the headings; nobody answered before
    assert months[1].startswith("2026-11 4 3 3.25 few +1.25")
    assert months[2].startswith("2026-10 1 1 2.00 few")
    assert branches[1].startswith("杭州分公司 3 2 4.00")
    assert branches[2].startswith("宁波分公司 1 1 1.00 few –")
    assert branches[3].startswith("温州分公司 0 0 –")
    assert branches[4].startswith("All branches 4 3 3.25")
    assert "2 of 3" in plain(page)
    assert "/questions/answers?question=NPS&amp;month=2026-11&amp;branch=B002" in page
    assert "not addressed to it" not in page
    assert "not addressed to it" in client.get("/questions/one?question=NEED").text
    one = client.get("/questions/one?question=NPS&branch=B002").text
    assert rows_of(one, "By month")[1].startswith("2026-11 1 1 1.00")
    assert "杭州分公司</a>" not in one
    nobody = client.get("/questions/one?question=NPS&branch=B003").text
    assert rows_of(nobody, "By month")[1].startswith("2026-11 0 0 –")
    assert "/questions/one?question=NPS" in client.get(answered["item"]).text


def test_a_question_that_was_never_published_here_is_shown_by_its_codes(client, answered, database):
    with database.sessions.begin() as session:
        number = session.scalars(select(Branch.number).where(Branch.code == "B002")).one()
        customer = session.scalars(select(ReplicaCustomer.id).where(ReplicaCustomer.name == "李雷")).one()
        session.add(need(SimpleNamespace(number=number), customer, "x", question_code="OLD"))

    assert "OLD withdrawn 1 1 x 100%" in rows_of(client.get("/questions").text, "Questions")[3]
    page = client.get("/questions/one?question=OLD").text
    assert rows_of(page, "By month")[1].startswith("2026-11 1 1 100% (1)")
    other = client.get("/questions/one?question=OLD&branch=B001").text
    assert rows_of(other, "By month")[1].startswith("2026-11 0 0")
    assert rows_of(other, "By branch in 2026-11")[2].startswith("Together 0 0")


def test_the_answers_behind_a_figure_are_those_that_count(client, answered):
    page = client.get("/questions/answers?question=NPS&month=2026-11").text
    assert all(name in page for name in ("张1", "张2", "张3", "李雷", "确认过", "5 Very much"))
    assert not any(name in page for name in ("没听清", "误记"))
    assert page.count('<td data-label="Customer name"') == 4
    best = client.get("/questions/answers?question=NPS&month=2026-11&answer=5&answer=nonsense").text
    assert "张1" in best
    assert "张2" not in best
    near = client.get("/questions/answers?question=NEED&branch=B002&sort=x").text
    assert "李雷" in near
    assert "张3" not in near
    assert "Nobody answered it" in client.get("/questions/answers?question=NPS&month=2026-09").text


def test_a_question_nobody_published_or_answered_is_told_to_be_none(client, answered):
    for page in ("one", "answers", "export.xlsx"):
        answer = client.get(f"/questions/{page}?question=NONE")
        assert answer.status_code == 404
        assert "No question of this code was ever published or answered." in answer.text


def test_before_any_question_is_published_the_page_says_how_to_begin(client):
    page = client.get("/questions").text
    assert "No question is published" in page
    assert "kind=question" in page


def test_a_question_that_is_withdrawn_keeps_its_text_and_figures_and_says_it_is_withdrawn(client, answered):
    client.send(f"{answered['item']}/withdrawal")

    listed = rows_of(client.get("/questions").text, "Questions")
    assert "Are you content with our service? NPS withdrawn 4 3 3.25" in listed[1]
    assert len(listed) == 3
    page = client.get("/questions/one?question=NPS").text
    assert "Are you content with our service?" in page
    assert "withdrawn" in page
    assert "5 Very much" in page
    tab = plain(client.get(f"/customers/{answered['wang']}?tab=questions").text)
    assert "Are you content with our service? NPS withdrawn" in tab
    # Nobody was asked it in the year before.
    assert "NPS" not in client.get("/questions?month=2024-11").text
    assert client.get("/questions/one?question=NPS&month=2024-11").status_code == 200


def test_a_customers_page_says_what_they_answered_when_and_to_whom(client, answered):
    page = client.get(f"/customers/{answered['wang']}?tab=questions").text
    rows = [plain(row) for row in page.split('<li class="timeline-item">')][1:]

    assert len(rows) == 6
    assert "Answer taken back" in rows[1]
    assert "before: 2" in rows[1]
    corrected = next(row for row in rows if "确认过" in row)
    assert "by wu" in corrected
    assert "before: 1 Not at all" in corrected
    assert "没听清 (ana)" in corrected
    assert "Lower price" not in page  # of other words
    assert any("Price" in row and "NEED" in row for row in rows)
    merged = plain(client.get(f"/customers/{answered['zhang']}?tab=questions").text)
    assert "老档案" in merged
    assert "in the file K-2" in merged
    assert "宁波的话" not in page
    with_none = client.get(f"/customers/B001/{answered['old']}?tab=questions").text
    assert "老档案" in with_none
    assert "确认过" not in with_none


def test_what_is_shown_is_exported_with_what_it_covers(client, answered):
    rows, about = sheet(client, "/questions/export.xlsx?indicator=satisfaction&month=2026-11")
    heads = dict(zip(rows[0], rows[1], strict=True))
    assert len(rows) == 2
    assert (heads["Code"], heads["Answers"], heads["Customers asked"], heads["Mean"]) == ("NPS", 4, 3, 3.25)
    assert (heads["Month before: Answers"], heads["Month before: Mean"]) == (1, 2)
    assert about["Branches covered"] == "2 of 3"
    assert about["Filter: Indicator"] == "Customer satisfaction"

    rows, about = sheet(client, "/questions/export.xlsx?question=NEED&branch=B001")
    assert len(rows) == 13
    heads = dict(zip(rows[0], rows[1], strict=True))
    assert (heads["Branch code"], heads["Month"], heads["Answers"]) == ("B001", "2026-11", 2)
    assert (heads["Price"], heads["Speed"]) == (1, 1)
    assert about["Filter: Question"] == "NEED"
    assert about["Branches covered"] == "1 of 1"


def limited(app, database):
    with database.sessions() as session:
        number = session.scalars(select(Branch.number).where(Branch.code == "B001")).one()
    with database.sessions.begin() as session:
        add(session, "near", StaffKind.LEADER, [number])
        add(session, "keeper", StaffKind.ADMINISTRATOR, None)


def test_who_is_limited_to_branches_sees_the_answers_of_those_alone(app, database, answered):
    limited(app, database)
    near, keeper = enter(app, "near"), enter(app, "keeper")

    assert "NPS 3 2 4.00" in rows_of(near.get("/questions").text, "Questions")[1]
    page = near.get("/questions/one?question=NPS&branch=B002").text
    assert "宁波分公司" not in page
    assert rows_of(page, "By month")[1].startswith("2026-11 3 2 4.00")
    listed = near.get("/questions/answers?question=NPS").text
    assert "确认过" in listed
    assert "宁波的话" not in listed
    assert near.get(f"/customers/{answered['li']}?tab=questions").status_code == 404
    for page in ("", "/one?question=NPS", "/answers?question=NPS", "/export.xlsx"):
        assert keeper.get(f"/questions{page}").status_code == 403


def test_programs_read_figures_by_question_branch_and_month_each_as_of_when(app, database, answered):
    limited(app, database)
    program = Program(app, token_for(app, "zhang"))
    figures = program.get("/api/v1/figures/questions").json

    nps, demand = figures["questions"]
    assert (nps["question"], nps["state"], nps["withdrawn"]) == ("NPS", "published", False)
    assert (nps["en"], nps["indicator"], len(nps["months"])) == (FORM["en"], "satisfaction", 12)
    now = nps["months"][0]
    assert (now["month"], now["answers"], now["customers"], now["mean"]) == ("2026-11", 4, 3, 3.25)
    assert [one["branch"] for one in nps["branches"]] == ["B001", "B002", "B003"]
    first, second, third = nps["branches"]
    assert [(one["month"], one["answers"]) for one in first["months"]] == [("2026-11", 3), ("2026-10", 1)]
    assert (second["months"][0]["mean"], third["months"], third["as_of"]) == (1, [], None)
    assert datetime.fromisoformat(second["as_of"]) == NOON + timedelta(hours=1)
    assert [one["addressed"] for one in demand["branches"]] == [True, False, False]
    assert datetime.fromisoformat(figures["as_of"]) == NOON
    assert figures["missing"] == [{"branch": "B003", "why": "never-joined"}]
    asked = "question=NPS&branch=B002&month=2026-10"
    [some] = program.get(f"/api/v1/figures/questions?{asked}").json["questions"]
    assert (some["months"][0]["month"], some["months"][0]["answers"]) == ("2026-10", 0)
    [some] = program.get("/api/v1/figures/questions?indicator=demand").json["questions"]
    assert some["question"] == "NEED"
    assert program.get("/api/v1/figures/questions?question=NONE").json["code"] == "question-not-found"

    near = Program(app, token_for(app, "near")).get("/api/v1/figures/questions").json["questions"][0]
    assert (near["months"][0]["answers"], [one["branch"] for one in near["branches"]]) == (3, ["B001"])


def test_programs_read_what_a_customer_answered_with_what_it_took_the_place_of(app, database, answered):
    limited(app, database)
    program = Program(app, token_for(app, "zhang"))

    items = program.get(f"/api/v1/customers/{answered['wang']}/question-answers").json["items"]

    shown = [(one["question"], one["answer"], one["counts"], one["note"]) for one in items]
    assert shown[:3] == [
        ("NEED", "speed", True, None),
        ("NPS", None, False, "误记"),
        ("NPS", "2", False, None),
    ]
    at = shown.index(("NPS", "3", True, "确认过"))
    assert shown[at + 1] == ("NPS", "1", False, "没听清")
    assert items[at]["corrects_id"] == items[at + 1]["id"]
    near, keeper = Program(app, token_for(app, "near")), Program(app, token_for(app, "keeper"))
    narrow = Program(app, token_for(app, "zhang", [(Resource.QUALIFICATION, Action.READ)]))
    assert near.get(f"/api/v1/customers/{answered['li']}/question-answers").status_code == 404
    for address in ("figures/questions", f"customers/{answered['wang']}/question-answers"):
        assert [one.get(f"/api/v1/{address}").status_code for one in (keeper, narrow)] == [403, 403]

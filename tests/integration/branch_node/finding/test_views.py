import re

import pytest
from sqlalchemy import select

from shared.domain.customers.vocabulary import CustomerStatus, IdentityDocument, PreferredChannel
from shared.rights.vocabulary import StaffKind
from shared.web.views.models import ListView
from tests.support.branch import NOON


def kept(sessions):
    with sessions() as session:
        return session.scalars(select(ListView).order_by(ListView.name)).all()


def tabs(page):
    return re.findall(r'<a href="(/customers\?view=[^"]*)"', page.replace("&amp;", "&"))


@pytest.fixture
def li(rows, make_user, sign_in):
    """The browser of an account manager."""
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager(name="李强"))
    return sign_in("li")


QUERY = "status=active&columns=email&columns=region&sort=-name&group=grade&q=%E5%BC%A0&page=3"


def test_a_view_keeps_filters_columns_order_and_groups_and_neither_words_nor_page(browser, sessions):
    page = browser.send("/views/customers", name="张家", query=QUERY, view="all")

    [view] = kept(sessions)
    assert view.query == "status=active&columns=email&columns=region&sort=-name&group=grade"
    assert f"view={view.id}" in page.request.url
    assert "group=grade" in page.request.url
    assert '<th scope="col"' in page.text or "No customer matches" in page.text


def test_a_view_is_its_owners_alone_until_a_branch_manager_keeps_it_for_everybody(browser, li, sessions):
    browser.send("/views/customers", name="mine alone", query="grade=A")
    browser.send("/views/customers", name="for all", query="grade=B", shared="on")
    li.send("/views/customers", name="tried", query="grade=C", shared="on")

    assert {view.name: view.shared for view in kept(sessions)} == {
        "mine alone": False,
        "for all": True,
        "tried": False,
    }
    page = li.get("/customers").text
    assert ("for all" in page, "mine alone" in page, "tried" in page) == (True, False, True)


def test_nobody_changes_or_removes_a_view_of_somebody_else(browser, li, sessions):
    browser.send("/views/customers", name="for all", query="grade=B", shared="on")
    [view] = kept(sessions)

    answers = [
        li.send(f"/views/customers/{view.id}", name="taken").status_code,
        li.send(f"/views/customers/{view.id}/removal").status_code,
    ]

    assert answers == [404, 404]
    assert [(one.name, one.removed_at) for one in kept(sessions)] == [("for all", None)]


def test_a_view_is_renamed_takes_what_is_shown_is_removed_and_comes_back(browser, sessions):
    browser.send("/views/customers", name="old", query="grade=A")
    [view] = kept(sessions)
    browser.send(f"/views/customers/{view.id}", name="new", query="grade=B&page=2", take="on")
    renamed = [(one.name, one.query) for one in kept(sessions)]
    gone = browser.send(f"/views/customers/{view.id}/removal")
    after = browser.get("/customers").text
    browser.send(f"/views/customers/{view.id}/return")

    assert renamed == [("new", "grade=B")]
    assert f"/views/customers/{view.id}/return" in gone.text
    assert f"view={view.id}" not in after
    assert f"view={view.id}" in browser.get("/customers").text


def test_two_views_of_one_name_are_refused_in_words(browser, sessions):
    browser.send("/views/customers", name="twice", query="grade=A")
    page = browser.send("/views/customers", name=" twice ", query="grade=B")

    assert "that you have not used yet" in page.text
    assert [view.query for view in kept(sessions)] == ["grade=A"]


def test_the_list_opens_with_the_view_somebody_chose_and_the_whole_list_stays_one_click_away(browser, li):
    browser.send("/views/customers/start", view="incomplete", query="lacking=80")

    assert "view=incomplete&lacking=80" in browser.get("/customers").headers["Location"]
    assert browser.get("/customers?view=all").status_code == 200
    assert '<a class="chip-clear" href="/customers?view=all">' in browser.get("/customers?grade=A").text
    assert li.get("/customers").status_code == 200


PEOPLE = ("生日", "别月", "勿扰", "已关", "谈过", "我的")


@pytest.fixture
def people(rows, database):
    """Customers of whom each ready-made view finds others; returns who serves one of them."""
    me, other = rows.manager(), rows.manager()
    card = {"id_type": IdentityDocument.ID_CARD}
    rows.customer(name="生日", manager_id=other, id_no="330106199003011234", **card)
    rows.customer(name="别月", manager_id=other, id_no="330106199004011235", **card)
    rows.customer(name="勿扰", manager_id=other, preferred_channel=PreferredChannel.NONE)
    rows.customer(name="已关", manager_id=other, status=CustomerStatus.CLOSED)
    spoken = rows.customer(name="谈过", manager_id=other)
    rows.work_log(other, customer_id=spoken, started_at=NOON)
    rows.customer(name="我的", manager_id=me)
    return me


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("mine", {"我的"}),
        ("quiet", {"生日", "别月", "我的"}),
        ("incomplete", {"生日", "别月", "勿扰", "谈过", "我的"}),
        ("no-contact", {"勿扰"}),
        ("birthdays", {"生日"}),
    ],
)
def test_each_ready_made_view_finds_whom_it_says(make_user, sign_in, people, code, found):
    make_user("boss", manager_id=people)
    browser = sign_in("boss")
    [address] = [each for each in tabs(browser.get("/customers").text) if f"view={code}&" in each]

    rows_shown = browser.get(address).text.partition("<tbody>")[2]

    assert {name for name in PEOPLE if name in rows_shown} == found


def test_groups_stand_together_under_a_heading_with_their_number_whatever_the_order(browser, rows):
    for name, grade in (("甲", "A"), ("乙", "B"), ("丙", "A"), ("丁", None)):
        rows.customer(name=name, grade=grade)

    page = browser.get("/customers?group=grade&sort=-name").text

    headings = re.findall(r'<tr class="group-row"><th[^>]*>(.*?)</th>', page)
    assert [re.sub("<.*?>", "", each) for each in headings] == ["Grade A 2", "Grade B 1", "none 1"]
    rows_shown = page.partition("<tbody>")[2]
    assert max(map(rows_shown.index, "甲丙")) < rows_shown.index("乙") < rows_shown.index("丁")


def test_a_file_holds_just_the_columns_filters_and_order_of_the_list(browser, rows):
    rows.customer(name="甲", grade="A", email="a@example.org")
    rows.customer(name="乙", grade="B", preferred_channel=PreferredChannel.NONE, email="b@example.org")

    answer = browser.take("/customers/export.csv?no_contact=yes&columns=email&columns=grade&view=all")

    lines = [line.split(",")[:-1] for line in answer.data.decode("utf-8-sig").splitlines()]
    assert lines[0] == ["Number", "Name", "Grade", "E-mail"]
    assert [line[1:3] for line in lines[1:]] == [["乙", "Grade B"]]


@pytest.mark.parametrize(
    ("typed", "kept_as"),
    [("  my\u200b  view\ufeff ", ["my view"]), ("\u200b", []), ("a\x07b", []), ("n" * 61, [])],
)
def test_a_view_is_kept_under_a_name_that_can_be_read_and_typed_again(browser, sessions, typed, kept_as):
    browser.send("/views/customers", name=typed, query="grade=A")

    assert [view.name for view in kept(sessions)] == kept_as

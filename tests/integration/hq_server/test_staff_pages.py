"""The organisation of the whole company at head office: every branch with its people, as it pushed them."""

import re

import pytest

from hq_server.feed import operations as feed
from hq_server.feed.operations import Draft
from hq_server.staff import queries
from shared.auth.models import User
from shared.domain.organisation.vocabulary import StaffState
from shared.domain.published.codes import kind_names, problem_of, write_codes
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.rights.vocabulary import DataRange, StaffKind
from shared.stamp import Stamp, Via
from tests.integration.hq_server.conftest import NOON, sign_in
from tests.support.hq_rows import add_branch

BY = Stamp(NOON, "zhang", Via.WEB)


@pytest.fixture
def company(database):
    """Two branches with people, and one that never joined."""
    with database.sessions.begin() as session:
        north = add_branch(session, "017", NOON, name="北城分公司")
        sales = north.department("S", "销售部")
        desk = north.department("D", "前台", parent_id=sales)
        north.person("chen", StaffKind.SERVICE, "陈静", department_id=desk)
        north.person("boss", StaffKind.BRANCH_MANAGER, "高山", department_id=sales, duties=["cashier"])
        north.person("gone", StaffKind.SERVICE, "离开", state=StaffState.DISABLED)
        north.deliver()
        south = add_branch(session, "018", NOON, name="南城分公司")
        south.person("wu", StaffKind.ACCOUNT_MANAGER, "吴敏")
        south.deliver()
        add_branch(session, "019", NOON, joined=False)
        return north.number, south.number


def tree_of(page):
    return "\n".join(re.findall(r'<ul class="org-tree">.*</ul>', page, re.DOTALL))


def test_every_branch_stands_there_with_its_people_by_kind(client, company):
    page = client.get("/organisation/all").text

    (counts,) = re.findall(r"北城分公司</a>.*?</tr>", page, re.DOTALL)
    assert re.findall(r'class="num"[^>]*>(?:<[^>]+>)?(\d+)', counts) == ["0", "0", "1", "0", "1", "0", "2"]
    assert "019" in page
    assert "陈静" not in page
    assert "2 of 3 branches" in re.sub(r"<[^>]+>", "", page)


def test_a_branch_opens_with_its_departments_and_people(client, company):
    tree = tree_of(client.get("/organisation/all?branch=017").text)

    assert re.search(r"销售部.*高山.*前台.*陈静", tree, re.DOTALL)
    assert "Cashier" in tree
    assert "吴敏" not in tree


def test_people_are_found_across_branches_by_name_and_kind(client, company):
    by_name = tree_of(client.get("/organisation/all?q=WU").text)
    by_kind = tree_of(client.get("/organisation/all?kind=service").text)

    assert ("吴敏" in by_name, "陈静" in by_name) == (True, False)
    assert ("吴敏" in by_kind, "陈静" in by_kind, "离开" in by_kind) == (False, True, True)


def test_who_left_is_shown_and_not_counted(database, company):
    with database.reads() as session:
        counts = queries.count_by_kind(session)

    assert counts[company[0]] == {StaffKind.SERVICE: 1, StaffKind.BRANCH_MANAGER: 1}


def test_the_people_of_all_branches_are_exported(client, company):
    answer = client.take("/organisation/all/export.csv")

    assert answer.status_code == 200
    assert all(name in answer.text for name in ("陈静", "高山", "吴敏", "张敏", "销售部 / 前台"))
    assert client.take("/organisation/all/export.xlsx?branch=018").status_code == 200


def test_kinds_are_called_what_head_office_calls_them_everywhere(client, database, company):
    with database.sessions.begin() as session:
        codes = write_codes(kind_names())
        for one in codes["codes"]:
            if one["code"] == "service":
                one["en"], one["zh"] = "Front desk", "前台人员"
        item = feed.make_item(session, ItemKind.CODE_TABLE, CodeTable.STAFF_KIND.value, Draft(codes), by=BY)
        assert "Front desk" not in client.get("/organisation/all").text
        feed.publish(session, item.id, by=BY)

    page = client.get("/organisation/all?kind=service").text

    assert "Front desk" in page
    assert "Service operator" not in page


@pytest.mark.parametrize("change", ["withdraw", "drop", "add"])
def test_no_kind_comes_or_goes_by_renaming(change):
    codes = write_codes(kind_names())
    assert problem_of(CodeTable.STAFF_KIND.value, codes) is None

    if change == "withdraw":
        codes["codes"][0]["withdrawn"] = True
    elif change == "drop":
        codes["codes"].pop()
    else:
        codes["codes"].append({"code": "boss", "zh": "老板", "en": "Boss", "withdrawn": False})

    assert problem_of(CodeTable.STAFF_KIND.value, codes) is not None


def test_the_form_of_the_names_begins_with_those_in_use(client):
    page = client.get("/published/new?kind=code_table&name=staff-kind").text

    assert "service | 客户服务人员 | Service operator" in page


def test_a_range_at_head_office_is_narrowed_to_branches(app, client, database, company):
    sign_in(app, database, StaffKind.LEADER, "leader")
    with database.reads() as session:
        leader = session.query(User).filter_by(username="leader").one().id

    answer = client.send(f"/people/{leader}/rights", data_range="group", to="some", branches=str(company[0]))

    assert answer.status_code == 303
    with database.reads() as session:
        found = session.get_one(User, leader)
        assert (found.data_range, found.branches) == (DataRange.GROUP, [company[0]])
    assert "017 北城分公司" in client.get(f"/people/{leader}").text

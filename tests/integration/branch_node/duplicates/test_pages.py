"""Duplicates on screen: what is shown to whom, and what a decision does."""

import pytest
from sqlalchemy import select

from branch_node.duplicates.models import DuplicatePair
from shared.domain.duplicates.vocabulary import PairState
from shared.rights.vocabulary import StaffKind

WANG = {"name": "王小明", "mobile": "13800138000", "id_no": "330106199003074512"}


@pytest.fixture
def pair(rows, look, pairs):
    rows.customer(**WANG, customer_no="K1")
    rows.customer(**WANG | {"name": "王晓明", "id_no": None}, customer_no="K2", address="文三路1号")
    look()
    (found,) = pairs()
    return found


def state_of(sessions):
    with sessions() as session:
        return session.scalars(select(DuplicatePair.state)).one()


def test_the_list_names_both_and_what_agrees_and_leads_to_both_files_side_by_side(browser, pair):
    listed = browser.get("/duplicates").text
    shown = browser.get(f"/duplicates/{pair.id}").text

    assert all(
        word in listed for word in ("王小明", "王晓明", "K1", "K2", "probable", f"/duplicates/{pair.id}")
    )
    assert "What more than 50 of them share" in listed
    assert "Phone: the same" in shown
    assert "Name: nearly the same" in shown
    assert "文三路1号" in shown


@pytest.mark.parametrize("decision", [PairState.DIFFERENT, PairState.LATER])
def test_what_is_decided_leaves_the_list_and_can_be_taken_back(browser, pair, sessions, decision):
    browser.send(f"/duplicates/{pair.id}/{decision.value}")
    assert state_of(sessions) is decision
    assert "K1" not in browser.get("/duplicates").text
    assert "K1" in browser.get(f"/duplicates?state={decision.value}").text

    browser.send(f"/duplicates/{pair.id}/open")
    assert state_of(sessions) is PairState.OPEN


def test_who_types_a_customer_we_have_is_told_with_a_link(browser, pair):
    told = browser.get("/duplicates/like", query_string={"kind": "individual", **WANG}).text

    assert "This may be a customer who is here already" in told
    assert "K1 王小明" in told
    assert "may be a customer" not in browser.get("/duplicates/like", query_string={"name": "李四"}).text


def test_who_may_not_see_the_file_is_told_that_it_exists_and_who_serves_it_and_no_more(
    rows, look, make_user, sign_in
):
    holder, other = rows.manager(name="陈经理"), rows.manager()
    rows.customer(**WANG, customer_no="K1", manager_id=holder)
    look()
    make_user("li", StaffKind.ACCOUNT_MANAGER, other)

    told = sign_in("li").get("/duplicates/like", query_string={"kind": "individual", **WANG}).text
    assert "A customer who exists, served by 陈经理" in told
    assert "K1" not in told
    assert "王小明" not in told


def test_an_account_manager_sees_no_pair_with_a_file_of_another_and_decides_none(
    rows, look, pairs, make_user, sign_in, sessions
):
    mine, other = rows.manager(), rows.manager()
    rows.customer(**WANG, customer_no="K1", manager_id=mine)
    rows.customer(**WANG | {"id_no": None}, customer_no="K2", manager_id=other)
    look()
    (pair,) = pairs()
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    li = sign_in("li")

    assert "K2" not in li.get("/duplicates").text
    assert li.get(f"/duplicates/{pair.id}").status_code == 404
    assert li.send(f"/duplicates/{pair.id}/different").status_code == 403
    assert state_of(sessions) is PairState.OPEN


def test_the_form_of_a_new_customer_asks_as_it_is_filled_in(browser):
    page = browser.get("/customers/new").text

    assert 'hx-get="/duplicates/like"' in page
    assert "csrf_token" not in page.split('id="like"')[1].split(">")[0]

"""Merging on screen: proposed by who serves, decided by the branch manager, taken back in one step."""

import re

import pytest
from sqlalchemy import select

from branch_node.customers.models import Customer
from branch_node.identity.models import CustomerMerge, MergeState
from branch_node.identity.queries import survivor_of
from shared.rights.vocabulary import StaffKind


@pytest.fixture
def two(rows):
    return (
        rows.customer(customer_no="K1", name="王小明", mobile="13800138000"),
        rows.customer(customer_no="K2", name="王晓明", mobile="13911112222", address="文三路1号"),
    )


def the_merge(sessions):
    with sessions() as session:
        return session.scalars(select(CustomerMerge)).one()


@pytest.fixture
def second(make_user, sign_in):
    """Another branch manager: nobody decides on what they proposed."""
    make_user("second", StaffKind.BRANCH_MANAGER, None)
    return sign_in("second")


def propose(browser, two, **chosen):
    taken = {f"take-{name}": value for name, value in chosen.items()}
    return browser.send("/merges", into=two[0], other=two[1], **taken)


def test_what_only_the_other_file_knows_is_marked_and_every_difference_can_be_chosen(browser, two):
    page = browser.get("/merges/new", query_string={"into": two[0], "other": two[1]}).text

    boxes = dict(re.findall(r'name="take-(\w+)" value="(\w+)"[^>]* checked', page))
    assert boxes == {"name": "own", "mobile": "own", "address": "other"}


def test_a_merge_is_proposed_shown_approved_and_taken_back(browser, second, two, sessions, rows):
    rows.bill_line(two[1])
    shown = propose(browser, two, mobile="other", address="other", name="own").text
    merge = the_merge(sessions)
    assert merge.chosen == ["mobile", "address"]
    assert "Bill lines: they stay as they are" in shown
    assert "13911112222" in shown

    own = browser.get(f"/merges/{merge.id}").text
    assert all(f'href="/customers/{each}"' in own for each in two)  # whoever decides can open both
    assert "another branch manager decides" in own
    assert browser.send(f"/merges/{merge.id}/approve").status_code == 403
    second.send(f"/merges/{merge.id}/approve")
    with sessions() as session:
        kept = session.get(Customer, two[0])
        assert (kept.mobile, kept.address, kept.name) == ("13911112222", "文三路1号", "王小明")

    page = browser.send(f"/merges/{merge.id}/take-back").text
    assert "The two files are two customers again, as they were." in page
    with sessions() as session:
        assert session.get(Customer, two[0]).mobile == "13800138000"
        assert survivor_of(session, two[1]) is None


def test_the_page_of_a_merged_file_leads_to_the_one_that_stays_and_says_so(browser, second, two, sessions):
    propose(browser, two)
    second.send(f"/merges/{the_merge(sessions).id}/approve")

    page = browser.get(f"/customers/{two[1]}", follow_redirects=True)
    assert page.request.path == f"/customers/{two[0]}"
    assert "K2 was merged into K1" in page.text


def test_the_customer_who_stays_has_the_money_and_the_story_of_both(browser, second, two, sessions, rows):
    manager = rows.manager()
    rows.bill_line(two[0], amount_minor=10_001, bill_no="OWN-1")
    rows.bill_line(two[1], amount_minor=205, bill_no="OTHER-1")
    rows.work_log(manager, customer_id=two[1], text="在另一份档案里谈的")
    propose(browser, two)
    assert "OTHER-1" not in browser.get(f"/customers/{two[0]}/money").text
    second.send(f"/merges/{the_merge(sessions).id}/approve")

    money = browser.get(f"/customers/{two[0]}/money").text
    assert "OWN-1" in money
    assert "OTHER-1" in money
    assert "102.06" in money
    assert "在另一份档案里谈的" in browser.get(f"/customers/{two[0]}").text


def test_who_serves_proposes_and_only_the_branch_manager_decides(browser, rows, sessions, make_user, sign_in):
    mine = rows.manager()
    two = [rows.customer(manager_id=mine), rows.customer(manager_id=mine)]
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    li = sign_in("li")
    propose(li, two)
    merge = the_merge(sessions)

    for act in ("approve", "refuse", "take-back"):
        assert li.send(f"/merges/{merge.id}/{act}").status_code == 403
    assert the_merge(sessions).state is MergeState.PROPOSED
    assert "C00001" in browser.get("/merges").text or merge.id in browser.get("/merges").text

    browser.send(f"/merges/{merge.id}/refuse")
    assert the_merge(sessions).state is MergeState.REFUSED


def test_nobody_proposes_a_merge_with_a_file_they_do_not_see(rows, sessions, make_user, sign_in):
    mine, other = rows.manager(), rows.manager()
    two = [rows.customer(manager_id=mine), rows.customer(manager_id=other)]
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)

    assert propose(sign_in("li"), two).status_code == 404
    with sessions() as session:
        assert session.scalars(select(CustomerMerge)).all() == []

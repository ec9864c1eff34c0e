"""The pages of the archives, as a branch manager, an account manager and somebody at the desk see them."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from branch_node.archive.models import ArchiveEntry, ArchiveUnlock
from branch_node.customers.models import Customer
from shared.audit.models import AuditEntry
from shared.auth.models import User
from shared.domain.contacts.vocabulary import Channel
from shared.domain.customers.vocabulary import (
    CustomerKind,
    Grade,
    LifecycleStage,
    ParentKind,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.rights.vocabulary import Duty, StaffKind
from shared.twoperson.models import ProposedAct
from tests.support.branch import NOON


def _only(sessions, model):
    with sessions() as session:
        return session.scalars(select(model)).one()


def _save(browser, sessions, customer_id, **values):
    with sessions() as session:
        customer = session.get_one(Customer, customer_id)
        known = {
            "customer_no": customer.customer_no,
            "kind": customer.kind.value,
            "name": customer.name,
            "status": customer.status.value,
            "seen_at": customer.updated_at.isoformat(),
        }
    return browser.send(f"/customers/{customer_id}", **{**known, **values})


def test_a_keeper_and_a_branch_manager_unlock_and_the_keeper_adds_a_note(
    sessions, rows, browser, make_user, sign_in
):
    manager_id = rows.manager()
    customer_id = rows.customer(name="李明", manager_id=manager_id)
    make_user("keeper", StaffKind.ACCOUNT_MANAGER, manager_id, duties=[Duty.ARCHIVE_KEEPER])
    keeper = sign_in("keeper")

    assert keeper.send(f"/archive/customers/{customer_id}", reason="contract ended").status_code == 200
    entry = _only(sessions, ArchiveEntry)
    assert keeper.send(f"/archive/{entry.id}/notes", text="too early").status_code == 409
    assert keeper.send(f"/archive/{entry.id}/unlock", reason="a page is missing").status_code == 200
    act = _only(sessions, ProposedAct)
    assert keeper.send(f"/two-person/{act.id}/approval", digest=act.digest).status_code == 403
    assert browser.send(f"/two-person/{act.id}/approval", digest=act.digest).status_code == 200
    assert keeper.send(f"/archive/{entry.id}/notes", text="第二页补上").status_code == 200

    page = keeper.get(f"/archive/{entry.id}").text
    assert "第二页补上" in page
    assert "李明" in page
    assert "keeper asked, wang approved" in page
    assert "李明" in keeper.get("/archive").text


def test_a_manager_who_alone_keeps_the_archive_is_told_how_a_second_person_comes_and_then_it_is_unlocked(
    sessions, rows, make_user, sign_in
):
    manager_id = rows.manager()
    customer_id = rows.customer(name="李明", manager_id=manager_id)
    make_user("boss", StaffKind.BRANCH_MANAGER, duties=[Duty.ARCHIVE_KEEPER])
    clerk_id = make_user("clerk", StaffKind.ACCOUNT_MANAGER, manager_id)
    boss = sign_in("boss")
    boss.send(f"/archive/customers/{customer_id}", reason="contract ended")
    entry = _only(sessions, ArchiveEntry)

    page = boss.get(f"/archive/{entry.id}").text
    assert "nobody but you may approve it here" in page
    assert "Give the duty of archive keeper to the account manager" in page
    assert f"/archive/{entry.id}/unlock" not in page

    # the cure as it is told
    boss.send(
        f"/people/{clerk_id}/rights",
        data_range="self",
        duties=Duty.ARCHIVE_KEEPER.value,
        reason="second person",
    )
    clerk = sign_in("clerk")
    assert "one of these approves: 王芳" in clerk.get(f"/archive/{entry.id}").text
    clerk.send(f"/archive/{entry.id}/unlock", reason="a page is missing")
    act = _only(sessions, ProposedAct)
    boss.send(f"/two-person/{act.id}/approval", digest=act.digest)
    unlock = _only(sessions, ArchiveUnlock)
    assert (unlock.entry_id, unlock.asked_by, unlock.approved_by) == (entry.id, "clerk", "boss")
    assert "nobody but you" not in boss.get(f"/archive/{entry.id}").text


def test_a_keeper_where_no_branch_manager_may_sign_in_is_told_whom_to_ask(
    sessions, rows, database, make_user, sign_in
):
    manager_id = rows.manager()
    customer_id = rows.customer(name="李明", manager_id=manager_id)
    make_user("keeper", StaffKind.ACCOUNT_MANAGER, manager_id, duties=[Duty.ARCHIVE_KEEPER])
    boss_id = make_user("boss")
    keeper = sign_in("keeper")
    keeper.send(f"/archive/customers/{customer_id}", reason="contract ended")
    entry = _only(sessions, ArchiveEntry)
    assert f"/archive/{entry.id}/unlock" in keeper.get(f"/archive/{entry.id}").text

    with database.sessions.begin() as session:
        session.get_one(User, boss_id).disabled_at = NOON

    page = keeper.get(f"/archive/{entry.id}").text
    assert "no branch manager may sign in here at present. Ask the administrator" in page
    assert f"/archive/{entry.id}/unlock" not in page


def test_a_branch_manager_who_is_no_keeper_reads_and_puts_away_but_does_not_ask_to_unlock(
    sessions, rows, browser
):
    customer_id = rows.customer(name="李明")
    assert browser.send(f"/archive/customers/{customer_id}", reason="contract ended").status_code == 200
    entry = _only(sessions, ArchiveEntry)

    page = browser.get(f"/archive/{entry.id}")
    assert page.status_code == 200
    assert "Ask to unlock it" not in page.text
    assert browser.send(f"/archive/{entry.id}/unlock", reason="a page is missing").status_code == 403


def test_an_account_manager_sees_the_files_of_their_own_customers_only(
    sessions, rows, browser, make_user, sign_in
):
    mine, others = rows.manager(), rows.manager()
    own = rows.customer(name="李明", manager_id=mine)
    foreign = rows.customer(name="王芳菲", manager_id=others)
    for customer_id in (own, foreign):
        browser.send(f"/archive/customers/{customer_id}", reason="contract ended")
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)
    seen = sign_in("li")

    page = seen.get("/archive").text
    assert "李明" in page
    assert "王芳菲" not in page
    with sessions() as session:
        entry = session.scalars(select(ArchiveEntry.id).where(ArchiveEntry.customer_id == foreign)).one()
    assert seen.get(f"/archive/{entry}").status_code == 404
    assert seen.get(f"/customers/{foreign}/history").status_code == 404


def test_an_administrator_sees_nothing_of_the_archive(rows, browser, administrator, sessions):
    customer_id = rows.customer()
    browser.send(f"/archive/customers/{customer_id}", reason="contract ended")

    assert administrator.get("/archive").status_code == 403
    assert administrator.get(f"/archive/{_only(sessions, ArchiveEntry).id}").status_code == 403


def test_a_reason_is_asked_for_before_a_file_is_put_away(rows, browser):
    customer_id = rows.customer()

    assert browser.get(f"/archive/customers/{customer_id}/new").status_code == 200
    refused = browser.send(f"/archive/customers/{customer_id}", reason=" ")
    assert refused.status_code == 400
    assert "Please say why" in refused.text


def test_the_history_says_which_value_a_field_had_since_when_and_brings_a_version_back(
    sessions, rows, browser
):
    customer_id = rows.customer(name="李明", phone="0571-88880000")
    assert _save(browser, sessions, customer_id, phone="0571-99990000").status_code == 200
    assert _save(browser, sessions, customer_id, name="李小明", phone="0571-99990000").status_code == 200

    page = browser.get(f"/customers/{customer_id}/history").text
    assert "0571-88880000" in page
    assert "version 3" in page
    second = browser.get(f"/customers/{customer_id}/history/2?with=1").text
    assert "0571-88880000" in second
    assert "0571-99990000" in second
    assert browser.get(f"/customers/{customer_id}/history/9").status_code == 404
    assert "version 3" in browser.get(f"/customers/{customer_id}/history?day=2026-03-18").text
    assert (
        "no file of this customer yet" in browser.get(f"/customers/{customer_id}/history?day=2020-01-01").text
    )

    seen_at = _only(sessions, Customer).updated_at.isoformat()
    back = browser.send(f"/customers/{customer_id}/history/1/restoration", seen_at=seen_at)
    assert back.status_code == 200
    customer = _only(sessions, Customer)
    assert (customer.name, customer.phone) == ("李明", "0571-88880000")


def test_a_version_that_differs_in_nothing_writes_no_entry_and_says_so(sessions, rows, browser):
    customer_id = rows.customer(name="李明", phone="0571-88880000")
    assert _save(browser, sessions, customer_id, phone="0571-99990000").status_code == 200
    seen = _only(sessions, Customer).updated_at

    def told():
        with sessions() as session:
            return list(session.scalars(select(AuditEntry.event).where(AuditEntry.subject_id == customer_id)))

    before = told()
    same = browser.send(f"/customers/{customer_id}/history/2/restoration", seen_at=seen.isoformat())

    assert "Nothing differed; nothing was changed." in same.text
    assert [one for one in told() if one != "customer.viewed"] == [
        one for one in before if one != "customer.viewed"
    ]
    assert _only(sessions, Customer).updated_at == seen
    back = browser.send(f"/customers/{customer_id}/history/1/restoration", seen_at=seen.isoformat())
    assert "Brought back: Phone." in back.text
    assert "customer.restored" in told()


def test_a_version_that_the_form_would_refuse_is_not_brought_back(sessions, rows, browser):
    customer_id = rows.customer(name="李明", mobile="12")
    assert _save(browser, sessions, customer_id, mobile="13800000001").status_code == 200
    seen_at = _only(sessions, Customer).updated_at.isoformat()

    refused = browser.send(f"/customers/{customer_id}/history/1/restoration", seen_at=seen_at)

    assert refused.status_code == 400
    assert "Mobile: This is not a mobile number" in refused.text
    assert _only(sessions, Customer).mobile == "13800000001"


def test_somebody_else_s_change_is_not_overwritten_by_a_version(sessions, rows, browser):
    customer_id = rows.customer(name="李明", phone="0571-88880000")
    seen_at = _only(sessions, Customer).updated_at.isoformat()
    _save(browser, sessions, customer_id, phone="0571-99990000", remark="moved")
    with sessions.begin() as session:
        session.get_one(Customer, customer_id).updated_at = session.get_one(
            Customer, customer_id
        ).updated_at.replace(minute=59)

    refused = browser.send(f"/customers/{customer_id}/history/1/restoration", seen_at=seen_at)

    assert refused.status_code == 409
    assert _only(sessions, Customer).phone == "0571-99990000"


def test_files_that_lack_much_are_listed_with_what_is_missing(rows, browser):
    rows.customer(name="李明")
    manager_id = rows.manager()
    rows.customer(
        name="张全",
        id_no="11010519491231002X",
        mobile="13800000001",
        region_code="330106",
        address="文三路",
        grade=Grade.A,
        opened_on=None,
        manager_id=manager_id,
        preferred_channel=PreferredChannel.PHONE,
    )

    page = browser.get("/completeness").text
    assert "李明" in page
    assert "张全" not in page
    assert "Document number" in page
    assert "张全" in browser.get("/completeness?below=100").text
    assert "李明" not in browser.get(f"/completeness?below=100&manager={manager_id}").text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            (
                ServiceLevel.DEDICATED.label,
                ValueTier.HIGH.label,
                LifecycleStage.LOST.label,
                ParentKind.MEMBER.label,
            ),
        ),
        (
            "zh_CN",
            [
                one.chinese
                for one in (ServiceLevel.DEDICATED, ValueTier.HIGH, LifecycleStage.LOST, ParentKind.MEMBER)
            ],
        ),
    ],
)
def test_history_and_a_compared_version_say_words_for_codes_and_name_the_group_above(
    sessions, rows, browser, language, words
):
    group = rows.customer(name="华东集团", customer_no="G-77", kind=CustomerKind.GROUP)
    customer_id = rows.customer(name="李明")
    with sessions.begin() as session:
        customer = session.get_one(Customer, customer_id)
        customer.service_level, customer.value_tier = ServiceLevel.DEDICATED, ValueTier.HIGH
        customer.lifecycle_stage, customer.parent_kind = LifecycleStage.LOST, ParentKind.MEMBER
        customer.parent_id, customer.do_not_contact = group, [Channel.PHONE]
        customer.preferred_channel = PreferredChannel.WECHAT
    browser.send("/account/language", language=language)

    for page in ("history", "history/2?with=1"):
        text = browser.get(f"/customers/{customer_id}/{page}").text
        assert "华东集团 G-77" in text
        assert group not in text
        channels = (Channel.PHONE, PreferredChannel.WECHAT)
        told = [one.chinese if language == "zh_CN" else one.label for one in channels]
        for word in (*words, *told):
            assert f">{word}<" in text, word


def test_of_a_group_one_does_not_see_no_name_is_said_in_the_history(
    sessions, rows, browser, make_user, sign_in
):
    mine = rows.manager()
    group = rows.customer(name="华东集团", kind=CustomerKind.GROUP, manager_id=rows.manager())
    customer_id = rows.customer(name="李明", manager_id=mine)
    with sessions.begin() as session:
        customer = session.get_one(Customer, customer_id)
        customer.parent_id, customer.parent_kind = group, ParentKind.MEMBER
    make_user("li", StaffKind.ACCOUNT_MANAGER, mine)

    page = sign_in("li").get(f"/customers/{customer_id}/history").text

    assert "a customer you do not see" in page
    assert "华东集团" not in page
    assert group not in page
    assert "华东集团" in browser.get(f"/customers/{customer_id}/history").text


def test_days_in_a_file_put_away_are_those_of_the_branch(sessions, rows, make_user, sign_in, clock):
    customer_id = rows.customer(name="李明")
    clock.set(datetime(2026, 3, 18, 16, 30, tzinfo=UTC))  # half past midnight of the 19th in Shanghai
    make_user("wang")
    browser = sign_in("wang")
    _save(browser, sessions, customer_id, phone="0571-88880000")
    browser.send(f"/archive/customers/{customer_id}", reason="contract ended")

    page = browser.get(f"/archive/{_only(sessions, ArchiveEntry).id}").text

    assert '<div class="timeline-at">2026-03-19</div>' in page

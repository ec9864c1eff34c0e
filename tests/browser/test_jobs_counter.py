"""The usual jobs of a service clerk and of an account manager, from sign-in to what is stored afterwards."""

from datetime import date

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from branch_node.customers.models import Customer, Serving
from branch_node.managers.models import Manager
from branch_node.worklogs.models import WorkLog
from shared.audit.models import AuditEntry
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    MoveOf,
    PreferredChannel,
    ValueTier,
)
from shared.domain.worklogs.vocabulary import WorkLogKind
from tests.browser.hands import choose, enter, follow, press, push_button, reach

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(600)]
LONG_AGO = date(2020, 5, 6)
# What the operation log keeps of a call, in this order.
TELLING = ("customer.served", "customer.changed", "customer.serving-ended")


@pytest.fixture
def caller(kept_at) -> Customer:
    """A customer of B001 who may be called, is not being served, and whose number nobody else has."""
    once = select(Customer.mobile).group_by(Customer.mobile).having(func.count() == 1)
    wanted = select(Customer).where(
        Customer.mobile.in_(once),
        Customer.kind == CustomerKind.INDIVIDUAL,
        Customer.status == CustomerStatus.ACTIVE,
        Customer.manager_id.is_not(None),
        Customer.preferred_channel != PreferredChannel.NONE,
        Customer.id.not_in(select(Serving.customer_id)),
    )
    with kept_at("B001") as session:
        found: Customer = session.scalars(wanted.order_by(Customer.customer_no.desc()).limit(1)).one()
    return found


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh_CN", {"profile": "资料", "correct": "在此更正: 手机"}),
        (
            "en",
            {"profile": "Profile", "correct": "Correct this: Mobile"},
        ),
    ],
)
def test_a_service_clerk_opens_a_callers_file_corrects_the_phone_in_place_and_closes_it_again(
    language, words, open_window, user_of, kept_at, caller
):
    clerk = user_of("B001", "service")
    window = open_window("B001", clerk)
    window.speak(language)
    page = window.page
    number = str(caller.mobile)
    mended = number[:-4] + f"{(int(number[-4:]) + 7) % 10_000:04}"

    # the desk waits for the number: typed while the caller says it
    page.keyboard.type(number)
    press(page, "Enter")
    choose(page, channel="phone")
    enter(page, reason="来电更正手机号")
    press(page, "Enter")

    # from now on the last four digits find the file
    page.keyboard.press("/")
    page.keyboard.type(number[-4:])
    expect(page.locator("#offers [role=option]", has_text=caller.name)).to_be_visible()
    press(page, "ArrowDown", "Enter")
    expect(page.locator("h1")).to_have_text(caller.name)

    # the phone is corrected where it stands
    follow(page, words["profile"])
    correct = page.get_by_role("link", name=words["correct"])
    reach(page, correct)
    # Escape gives it up, Enter saves it; either way one goes on from where one was
    for typed, key, stands in (("12", "Escape", number), (mended, "Enter", mended)):
        page.keyboard.press("Enter")
        expect(page.locator("#f-mobile")).to_be_focused()
        page.keyboard.press("ControlOrMeta+a")
        # As fast as people type: what came in place takes keys by then.
        page.keyboard.type(typed, delay=100)
        page.keyboard.press(key)
        expect(page.locator("#fact-mobile dd")).to_have_text(stands)
        expect(correct).to_be_focused()
    expect(page.locator("#customer-head")).to_contain_text(mended)

    # the caller has hung up: the file closes again
    window.open("/service-desk")
    reach(page, page.locator("tr", has_text=caller.customer_no).locator("form[action$='/end'] button"))
    press(page, "Enter")
    window.open(f"/search?q={number[-4:]}")
    expect(page.locator("main tr", has_text=caller.name)).to_have_count(0)

    with kept_at("B001") as session:
        stored = session.get_one(Customer, caller.id)
        about = AuditEntry.subject_id == caller.id, AuditEntry.actor == clerk.username
        told = session.scalars(select(AuditEntry.event).where(*about).order_by(AuditEntry.seq)).all()
    assert (stored.mobile, stored.updated_by) == (mended, clerk.username)
    assert [event for event in told if event in TELLING] == list(TELLING)


def test_an_account_manager_logs_the_visits_due_one_after_the_other_from_my_day(
    open_window, user_of, kept_at
):
    user = user_of("B002", "account_manager")
    window = open_window("B002", user)
    page = window.page
    for number, name, mobile in (("V-1", "沙千里", "14700880011"), ("V-2", "车晓东", "14700880012")):
        register(page, number, name, mobile, opened_on=LONG_AGO.strftime("%m%d%Y"))
        follow(page, "集团与关怀")
        choose(page, to=f"{MoveOf.TIER.value}:{ValueTier.HIGH.value}")
        enter(page, reason="新客户定级")
        press(page, "Enter")

    # my day: the first of the list is marked, its log is one step away, and my day comes back
    window.open("/")
    visited = []
    for text in ("上门介绍服务内容", "上门送达合同"):
        page.keyboard.press("j")
        visited.append(page.locator("li.marked a").first.inner_text())
        press(page, "Tab", "Enter")
        expect(page.locator("[name=text]")).to_be_focused()
        page.keyboard.type(text)
        press(page, "Tab", "Enter")
        expect(page.locator("h1")).to_contain_text("我的一天")
        expect(page.get_by_text(text)).to_be_visible()

    assert sorted(visited) == ["沙千里", "车晓东"]
    with kept_at("B002") as session:
        mine = session.scalars(select(Manager.id).where(Manager.name == user.name)).one()
        logs = session.execute(
            select(WorkLog.kind, WorkLog.manager_id, WorkLog.text)
            .join(Customer, Customer.id == WorkLog.customer_id)
            .where(Customer.customer_no.in_(("V-1", "V-2")))
            .order_by(WorkLog.entered_at)
        ).all()
    assert [tuple(log) for log in logs] == [
        (WorkLogKind.VISIT, mine, "上门介绍服务内容"),
        (WorkLogKind.VISIT, mine, "上门送达合同"),
    ]


def test_an_account_manager_heeds_the_hint_that_a_customer_is_here_already_and_registers_only_who_is_new(
    open_window, user_of, kept_at
):
    user = user_of("B003", "account_manager")
    window = open_window("B003", user)
    page = window.page
    with kept_at("B003") as session:
        mine = session.scalars(select(Manager.id).where(Manager.name == user.name)).one()
        known = session.scalars(
            select(Customer).where(
                Customer.manager_id == mine,
                Customer.mobile.is_not(None),
                Customer.kind == CustomerKind.INDIVIDUAL,
            )
        ).all()[0]
        before = session.scalar(select(func.count()).select_from(Customer))

    # somebody who is here: the hint appears when the number is typed, and leads to the file
    window.open("/customers")
    press(page, "n")
    enter(page, customer_no="N-1", name=known.name, mobile=str(known.mobile))
    page.keyboard.press("Tab")
    hint = page.locator("#like").get_by_role("link", name=known.customer_no)
    expect(hint).to_be_visible()
    reach(page, hint)
    # an answer that comes late draws the hint again: the link keeps the focus
    with page.expect_response(lambda answer: "/like" in answer.url) as late:
        page.locator("main [name=name]").dispatch_event("change")
    late.value.finished()
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    expect(hint).to_be_focused()
    press(page, "Enter")
    expect(page.locator("h1")).to_have_text(known.name)

    # somebody who is not
    register(page, "N-2", "咸明朗", "14700880021")
    expect(page.locator("h1")).to_have_text("咸明朗")

    with kept_at("B003") as session:
        after = session.scalar(select(func.count()).select_from(Customer))
        made = session.scalars(select(Customer).where(Customer.customer_no == "N-2")).one()
        others = session.scalars(select(Customer).where(Customer.mobile == known.mobile)).all()
    assert after == before + 1
    assert (made.name, made.mobile, made.manager_id) == ("咸明朗", "14700880021", mine)
    assert [one.id for one in others] == [known.id]


def register(page: Page, number: str, name: str, mobile: str, **more: str) -> None:
    """Register an individual by the form, which the list of customers opens by its key."""
    page.goto(page.url.partition("//")[0] + "//" + page.url.split("/")[2] + "/customers")
    press(page, "n")
    enter(page, customer_no=number, name=name)
    choose(page, kind="individual", status="active")
    enter(page, mobile=mobile, **more)
    push_button(page, "登记")

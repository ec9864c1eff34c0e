import io
import re
from datetime import date

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from branch_node.customers import elsewhere
from branch_node.customers.changing import form_values
from branch_node.customers.models import Customer
from shared.audit.models import AuditEntry
from shared.db.base import instant_text
from shared.domain.customers.vocabulary import (
    CustomerKind,
    CustomerStatus,
    Grade,
    LifecycleStage,
    PreferredChannel,
    ServiceLevel,
    ValueTier,
)
from shared.rights.vocabulary import StaffKind
from shared.stamp import Stamp, Via
from tests.support.branch import NOON

FORM = {"customer_no": "K1", "kind": "individual", "name": "张伟", "status": "active"}


def stored(sessions):
    with sessions() as session:
        return session.scalars(select(Customer)).all()


def hidden(page, name):
    return re.findall(rf'name="{name}" value="([^"]*)"', page)[0]


def test_a_clerk_registers_a_customer_and_lands_on_the_customers_page(browser, sessions, rows):
    manager = rows.manager(name="王芳")
    page = browser.send(
        "/customers",
        **FORM,
        mobile="+86 138 1234 5678",
        id_type="id_card",
        id_no="11010519491231002x",
        region_code="杭州市",
        tags="vip，老客户; vip",
        manager_id=manager,
        opened_on="2026-03-01",
        grade="A",
    )

    [customer] = stored(sessions)
    assert page.status_code == 200
    assert "张伟 is registered." in page.text
    assert (customer.mobile, customer.id_no, customer.region_code) == (
        "13812345678",
        "11010519491231002X",
        "330100",
    )
    assert (customer.tags, customer.grade, customer.opened_on) == (
        ["vip", "老客户"],
        Grade.A,
        date(2026, 3, 1),
    )
    assert (customer.manager_id, customer.created_by, customer.updated_at) == (manager, "wang", NOON)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", " ", "Please fill this in."),
        ("kind", "alien", "Please choose one of the list."),
        ("mobile", "12345", "This is not a mobile number"),
        ("phone", "1", "This is not a telephone number"),
        ("email", "nobody", "This is not an e-mail address."),
        ("region_code", "999999", "There is no region with this code"),
        ("region_code", "朝阳区", "Several regions are called so"),
        ("region_code", "亚特兰蒂斯", "There is no region of this name"),
        ("opened_on", "tomorrow", "Please give a day as 2026-03-09."),
        ("id_no", "110105194912310021", "Say which document this number is of."),
        ("id_type", "business_licence", "A business licence is an organisation"),
        ("tags", "x" * 31, "At most 20 tags of 30 characters each."),
        ("remark", "a\x00b", "This holds characters that cannot be shown."),
        ("customer_no", "x" * 41, "This is too long."),
        ("manager_id", "nobody", "Please choose one of the list."),
        ("manager_id", "01890000-0000-7000-8000-000000000000", "There is no such account manager here."),
    ],
)
def test_what_cannot_be_right_is_said_beside_its_field_and_nothing_is_saved(
    browser, sessions, field, value, sentence
):
    page = browser.send("/customers", **{**FORM, field: value})

    assert page.status_code in {400, 404}
    assert sentence in page.text
    assert stored(sessions) == []


@pytest.mark.parametrize("document", ["id_card", "passport"])
def test_a_group_has_no_paper_of_one_person_and_an_old_one_hinders_no_other_change(
    browser, sessions, rows, document
):
    customer = rows.customer(kind=CustomerKind.GROUP, id_type=document, grade=None)
    address = f"/customers/{customer}/edit"

    page = browser.send("/customers", **{**FORM, "kind": "group", "id_type": document})
    assert page.status_code == 400
    assert "This is the paper of one person" in page.text
    assert len(stored(sessions)) == 1

    assert browser.get(address).status_code == 200
    with sessions() as session:
        one = session.get_one(Customer, customer)
        given, seen_at = form_values(one), instant_text(one.updated_at)
    kept = browser.send(f"/customers/{customer}", **{**given, "seen_at": seen_at, "remark": "新"})
    assert kept.status_code == 200
    turned = rows.customer(id_type=document)
    with sessions() as session:
        one = session.get_one(Customer, turned)
        given, seen_at = form_values(one), instant_text(one.updated_at)
    refused = browser.send(f"/customers/{turned}", **{**given, "seen_at": seen_at, "kind": "group"})
    assert refused.status_code == 400
    with sessions() as session:
        assert session.get_one(Customer, customer).remark == "新"
        assert session.get_one(Customer, turned).kind is CustomerKind.INDIVIDUAL


def test_a_wrong_check_digit_is_refused_in_the_readers_language(browser, sessions):
    browser.send("/account/language", language="zh_CN")

    page = browser.send("/customers", **FORM, id_type="id_card", id_no="110105194912310021")

    assert page.status_code == 400
    assert "身份证号码有误" in page.text
    assert 'value="张伟"' in page.text
    assert stored(sessions) == []


def test_a_customer_we_may_know_is_pointed_out_once_and_can_be_registered_all_the_same(
    browser, sessions, rows
):
    rows.customer(customer_no="OLD", name="章伟", mobile="13812345678")

    warned = browser.send("/customers", **FORM, mobile="13812345678")
    assert "We may know this customer already" in warned.text
    assert "OLD 章伟" in warned.text
    assert len(stored(sessions)) == 1

    browser.send("/customers", **FORM, mobile="13812345678", known=hidden(warned.text, "known"))
    assert len(stored(sessions)) == 2


@pytest.fixture
def li(rows, make_user, sign_in):
    """The browser of an account manager."""
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager(name="李强"))
    return sign_in("li")


def test_the_number_that_is_suggested_is_free_among_the_customers_of_others_too(li, rows, sessions):
    stem = f"N{NOON:%y%m%d}-"
    rows.customer(customer_no=f"{stem}001", manager_id=rows.manager())

    suggested = re.findall(r'name="customer_no"[^>]* value="([^"]*)"', li.get("/customers/new").text)
    assert suggested == [f"{stem}002"]
    assert "is registered" in li.send("/customers", **FORM | {"customer_no": suggested[0]}).text


def test_a_number_that_a_customer_out_of_sight_has_is_refused_without_a_name_and_nothing_typed_is_lost(
    li, rows, sessions
):
    rows.customer(customer_no="K1", name="李雷", manager_id=rows.manager(name="汪清"))

    page = li.send("/customers", **FORM, remark="只在早上打电话", address="文三路1号")

    assert page.status_code == 409
    assert "Another customer of this branch, whom you do not see, has the number K1." in page.text
    assert "只在早上打电话" in page.text
    assert "文三路1号" in page.text
    assert "李雷" not in page.text
    assert "汪清" not in page.text
    assert [customer.name for customer in stored(sessions)] == ["李雷"]


def test_a_customer_is_not_changed_to_a_number_that_one_out_of_sight_has(li, rows, sessions):
    rows.customer(customer_no="K1", name="李雷", manager_id=rows.manager())
    li.send("/customers", **FORM | {"customer_no": "K2"})
    mine = next(one for one in stored(sessions) if one.customer_no == "K2")

    page = li.send(
        f"/customers/{mine.id}", **FORM, seen_at=instant_text(mine.updated_at), remark="只在早上打电话"
    )

    assert page.status_code == 409
    assert "has the number K1" in page.text
    assert "只在早上打电话" in page.text
    assert sorted((one.customer_no, one.remark) for one in stored(sessions)) == [("K1", None), ("K2", None)]


@pytest.mark.parametrize("known_by", [{"mobile": "13812345678"}, {"id_no": "11010519491231002X"}])
def test_a_customer_of_somebody_elses_with_the_same_number_is_told_of_masked_before_saving_and_nothing_typed_is_lost(
    li, rows, sessions, known_by
):
    theirs = rows.customer(customer_no="OLD", name="章伟", manager_id=rows.manager(name="汪清"), **known_by)

    given = {**FORM, **known_by, **({"id_type": "id_card"} if "id_no" in known_by else {})}
    warned = li.send("/customers", **given, remark="只在早上打电话")
    assert "exists already, served by 汪*." in warned.text
    assert "Register all the same" in warned.text
    assert "只在早上打电话" in warned.text
    for kept in ("OLD", "章伟", "汪清", theirs):
        assert kept not in warned.text
    assert len(stored(sessions)) == 1
    with sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == elsewhere.EVENT)).one()
    assert (entry.actor, entry.subject_id) == ("li", theirs)

    li.send("/customers", **given, known=hidden(warned.text, "known"))
    assert len(stored(sessions)) == 2


def test_a_number_that_is_taken_is_said_beside_the_number(browser, sessions, rows):
    rows.customer(customer_no="K1", name="李雷")

    page = browser.send("/customers", **FORM)

    assert page.status_code == 409
    assert "李雷 already has the customer number K1." in page.text
    assert [customer.name for customer in stored(sessions)] == ["李雷"]


def test_a_change_is_saved_and_shows_in_the_profile_with_who_did_it(browser, sessions, rows):
    customer_id = rows.customer(name="张伟", grade=Grade.B)
    form = browser.get(f"/customers/{customer_id}/edit")

    browser.send(
        f"/customers/{customer_id}",
        seen_at=hidden(form.text, "seen_at"),
        name="张玮",
        grade="A",
        status="active",
    )

    [customer] = stored(sessions)
    profile = browser.get(f"/customers/{customer_id}/profile").text
    assert (customer.name, customer.grade, customer.updated_by) == ("张玮", Grade.A, "wang")
    assert "Name: 张伟 → <b>张玮</b>" in profile
    assert "Grade: Grade B → <b>Grade A</b>" in profile


def test_saving_over_somebody_elses_change_is_refused_shows_both_and_then_can_be_saved(
    browser, sessions, rows
):
    customer_id = rows.customer(name="张伟")
    form = browser.get(f"/customers/{customer_id}/edit")
    with sessions.begin() as session:
        customer = session.get(Customer, customer_id)
        customer.mobile = "13900000000"
        customer.touch(Stamp(NOON.replace(hour=5), "li", Via.WEB))

    refused = browser.send(
        f"/customers/{customer_id}", seen_at=hidden(form.text, "seen_at"), name="张玮", mobile=""
    )
    assert refused.status_code == 409
    assert "li changed this customer meanwhile" in refused.text
    assert "13900000000" in refused.text
    assert stored(sessions)[0].name == "张伟"

    browser.send(
        f"/customers/{customer_id}",
        seen_at=hidden(refused.text, "seen_at"),
        name="张玮",
        mobile="13900000000",
    )
    assert (stored(sessions)[0].name, stored(sessions)[0].mobile) == ("张玮", "13900000000")


def test_a_share_that_was_refused_keeps_what_was_chosen(browser, rows):
    other, customer_id = rows.manager(), rows.customer(manager_id=rows.manager())
    page = browser.send(f"/customers/{customer_id}/shares", manager_id=other, until="2020-01-01").text

    assert "a day that is not over" in page
    assert f'value="{other}" selected' in page
    assert 'name="until" type="date" value="2020-01-01"' in page


def test_all_that_is_wrong_is_told_at_once(browser, sessions):
    given = {"customer_no": "C1", "name": "张三", "kind": "individual", "status": "active"}
    page = browser.send("/customers", **given, mobile="12", id_no="11", email="a b")

    assert set(re.findall(r'id="e-(\w+)"', page.text)) == {"mobile", "email", "id_type"}
    assert stored(sessions) == []


def test_a_mistake_in_the_form_does_not_make_it_rest_on_what_others_saved_since(browser, sessions, rows):
    customer_id = rows.customer(name="张伟")
    form = browser.get(f"/customers/{customer_id}/edit")
    with sessions.begin() as session:
        customer = session.get(Customer, customer_id)
        customer.mobile = "13900000000"
        customer.touch(Stamp(NOON.replace(hour=5), "li", Via.WEB))

    given = {"name": "张玮", "mobile": ""}
    seen_at = hidden(form.text, "seen_at")
    wrong = browser.send(f"/customers/{customer_id}", seen_at=seen_at, email="no mail", **given)
    mended = browser.send(f"/customers/{customer_id}", seen_at=hidden(wrong.text, "seen_at"), **given)

    assert (wrong.status_code, mended.status_code) == (400, 409)
    assert (stored(sessions)[0].name, stored(sessions)[0].mobile) == ("张伟", "13900000000")


def test_what_is_stored_otherwise_is_told_in_words_and_only_of_what_the_form_asks(browser, sessions, rows):
    customer_id = rows.customer(name="张伟", manager_id=rows.manager(name="赵接"))
    form = browser.get(f"/customers/{customer_id}/edit")
    with sessions.begin() as session:
        customer = session.get(Customer, customer_id)
        customer.status, customer.do_not_contact = CustomerStatus.SUSPENDED, ["sms"]
        customer.touch(Stamp(NOON.replace(hour=5), "li", Via.WEB))

    page = browser.send(
        f"/customers/{customer_id}",
        seen_at=hidden(form.text, "seen_at"),
        name="张伟",
        status="active",
        manager_id="",
        channel_list="yes",
    ).text

    told = page.split("What is stored now differs")[1].split("</div>")[0]
    assert [word for word in ("Suspended", "赵接", "Text message") if word not in told] == []
    assert [word for word in ("suspended<", "Mobile", "张伟") if word in told] == []


def test_a_value_that_came_in_wrong_does_not_hinder_other_changes_but_a_new_wrong_one_is_refused(
    browser, sessions, rows
):
    customer_id = rows.customer(name="张伟", mobile="12", email="not mail")
    seen_at = hidden(browser.get(f"/customers/{customer_id}/edit").text, "seen_at")
    given = {"seen_at": seen_at, "name": "张玮", "mobile": "12", "email": "not mail"}

    assert browser.send(f"/customers/{customer_id}", **{**given, "email": "worse mail"}).status_code == 400
    assert browser.send(f"/customers/{customer_id}", **given).status_code == 200
    [customer] = stored(sessions)
    assert (customer.name, customer.mobile, customer.email) == ("张玮", "12", "not mail")


def test_the_list_shows_what_the_filters_in_the_address_name_and_can_lose_each(browser, rows):
    rows.customer(name="张伟", grade=Grade.A, region_code="330106", tags=["vip"])
    rows.customer(name="李雷", status=CustomerStatus.CLOSED)

    page = browser.get("/customers?q=zhangw&grade=A&region=杭州市&tag=vip").text
    assert "张伟" in page
    assert "李雷" not in page
    assert "1 to 1 of 1" in page
    assert "Region: <b>浙江省杭州市</b>" in page
    assert "李雷" in browser.get("/customers?status=closed").text
    assert "No customer matches" in browser.get("/customers?q=nothinglikethis").text


def test_the_list_goes_by_stage_tier_level_and_channel_and_a_bulk_act_and_a_file_with_it(browser, rows):
    best = {
        "lifecycle_stage": LifecycleStage.GROWTH,
        "value_tier": ValueTier.HIGH,
        "service_level": ServiceLevel.PRIORITY,
        "preferred_channel": PreferredChannel.PHONE,
    }
    rows.customer(name="张伟", **best)
    rows.customer(name="李雷", value_tier=ValueTier.LOW)

    for name, code in best.items():
        page = browser.get(f"/customers?{name}={code.value}").text
        assert "张伟" in page
        assert "李雷" not in page
    assert "Value tier: <b>High value</b>" in browser.get("/customers?value_tier=high").text
    assert "With 1 customers" in browser.send("/customers/bulk?value_tier=high", all="yes").text
    lines = browser.take("/customers/export.csv?value_tier=low").data.decode("utf-8-sig").splitlines()
    assert ["李雷" in line for line in lines] == [False, True]


def test_columns_can_be_chosen_and_stay_with_the_filters(browser, rows):
    rows.customer(name="张伟", email="zw@example.com")

    page = browser.get("/customers?columns=email&q=zw").text

    assert "zw@example.com" in page
    assert "Opened on</a>" not in page
    assert "columns=email" in page


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_an_export_holds_what_the_list_shows_and_says_its_filters(browser, rows, kind):
    rows.customer(name="=张伟", grade=Grade.A)
    rows.customer(name="李雷", grade=Grade.B)

    answer = browser.take(f"/customers/export.{kind}?grade=A&columns=grade")

    assert re.search(rf"customers-20260318-.{{9}}\.{kind}", answer.headers["Content-Disposition"])
    if kind == "csv":
        # Behind every row stands the number of the export.
        assert answer.data.decode("utf-8-sig").splitlines()[1].split(",")[1:-1] == ["'=张伟", "Grade A"]
        return
    book = load_workbook(io.BytesIO(answer.data))
    sheet, about = book.worksheets
    assert [cell.value for cell in sheet[1]] == ["Number", "Name", "Grade", "Export no."]
    told = [[cell.value for cell in row][1:-1] for row in sheet.iter_rows(min_row=2)]
    assert told == [["=张伟", "Grade A"]]
    said = {row[0].value: row[1].value for row in about.iter_rows()}
    assert said["Grade"] == "Grade A"
    assert said["As of"] == "2026-03-18 12:00:00"
    assert said["Exported by"] == "王芳 (wang)"


def test_regions_and_known_customers_are_offered_while_typing(browser, rows):
    rows.customer(name="张伟", mobile="13812345678")

    assert "330100 浙江省杭州市" in browser.get("/customers/regions?region_code=杭州").text
    assert "张伟" in browser.get("/customers/similar?mobile=13812345678").text
    assert browser.get("/customers/similar?mobile=13800000000").text.strip() == ""


def test_a_customer_that_is_not_there_says_so_with_a_next_step(browser):
    page = browser.get("/customers/01890000-0000-7000-8000-000000000000")

    assert page.status_code == 404
    assert "There is no such customer here." in page.text


def test_nobody_sees_customers_without_signing_in(app, rows):
    customer_id = rows.customer(name="张伟")

    for path in ("/", "/customers", f"/customers/{customer_id}", "/customers/export.csv", "/search?q=zw"):
        answer = app.test_client().get(path)
        assert answer.status_code in {302, 303}
        assert "/account/sign-in" in answer.headers["Location"]


def test_a_wechat_account_is_entered_in_the_form_and_shows_wherever_the_customer_does(
    browser, sessions, rows
):
    assert 'name="wechat"' in browser.get("/customers/new").text

    browser.send("/customers", **FORM, wechat="wx_zhangwei")

    [customer] = stored(sessions)
    assert customer.wechat == "wx_zhangwei"
    assert "wx_zhangwei" in browser.get(f"/customers/{customer.id}/profile").text
    assert "wx_zhangwei" in browser.get("/customers?columns=wechat").text

"""Tracked units on screen: found by a part of the number, their story, who sees what, and recalls to be called in."""

import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update

from branch_node.customers.models import Customer
from branch_node.units.models import Unit, UnitEvent
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.domain.units.vocabulary import UnitEventKind
from shared.rights.vocabulary import StaffKind
from tests.integration.branch_node.units.test_units import entered, owners, write

FORM = {
    "serial_no": "lsv-aa2181 e2123456",
    "status": "in_use",
    "model": "L5",
    "customer": "K-1",
    "since": "2025-01-01",
}
RECALL: dict[str, Any] = {
    "title": "安全气囊",
    "why": "气囊可能不展开",
    "remedy": "免费更换",
    "from": "2026-01-01",
    "until": None,
    "product": "",
    "model": "L5",
    "made_from": None,
    "made_until": None,
    "serials": [],
}


@pytest.fixture
def mei(make_user, sign_in, people):
    make_user("mei", StaffKind.ACCOUNT_MANAGER, people[0][0])
    return sign_in("mei")


@pytest.fixture
def li(make_user, sign_in, people):
    make_user("li", StaffKind.ACCOUNT_MANAGER, people[1][0])
    return sign_in("li")


def only(sessions, model):
    with sessions() as session:
        return session.scalars(select(model)).one()


def test_a_unit_is_entered_found_by_a_part_of_its_number_and_stands_on_the_customers_page(
    mei, sessions, people
):
    shown = mei.send("/units", **FORM).text
    unit = only(sessions, Unit)
    assert (unit.serial_no, unit.owner_id, unit.created_by) == ("LSVAA2181E2123456", people[0][1], "mei")
    assert "its check digit does not fit" in shown
    assert f"/units/{unit.id}" in mei.get("/units?q=123456").text
    assert "LSVAA2181E2123456" not in mei.get("/units?q=999999").text
    assert "LSVAA2181E2123456" in mei.get(f"/customers/{people[0][1]}/units").text
    assert "LSVAA2181E2123456" in mei.get(f"/customers/{people[0][1]}/timeline?kind=unit").text
    assert "LSVAA2181E2123456" in mei.get("/search?q=2123456").text


def test_a_form_that_does_not_fit_says_so_at_its_field_and_writes_nothing(mei, sessions, people):
    page = mei.send("/units", **{**FORM, "serial_no": " - ", "made_on": "yesterday"})
    assert page.status_code == 400
    assert "Please fill this in." in page.text
    assert "Please give a day as 2026-03-09." in page.text
    for days, said in (
        ({"made_on": "2026-03-09", "sold_on": "2026-03-08"}, "cannot be sold before it was made"),
        ({"sold_on": "2026-03-09", "warranty_until": "2025-03-09"}, "warranty cannot end before"),
    ):
        assert said in mei.send("/units", **{**FORM, **days}).text
    assert "No customer is found by this" in mei.send("/units", **{**FORM, "customer": "K-2"}).text
    with sessions() as session:
        assert session.scalars(select(Unit)).all() == []


def test_a_product_is_chosen_from_head_offices_table_where_there_is_one(browser, publish, sessions, people):
    body = {"codes": [{"code": "CAR", "zh": "轿车", "en": "Car", "withdrawn": False}]}
    publish(ItemKind.CODE_TABLE, CodeTable.UNIT_PRODUCT.value, body)
    assert "Car" in browser.get("/units/new").text
    assert "Please choose one of the list." in browser.send("/units", **FORM, product="BOAT").text
    browser.send("/units", **FORM, product="CAR")
    assert only(sessions, Unit).product == "CAR"


def test_a_repair_is_written_corrected_and_taken_back_and_every_version_stays_readable(mei, sessions, people):
    unit = entered(sessions, people[0][1])
    said = {
        "kind": "repair",
        "happened_on": "2026-02-01",
        "text": "换机油",
        "reading": "12,000",
        "cost_minor": "480.50",
    }
    assert "换机油" in mei.send(f"/units/{unit}/events", **said).text
    with sessions() as session:
        event = session.scalars(select(UnitEvent).where(UnitEvent.kind == UnitEventKind.REPAIR)).one()
    assert (event.reading, event.cost_minor, event.currency) == (12_000, 48_050, "CNY")
    less = mei.send(f"/units/{unit}/events", **{**said, "happened_on": "2026-02-02", "reading": "11000"})
    assert less.status_code == 400
    assert "Please write why." in less.text
    assert "480.50" in mei.get(f"/unit-events/{event.id}/correct").text
    page = mei.send(f"/unit-events/{event.id}/corrections", **{**said, "text": "换机油和滤芯"}).text
    assert "换机油和滤芯" in page
    assert "Earlier versions" in page
    again = mei.send(f"/unit-events/{event.id}/corrections", **said)
    assert again.status_code == 409
    last = re.findall(r"/unit-events/([0-9a-f-]{36})/correct", page)[0]
    assert mei.send(f"/unit-events/{last}/taking-back", why="").status_code == 400
    assert "taken back" in mei.send(f"/unit-events/{last}/taking-back", why="写错了车").text


def test_former_and_present_owners_managers_see_the_unit_and_only_the_present_ones_what_happens_now(
    mei, li, browser, sessions, people
):
    (_mei, zhang), (_li, wang) = people
    unit = entered(sessions, zhang)
    write(sessions, unit, UnitEventKind.COMPLAINT, date(2025, 5, 1), text="噪音投诉")
    assert li.get(f"/units/{unit}").status_code == 404
    assert browser.send(
        f"/units/{unit}/owner", kind="owner", happened_on="2026-03-01", customer="K-2", text="转让"
    )
    write(sessions, unit, UnitEventKind.REPAIR, date(2026, 3, 2), text="孙家维修")
    now, before = li.get(f"/units/{unit}").text, mei.get(f"/units/{unit}").text
    assert "噪音投诉" in now
    assert "孙家维修" in now
    assert "张伟" not in now
    assert "噪音投诉" in before
    assert "孙家维修" not in before
    assert "孙丽" not in before
    assert f"/units/{unit}/events/new" not in before
    form = {"kind": "repair", "happened_on": "2026-03-03"}
    assert mei.send(f"/units/{unit}/events", **form).status_code == 403
    assert [row[0] for row in owners(sessions, unit)] == [zhang, wang]


def test_a_service_operator_writes_down_repairs_while_serving_and_says_nothing_of_owners(
    make_user, sign_in, sessions, people
):
    unit = entered(sessions, people[0][1])
    make_user("ting", StaffKind.SERVICE)
    ting = sign_in("ting")
    assert ting.get(f"/units/{unit}").status_code == 404
    ting.send(f"/service-desk/{people[0][1]}/serve", number="K-1")
    form = {"kind": "inspection", "happened_on": "2026-03-03", "text": "年检"}
    assert "年检" in ting.send(f"/units/{unit}/events", **form).text
    assert (
        ting.send(f"/units/{unit}/owner", kind="returned", happened_on="2026-03-03", text="x").status_code
        == 403
    )
    assert ting.send(f"/units/{unit}/events", **{**form, "kind": "returned"}).status_code == 400
    with sessions() as session:
        came = session.scalars(select(UnitEvent.id).where(UnitEvent.kind == UnitEventKind.OWNER)).one()
    assert ting.send(f"/unit-events/{came}/taking-back", why="x").status_code == 403


def test_a_recall_shows_on_unit_customer_and_list_until_it_is_carried_out(browser, publish, sessions, people):
    (_mei, zhang), _other = people
    unit = entered(sessions, zhang, model="L5")
    entered(sessions, people[1][1], model="L6", serial_no="OTHER1")
    with sessions.begin() as session:
        session.execute(update(Customer).where(Customer.id == zhang).values(do_not_contact=["sms"]))
    publish(ItemKind.RECALL, "R-7", RECALL)
    assert "Recall R-7" in browser.get(f"/units/{unit}").text
    assert "R-7" in browser.get(f"/customers/{zhang}/units").text
    called = browser.get("/units/recalls/called-in?recall=R-7").text
    assert "LSVAA2181E2123456" in called
    assert "OTHER1" not in called
    assert "not by Text message" in called
    browser.send(f"/units/{unit}/events", kind="recall_done", happened_on="2026-03-01", recall_no="R-7")
    assert (
        "Every unit that this recall means is done" in browser.get("/units/recalls/called-in?recall=R-7").text
    )
    assert "Recall R-7" not in browser.get(f"/units/{unit}").text.split("What happened")[0]
    publish(ItemKind.RECALL, "R-8", {**RECALL, "until": "2026-01-31"})
    assert browser.get("/units/recalls/called-in?recall=R-8").status_code == 404


def test_the_list_is_handed_out_as_a_file(browser, sessions, people):
    entered(sessions, people[0][1])
    page = browser.get("/units/export.csv")
    assert page.status_code == 200
    assert "Owner" in page.text or "purpose" in page.text


def test_who_saved_the_page_later_is_told(mei, sessions, people):
    unit = entered(sessions, people[0][1])
    page = mei.get(f"/units/{unit}/edit").text
    form = {**FORM, "seen_at": re.findall(r'name="seen_at" value="([^"]*)"', page)[0]}
    assert mei.send(f"/units/{unit}", **{**form, "seen_at": "nonsense"}).status_code == 400
    assert mei.send(f"/units/{unit}", **form, remark="第一次").status_code == 200
    late = mei.send(f"/units/{unit}", **{**form, "seen_at": "2026-01-01T00:00:00Z"}, remark="第二次")
    assert late.status_code == 409
    assert "changed this unit meanwhile" in late.text
    assert only(sessions, Unit).remark == "第一次"

    # they see what stands there now, have what they wrote, and may put it in its place
    assert "Remark: <b>第一次</b>" in late.text
    fresh = re.findall(r'name="seen_at" value="([^"]*)"', late.text)[0]
    assert mei.send(f"/units/{unit}", **{**form, "seen_at": fresh}, remark="第二次").status_code == 200
    assert only(sessions, Unit).remark == "第二次"

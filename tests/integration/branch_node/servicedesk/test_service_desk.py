import re
from datetime import timedelta

from sqlalchemy import select

from branch_node.customers import serving
from branch_node.customers.models import Customer, CustomerShare, Serving
from branch_node.servicedesk import operations
from shared.audit.models import AuditEntry
from shared.rights.vocabulary import StaffKind

NAME = "不可先见"


def events(sessions):
    with sessions() as session:
        return list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.seq)))


def test_an_operator_finds_by_a_whole_number_only_and_sees_that_somebody_exists_and_nothing_more(
    rows, make_user, sign_in
):
    manager = rows.manager(name="张经理")
    found = rows.customer(
        name=NAME, customer_no="K-17", mobile="13812345678", id_no="330106199001011234", manager_id=manager
    )
    make_user("wu", StaffKind.SERVICE)
    desk = sign_in("wu")

    for whole in ("K-17", "13812345678", "330106199001011234"):
        page = desk.send("/service-desk/look-up", number=whole).text
        assert "张经理" in page
        assert NAME not in page
    for part in ("K-1", "5678", NAME, "1381234567", "%", "3301061990"):
        page = desk.send("/service-desk/look-up", number=part).text
        assert "No customer has exactly this number" in page
        assert "张经理" not in page
    assert desk.get(f"/customers/{found}").status_code == 404
    for path in ("/customers", f"/search?q={NAME}", "/search?q=K-17"):
        assert found not in desk.get(path).text


def test_serving_opens_the_file_for_a_time_and_ends_at_will(rows, make_user, sign_in, sessions, clock):
    found = rows.customer(name=NAME, customer_no="K-17")
    make_user("wu", StaffKind.SERVICE)
    desk = sign_in("wu")

    assert NAME not in desk.send(f"/service-desk/{found}/serve", number="K-18").text
    assert desk.get(f"/customers/{found}").status_code == 404
    assert NAME in desk.send(f"/service-desk/{found}/serve", number="K-17", reason="报修").text
    assert NAME in desk.get("/service-desk").text
    desk.send(f"/service-desk/{found}/end")
    assert desk.get(f"/customers/{found}").status_code == 404

    desk.send(f"/service-desk/{found}/serve", number="K-17")
    assert desk.get(f"/customers/{found}").status_code == 200
    clock.advance(timedelta(hours=9))
    assert sign_in("wu").get(f"/customers/{found}").status_code == 404
    told = events(sessions)
    assert told.count("customer.served") == 2
    assert told.count("customer.serving-ended") == 1


def test_the_desk_is_no_directory_after_too_many_wrong_numbers_it_answers_nothing(
    rows, make_user, sign_in, monkeypatch
):
    monkeypatch.setattr(operations, "MOST_MISSED", 3)
    rows.customer(customer_no="K-17")
    make_user("wu", StaffKind.SERVICE)
    desk = sign_in("wu")

    for number in range(3):
        assert desk.send("/service-desk/look-up", number=f"X-{number}").status_code == 200

    answer = desk.send("/service-desk/look-up", number="K-17")
    assert answer.status_code == 429
    assert "This customer exists" not in answer.text


def test_what_was_typed_at_the_desk_does_not_stand_in_the_log(make_user, sign_in, sessions):
    make_user("wu", StaffKind.SERVICE)
    sign_in("wu").send("/service-desk/look-up", number="13812345678")

    with sessions() as session:
        told = session.scalars(select(AuditEntry)).all()
    assert "service-desk.missed" in {one.event for one in told}
    assert "13812345678" not in " ".join(str(one.details) for one in told)


def test_a_customer_an_operator_enters_is_served_by_them_and_held_by_nobody(
    rows, make_user, sign_in, sessions
):
    manager = rows.manager()
    make_user("wu", StaffKind.SERVICE)
    desk = sign_in("wu")

    desk.send(
        "/customers", customer_no="K-1", name="新客户", kind="individual", status="active", manager_id=manager
    )

    with sessions() as session:
        made = session.scalar(select(Customer))
        assert made is not None
        assert made.manager_id is None
        assert session.scalar(select(Serving.customer_id)) == made.id
        path = f"/customers/{made.id}"
    assert desk.get(path).status_code == 200


def test_an_account_manager_holds_whom_they_enter_and_cannot_give_them_away(
    rows, make_user, sign_in, sessions
):
    mine, other = rows.manager(), rows.manager()
    make_user("wang", StaffKind.ACCOUNT_MANAGER, manager_id=mine)
    page = sign_in("wang")

    page.send(
        "/customers", customer_no="K-1", name="新客户", kind="individual", status="active", manager_id=other
    )

    with sessions() as session:
        made = session.scalar(select(Customer))
        assert made is not None
        assert made.manager_id == mine
    form = page.get(f"/customers/{made.id}/edit").text
    assert 'name="manager_id"' not in form
    seen = re.findall(r'name="seen_at" value="([^"]+)"', form)[0]
    refused = page.post(
        f"/customers/{made.id}",
        data={
            "csrf_token": page.token(), "seen_at": seen, "customer_no": "K-1", "name": "新客户",
            "kind": "individual", "status": "active", "manager_id": other,
        },
    )  # fmt: skip
    assert refused.status_code == 403
    with sessions() as session:
        assert session.scalar(select(Customer.manager_id)) == mine


def test_a_holder_shares_a_customer_until_a_day_and_takes_them_back(
    rows, make_user, sign_in, sessions, clock
):
    mine, other = rows.manager(), rows.manager()
    found = rows.customer(name=NAME, manager_id=mine)
    make_user("wang", StaffKind.ACCOUNT_MANAGER, manager_id=mine)
    make_user("liu", StaffKind.ACCOUNT_MANAGER, manager_id=other)
    holder, colleague = sign_in("wang"), sign_in("liu")
    assert colleague.get(f"/customers/{found}").status_code == 404

    holder.send(f"/customers/{found}/shares", manager_id=other, until=f"{clock.now():%Y-%m-%d}")

    assert NAME in colleague.get(f"/customers/{found}").text
    third = colleague.send(f"/customers/{found}/shares", manager_id=rows.manager())
    assert third.status_code == 403
    holder.send(f"/customers/{found}/shares/{other}/end")
    assert colleague.get(f"/customers/{found}").status_code == 404
    with sessions() as session:
        assert session.scalars(select(CustomerShare)).all() == []
    told = events(sessions)
    assert {"customer.shared", "customer.share-ended"} <= set(told)


def test_a_number_that_many_have_and_many_who_are_served_at_once_are_told_in_full_number(
    rows, make_user, sign_in, monkeypatch
):
    monkeypatch.setattr(operations, "MOST_HITS", 2)
    monkeypatch.setattr(serving, "MOST_SHOWN", 1)
    for number in range(3):
        rows.customer(customer_no=f"K-{number}", mobile="13812345678")
    make_user("wu", StaffKind.SERVICE)
    desk = sign_in("wu")

    found = desk.send("/service-desk/look-up", number="13812345678").text

    assert "The first 2 of 3 are shown." in found
    for at in dict.fromkeys(re.findall(r"/service-desk/([0-9a-f-]{36})/serve", found)):
        desk.send(f"/service-desk/{at}/serve", number="13812345678")
    assert "The first 1 of 2 are shown." in desk.get("/service-desk").text

"""One thing for many customers: tried without a trace, done or left out one by one, taken back on its own day."""

import html
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import shared.ui
from branch_node.bulk.models import BulkAct, BulkKind, BulkRow, BulkState, RowState
from branch_node.customers.models import Customer, CustomerMove, CustomerShare
from branch_node.handover.models import Handover
from shared.audit.models import AuditEntry
from shared.domain.managers.vocabulary import ManagerStatus
from shared.rights.vocabulary import StaffKind
from tests.support.branch import NOON

WHY = "yearly clean-up"


def stored(database, model):
    with database.reads() as session:
        return session.scalars(select(model)).all()


def by_number(database):
    return {one.customer_no: one for one in stored(database, Customer)}


def order(ids, kind, value, reason=WHY):
    return {"ids": " ".join(ids), "kind": kind, "value": value, "reason": reason}


def carry_out(browser, wanted):
    """Look at what it would do, and do it; the answer to what is refused before."""
    shown = browser.send("/customers/bulk/preview", **wanted)
    return browser.send(f"{shown.request.path}/carry-out") if shown.status_code == 200 else shown


def the_act(database):
    (act,) = stored(database, BulkAct)
    return act


def states(database):
    return sorted(row.state for row in stored(database, BulkRow))


@pytest.mark.xdist_group("company")  # where a Chromium runs already
@pytest.mark.parametrize("script", [True, False])
def test_the_form_shows_the_value_of_what_is_chosen_and_no_other(boss, rows, chromium, script):
    form = boss.send("/customers/bulk", customer=rows.customer()).text
    static = Path(shared.ui.__file__).parent / "static"
    looks = [static / "vendor" / "tabler.min.css", static / "branchline.css"]
    css = "".join(each.read_text(encoding="utf-8") for each in looks if each.exists())
    narrow = {"width": 360, "height": 760}
    page = chromium.new_context(java_script_enabled=script, viewport=narrow).new_page()
    page.set_content(form.replace("</head>", f"<style>{css}</style></head>"))

    for kind in BulkKind:
        page.select_option("[name=kind]", kind.value)
        seen = [field for field in page.locator("main [name^=value]").all() if field.is_visible()]
        shown = [field.get_attribute("name") for field in seen]
        for field in seen:
            box = field.bounding_box()
            assert box is not None
            assert box["width"] > 200
            assert box["x"] + box["width"] <= narrow["width"]
        assert shown == (
            []
            if kind is BulkKind.RETIRE
            else ["value"]
            if kind.value.endswith("_tag")
            else [f"value_{kind.value}"]
        )
    page.context.close()


def test_who_is_marked_or_all_that_the_filters_find_are_asked_about(boss, rows):
    one = rows.customer(customer_no="C-1", status="closed")
    for number in range(2, 40):
        rows.customer(customer_no=f"C-{number}")

    assert "With 1 customers" in boss.send("/customers/bulk", customer=one).text
    assert "With 39 customers" in boss.send("/customers/bulk", all="yes").text
    assert "With 1 customers" in boss.send("/customers/bulk?status=closed", all="yes").text
    assert "Nobody was marked" in boss.send("/customers/bulk?status=closed").text


def test_a_preview_names_who_is_left_out_and_why_and_leaves_no_trace_on_them(boss, rows, database):
    has, has_not = rows.customer(customer_no="C-1", tags=["VIP"]), rows.customer(customer_no="C-2")
    before = stored(database, AuditEntry)[-1].seq

    page = boss.send("/customers/bulk/preview", **order([has, has_not], "add_tag", "VIP")).text

    assert "C-1" in page
    assert "It is so already." in page
    assert by_number(database)["C-2"].tags == []
    assert (the_act(database).state, the_act(database).done) == (BulkState.TRIED, 0)
    assert states(database) == [RowState.FIT, RowState.LEFT]
    assert not [entry for entry in stored(database, AuditEntry) if entry.seq > before and entry.changes]


def test_a_preview_is_changed_in_the_form_it_came_from_and_the_new_one_takes_its_place(boss, rows, database):
    one = rows.customer(customer_no="C-1")
    rows.customer(customer_no="C-2")
    shown = boss.send("/customers/bulk/preview?grade=A", **order([one], "level", "priority"))
    [address] = re.findall(r'<a class="btn" href="([^"]+)">Change it<', shown.text)

    form = boss.get(html.unescape(address)).text

    assert 'value="level" selected' in form
    assert 'value="priority" selected' in form
    assert f'value="{WHY}"' in form
    assert "With 1 customers" in form
    assert form.count('href="/customers?grade=A"') == shown.text.count('href="/customers?grade=A"') == 1
    [action] = re.findall(r'action="(/customers/bulk/preview[^"]*)"', form)
    again = boss.send(html.unescape(action), kind="add_tag", value="VIP", reason=WHY)
    assert again.request.path != shown.request.path
    assert (the_act(database).kind, the_act(database).asked) == (BulkKind.ADD_TAG, 1)
    boss.send(f"{again.request.path}/carry-out")
    assert [each.tags for _number, each in sorted(by_number(database).items())] == [["VIP"], []]


def test_every_step_before_it_is_done_is_an_address_that_asks_for_nothing_to_be_sent_again(
    boss, rows, database
):
    ids = [rows.customer(customer_no=f"C-{number}", grade="A") for number in range(3)]
    rows.customer(customer_no="C-9", grade="B")
    boss.follows = False

    marked = boss.send("/customers/bulk?q=C", customer=ids[:2])
    found = boss.send("/customers/bulk?grade=A", all="yes")
    tried = boss.send("/customers/bulk/preview?grade=A&all=yes", **order([], "add_tag", "VIP"))
    done = boss.send(f"{tried.location.partition('?')[0]}/carry-out")

    assert [one.status_code for one in (marked, found, tried, done)] == [303] * 4
    assert "With 2 customers" in boss.get(marked.location).text
    assert "With 3 customers" in boss.get(found.location).text
    assert done.location.endswith(tried.location.partition("?")[0])
    assert the_act(database).done == 3
    # Ids alone stand there: 22 signs each and nothing of a person.
    assert len(re.findall(r"marked=([\w-]+)", marked.location)[0]) == 43
    assert "C-" not in marked.location + tried.location
    assert WHY not in tried.location


def test_a_page_full_of_marked_customers_fits_an_address_and_more_are_refused(boss, many):
    ids = many(201)
    boss.follows = False

    whole = boss.send("/customers/bulk", customer=ids[:200])
    more = boss.send("/customers/bulk", customer=ids)

    assert len(whole.location) < 4_500
    assert "With 200 customers" in boss.get(whole.location).text
    assert more.status_code == 400


@pytest.mark.parametrize("marked", ["", "x", "AAAA", "%00%ff", "ä", "A" * 22])
def test_an_address_that_marks_nobody_leads_back_to_the_list(boss, rows, marked):
    rows.customer()
    page = boss.get(f"/customers/bulk/new?marked={marked}", follow_redirects=True)

    assert page.status_code == 200
    assert "customers" in page.request.path


def test_only_who_tried_it_changes_it_and_does_it(boss, rows, database, make_user, sign_in):
    at = rows.customer(customer_no="C-1")
    boss.send("/customers/bulk/preview", **order([at], "add_tag", "VIP"))
    act = the_act(database)
    make_user("deputy", StaffKind.BRANCH_MANAGER)
    deputy = sign_in("deputy")

    assert "Change it" not in deputy.get(f"/customers/bulk/acts/{act.id}").text
    assert deputy.get(f"/customers/bulk/new?change={act.id}").status_code == 403
    assert deputy.send(f"/customers/bulk/acts/{act.id}/carry-out").status_code == 403
    assert by_number(database)["C-1"].tags == []
    assert boss.send(f"/customers/bulk/acts/{act.id}/carry-out").status_code == 200
    assert boss.send(f"/customers/bulk/acts/{act.id}/carry-out").status_code == 409
    assert by_number(database)["C-1"].tags == ["VIP"]


def test_who_is_seen_no_more_when_it_is_done_is_left_out(boss, rows, database, make_user, sign_in):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    ids = [rows.customer(customer_no=f"C-{number}", manager_id=wu) for number in range(2)]
    make_user("wu", StaffKind.ACCOUNT_MANAGER, wu)
    browser = sign_in("wu")
    shown = browser.send("/customers/bulk/preview", **order(ids, "add_tag", "VIP"))
    with database.sessions.begin() as session:
        session.get_one(Customer, ids[0]).manager_id = li

    browser.send(f"{shown.request.path}/carry-out")

    assert [one.tags for _number, one in sorted(by_number(database).items())] == [[], ["VIP"]]
    act = the_act(database)
    assert (act.asked, act.done, act.left_out, states(database)) == (2, 1, 1, [RowState.DONE])


def test_it_is_done_kept_with_every_entry_of_the_log_and_taken_back_exactly(boss, rows, database, clock):
    ids = [rows.customer(customer_no="C-1", tags=["old"]), rows.customer(customer_no="C-2", tags=["VIP"])]
    clock.advance(timedelta(minutes=1))

    page = carry_out(boss, order(ids, "add_tag", "VIP")).text
    act = the_act(database)

    assert by_number(database)["C-1"].tags == ["old", "VIP"]
    assert (act.done, act.left_out, states(database)) == (1, 1, [RowState.DONE, RowState.LEFT])
    assert "left out" in page
    told = [one for one in stored(database, AuditEntry) if one.details.get("bulk") == act.id]
    assert [one.event for one in told] == ["customer.changed"]
    clock.advance(timedelta(minutes=1))
    boss.send(f"/customers/bulk/acts/{act.id}/undo")
    assert by_number(database)["C-1"].tags == ["old"]
    assert states(database) == [RowState.LEFT, RowState.UNDONE]
    assert boss.send(f"/customers/bulk/acts/{act.id}/undo").status_code == 409


@pytest.mark.parametrize(
    ("kind", "value", "field", "code"),
    [
        ("level", "vip", "service_level", None),
        ("channel", "wechat", "preferred_channel", None),
        ("retire", "", "status", "closed"),
        ("drop_tag", "old", "tags", None),
    ],
)
def test_each_kind_sets_its_field_and_gives_it_back(boss, rows, database, clock, kind, value, field, code):
    from branch_node.bulk.changes import CODES
    from branch_node.bulk.models import BulkKind

    meant = BulkKind.meant_by(kind)
    if meant in CODES and kind != "retire":
        value = next(one.value for one in CODES[meant])
    ids = [rows.customer(customer_no="C-1", tags=["old"])]
    before = getattr(by_number(database)["C-1"], field)
    clock.advance(timedelta(minutes=1))

    carry_out(boss, order(ids, kind, value))
    after = getattr(by_number(database)["C-1"], field)
    clock.advance(timedelta(minutes=1))
    boss.send(f"/customers/bulk/acts/{the_act(database).id}/undo")

    assert after == ([] if kind == "drop_tag" else code or value)
    assert getattr(by_number(database)["C-1"], field) == before


@pytest.mark.parametrize(
    ("kind", "value", "field"), [("tier", "high", "value_tier"), ("stage", "growth", "lifecycle_stage")]
)
def test_a_first_stage_or_tier_is_taken_back_to_none_and_both_moves_stand_with_their_reason(
    boss, rows, database, clock, kind, value, field
):
    at = rows.customer(customer_no="C-1")
    clock.advance(timedelta(minutes=1))
    carry_out(boss, order([at], kind, value))
    assert getattr(by_number(database)["C-1"], field) == value
    clock.advance(timedelta(minutes=1))
    boss.send(f"/customers/bulk/acts/{the_act(database).id}/undo")

    assert getattr(by_number(database)["C-1"], field) is None
    assert states(database) == [RowState.UNDONE]
    moves = sorted(stored(database, CustomerMove), key=lambda one: one.made_at)
    assert [(one.before, one.after, one.reason) for one in moves] == [(None, value, WHY), (value, None, WHY)]
    page = boss.get(f"/customers/{at}/care").text
    assert "→ <b>–</b>" in page
    told = boss.send(f"/customers/{at}/moves", to=f"{kind}:{value}", on="2026-03-18", reason="签约").text
    assert "→ <b>–</b>" in told
    assert getattr(by_number(database)["C-1"], field) == value


def test_sharing_is_given_and_taken_back(boss, rows, database, clock):
    wu, ids = rows.manager(name="Wu"), [rows.customer(customer_no="C-1")]
    clock.advance(timedelta(minutes=1))
    carry_out(boss, order(ids, "share", wu))
    assert [one.manager_id for one in stored(database, CustomerShare)] == [wu]

    boss.send(f"/customers/bulk/acts/{the_act(database).id}/undo")
    assert stored(database, CustomerShare) == []


def test_who_was_changed_since_stays_as_they_are_and_is_named(boss, rows, database, clock, sessions):
    ids = [rows.customer(customer_no="C-1"), rows.customer(customer_no="C-2")]
    clock.advance(timedelta(minutes=1))
    carry_out(boss, order(ids, "add_tag", "VIP"))
    with sessions.begin() as session:
        one = session.get_one(Customer, ids[0])
        one.remark, one.updated_at = "called", clock.now() + timedelta(minutes=1)

    page = boss.send(f"/customers/bulk/acts/{the_act(database).id}/undo").text

    assert "It was changed since and stays as it is." in page
    assert [one.tags for _number, one in sorted(by_number(database).items())] == [["VIP"], []]


def test_it_is_taken_back_on_its_own_day_only(boss, rows, database, clock):
    ids = [rows.customer(customer_no="C-1")]
    carry_out(boss, order(ids, "add_tag", "VIP"))
    clock.advance(timedelta(days=1))
    boss.sign_in("boss", "correct horse battery")

    assert boss.send(f"/customers/bulk/acts/{the_act(database).id}/undo").status_code == 409
    assert by_number(database)["C-1"].tags == ["VIP"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({"value": ""}, "value"),
        ({"value": "a;b"}, "value"),
        ({"reason": "x"}, "reason"),
        ({"kind": "stage"}, "value_stage"),
        ({"kind": "stage", "value_stage": ""}, "value_stage"),
    ],
)
def test_what_cannot_be_is_refused_as_a_whole_at_its_field_and_what_was_written_stays(
    boss, rows, database, wrong, field
):
    ids = [rows.customer(customer_no="C-1")]

    answer = boss.send("/customers/bulk/preview", **{**order(ids, "add_tag", "VIP"), **wrong})
    assert answer.status_code == 400
    assert re.findall(r'name="(\w+)"[^>]*aria-invalid="true"', answer.text) == [field]
    assert f'value="{wrong.get("reason", WHY)}"' in answer.text
    assert stored(database, BulkAct) == []


def test_nobody_chosen_is_refused_as_a_whole(boss, database):
    assert boss.send("/customers/bulk/preview", **order([], "add_tag", "VIP")).status_code == 400
    assert stored(database, BulkAct) == []


def test_an_account_manager_changes_their_own_customers_and_finds_their_own_acts_only(
    boss, rows, database, make_user, sign_in
):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    own, foreign = (
        rows.customer(customer_no="C-1", manager_id=wu),
        rows.customer(customer_no="C-2", manager_id=li),
    )
    make_user("wu", StaffKind.ACCOUNT_MANAGER, wu)
    browser = sign_in("wu")

    carry_out(browser, order([own, foreign], "add_tag", "VIP"))
    retired = carry_out(browser, order([own], "retire", ""))

    assert retired.status_code == 403
    assert [one.tags for _number, one in sorted(by_number(database).items())] == [["VIP"], []]
    carry_out(boss, order([foreign], "add_tag", "boss"))
    acts = {act.made_by: act.id for act in stored(database, BulkAct)}
    assert browser.get(f"/customers/bulk/acts/{acts['wu']}").status_code == 200
    assert browser.get(f"/customers/bulk/acts/{acts['boss']}").status_code == 404


def test_customers_of_several_are_handed_over_with_a_sheet_each_and_all_come_back(
    boss, rows, database, clock
):
    wu, li, zhao = (rows.manager(name=name) for name in ("Wu", "Li", "Zhao"))
    ids = [
        rows.customer(customer_no="C-1", manager_id=wu),
        rows.customer(customer_no="C-2", manager_id=li),
        rows.customer(customer_no="C-3", manager_id=zhao),
        rows.customer(customer_no="C-4"),
    ]
    clock.advance(timedelta(minutes=1))
    wanted = order(ids, "hand_over", zhao)

    shown = boss.send("/customers/bulk/preview", **wanted)
    preview = shown.text
    assert [one.manager_id for one in by_number(database).values()] == [wu, li, zhao, None]
    assert stored(database, Handover) == []
    page = boss.send(f"{shown.request.path}/carry-out").text

    act = the_act(database)
    made = {one.from_id: one for one in stored(database, Handover)}
    assert "It is so already." in preview
    assert "It has no account manager" in preview
    assert (act.done, act.left_out) == (2, 2)
    assert {at: one.manager_id for at, one in by_number(database).items()} == {
        "C-1": zhao,
        "C-2": zhao,
        "C-3": zhao,
        "C-4": None,
    }
    assert set(made) == {wu, li}
    assert all(f"/handovers/{one.id}" in page for one in made.values())
    told = [one.event for one in stored(database, AuditEntry) if one.details.get("bulk") == act.id]
    assert sorted(told) == ["customer.changed"] * 2 + ["handover.written"] * 2

    clock.advance(timedelta(minutes=1))
    with database.sessions.begin() as session:
        changed = session.get_one(Customer, ids[1])
        changed.remark, changed.updated_at = "moved on", NOON + timedelta(hours=1)
    boss.send(f"/customers/bulk/acts/{act.id}/undo")

    assert by_number(database)["C-1"].manager_id == wu
    assert by_number(database)["C-2"].manager_id == zhao
    assert all(one.undone_at is not None for one in stored(database, Handover))
    assert states(database) == [RowState.KEPT, RowState.LEFT, RowState.LEFT, RowState.UNDONE]


def test_nobody_is_handed_over_to_who_is_not_at_work_nor_by_who_may_not(
    boss, rows, database, make_user, sign_in
):
    wu, gone = rows.manager(name="Wu"), rows.manager(name="Gone", status=ManagerStatus.LEFT)
    at = rows.customer(customer_no="C-1", manager_id=wu)
    make_user("seller", StaffKind.ACCOUNT_MANAGER, manager_id=wu)
    seller = sign_in("seller")

    refused = carry_out(boss, order([at], "hand_over", gone))
    forbidden = carry_out(seller, order([at], "hand_over", rows.manager()))

    assert (refused.status_code, forbidden.status_code) == (400, 403)
    assert by_number(database)["C-1"].manager_id == wu
    assert stored(database, BulkAct) == []


def test_who_is_not_seen_any_more_is_left_out_with_the_reason_on_the_preview_and_the_result(
    rows, make_user, sign_in, database, sessions
):
    wu, li = rows.manager(name="Wu"), rows.manager(name="Li")
    ids = [rows.customer(customer_no=f"C-{number}", manager_id=wu) for number in (1, 2)]
    make_user("wu", StaffKind.ACCOUNT_MANAGER, wu)
    browser = sign_in("wu")
    with sessions.begin() as session:
        session.get_one(Customer, ids[1]).manager_id = li

    tried = browser.send("/customers/bulk/preview", **order(ids, "add_tag", "VIP"))
    shown, done = tried.text, browser.send(f"{tried.request.path}/carry-out").text

    act = the_act(database)
    assert (act.asked, act.done, act.left_out) == (2, 1, 1)
    for page in (shown, done):
        assert "Ask who holds it now." in page
        assert "C-2" not in page
    assert by_number(database)["C-2"].tags == []

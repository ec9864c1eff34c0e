"""Duplicates on screen: what is shown to whom, and what a decision does."""

import pytest
from sqlalchemy import select

from branch_node.customers import elsewhere
from branch_node.customers.models import Customer
from branch_node.duplicates.models import DuplicatePair
from branch_node.imports.models import Import, ImportMatch, ImportState
from shared.audit.models import AuditEntry
from shared.auth.models import User
from shared.domain.duplicates.blocking import MOST_SHARING
from shared.domain.duplicates.vocabulary import PairState
from shared.ids import new_id
from shared.rights.vocabulary import DataRange, StaffKind
from tests.support.branch import NOON
from tests.support.interfaces import Program, token_for

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


TOLD = "A customer of just this name or number exists already, served by 陈*."


@pytest.fixture
def hidden(rows, look):
    """A customer whom another account manager serves."""
    holder = rows.manager(name="陈经理")
    at = rows.customer(
        **WANG, customer_no="K1", manager_id=holder, phone="0571-88880000", email="w@example.com"
    )
    look()
    return at


@pytest.fixture
def li(rows, make_user, sign_in):
    """The browser of an account manager who serves somebody else."""
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager())
    return sign_in("li")


def like(browser, **typed):
    return browser.get("/duplicates/like", query_string={"kind": "individual", **typed}).text


def entries(sessions):
    with sessions() as session:
        return session.scalars(select(AuditEntry).where(AuditEntry.event == elsewhere.EVENT)).all()


@pytest.mark.parametrize(
    "typed",
    [
        WANG,
        {"name": "王小明"},
        {"name": "别人", "mobile": "138 0013 8000"},
        {"name": "别人", "id_no": "330106199003074512"},
        {"name": "别人", "phone": "0571-88880000"},
    ],
)
def test_of_a_file_out_of_sight_a_whole_number_or_name_tells_who_serves_it_masked_and_the_log_says_so(
    hidden, li, sessions, typed
):
    told = like(li, **typed)

    assert TOLD in told
    for kept in ("陈经理", "K1", hidden, "the same", "Phone", "Document number"):
        assert kept not in told
    assert [(one.actor, one.subject_id, one.details) for one in entries(sessions)] == [("li", hidden, {})]


@pytest.mark.parametrize(
    "typed",
    [
        {"name": "王晓明"},
        {"name": "王小"},
        {"name": "王晓明", "mobile": "13800138001"},
        {"name": "王晓明", "id_no": "330106199003074511"},
        {"name": "王晓明", "email": "w@example.com"},
        {"name": "别人", "mobile": "1380013800"},
        {"name": "别人", "id_no": "3301061990030745"},
    ],
)
def test_of_a_file_out_of_sight_nearly_the_same_tells_nothing(hidden, li, sessions, typed):
    assert like(li, **typed).strip() == ""
    assert entries(sessions) == []


def test_a_form_filled_in_field_by_field_is_one_telling_and_the_next_form_another(
    hidden, li, clock, sessions
):
    answers = [like(li, name="王小明"), like(li, **WANG), like(li, **WANG, address="文三路1号")]
    clock.advance(elsewhere.ONE_FORM)
    answers.append(like(li, **WANG))

    assert all(TOLD in one for one in answers)
    assert len(entries(sessions)) == 2


def test_after_a_days_work_of_files_the_form_tells_of_no_other_and_not_even_whether_there_is_one(
    hidden, li, rows, sessions, monkeypatch
):
    rows.customer(name="欧阳锋", manager_id=rows.manager(name="陈二"))
    monkeypatch.setattr(elsewhere, "MOST_A_DAY", 1)
    like(li, **WANG)

    real, made_up = like(li, name="欧阳锋"), like(li, name="司空见惯")
    assert real == made_up
    assert "More are not told today" in real
    assert TOLD in like(li, **WANG)
    assert len(entries(sessions)) == 1


def test_rows_of_a_file_tell_who_serves_whom_one_may_not_see_masked_and_nothing_that_agrees(
    hidden, rows, make_user, sign_in, sessions
):
    make_user("zhao", manager_id=rows.manager(), data_range=DataRange.SELF)
    asked = Import(
        id=new_id(),
        kind="customers",
        file_name="file.csv",
        sha256="0" * 64,
        heading_key="0" * 64,
        headings=["customer_no", "name"],
        unknown_columns=[],
        mapping={},
        state=ImportState.CHECKED,
        seen_at=NOON,
        started_at=NOON,
        started_by="zhao",
    )
    alike = ImportMatch(
        import_id=asked.id, row=2, other_id=hidden, score=3400, levels={"id_no": "same", "phone": "same"}
    )
    with sessions.begin() as session:
        session.add(asked)
        session.flush()
        session.add(alike)

    shown = sign_in("zhao").get(f"/imports/{asked.id}").text.split('id="alike"')[1]
    assert "A customer who exists, served by 陈*" in shown
    for kept in ("陈经理", "K1", "Document number", "Phone"):
        assert kept not in shown


@pytest.fixture
def alike_file(sessions):
    """Keep a checked file whose rows look like these customers, by zhao."""

    def keep(*others):
        asked = Import(
            id=new_id(),
            kind="customers",
            file_name="file.csv",
            sha256="0" * 64,
            heading_key="0" * 64,
            headings=["customer_no", "name"],
            unknown_columns=[],
            mapping={},
            state=ImportState.CHECKED,
            seen_at=NOON,
            started_at=NOON,
            started_by="zhao",
        )
        with sessions.begin() as session:
            session.add(asked)
            session.flush()
            session.add_all(
                ImportMatch(import_id=asked.id, row=row, other_id=at, score=3400, levels={"id_no": "same"})
                for row, at in enumerate(others, 2)
            )
        return asked.id

    return keep


def test_each_file_out_of_sight_that_rows_look_like_is_in_the_log_once_a_day_and_named_as_often_as_on_forms(
    rows, make_user, sign_in, sessions, alike_file, clock, monkeypatch
):
    monkeypatch.setattr(elsewhere, "MOST_A_DAY", 2)
    serving = rows.manager(name="陈经理")
    seen_by = rows.manager()
    others = [rows.customer(customer_no=f"H{one}", manager_id=serving) for one in range(3)]
    own = rows.customer(customer_no="MINE", manager_id=seen_by)
    make_user("zhao", manager_id=seen_by, data_range=DataRange.SELF)
    zhao = sign_in("zhao")
    asked = alike_file(*others, own)

    pages = [zhao.get(f"/imports/{asked}").text.split('id="alike"')[1]]
    clock.advance(elsewhere.ONE_FORM * 2)
    pages.append(zhao.get(f"/imports/{asked}").text.split('id="alike"')[1])

    for page in pages:
        assert page.count("served by 陈*") == 2
        assert page.count("who serves them is not told any more today") == 1
        assert "MINE" in page
    told = [(one.actor, one.subject_id, one.details) for one in entries(sessions)]
    assert [(actor, details) for actor, _at, details in told] == [("zhao", {})] * 2 + [
        ("zhao", {"unnamed": True})
    ]
    assert {at for _actor, at, _details in told} == {*others}
    # what a file has told counts for the form as well
    assert "More are not told today" in like(zhao, name="司空见惯")

    clock.advance(elsewhere.DAY)
    assert sign_in("zhao").get(f"/imports/{asked}").text.count("served by 陈*") == 2
    assert len(entries(sessions)) == 6


def test_a_program_that_reads_rows_like_files_out_of_sight_has_each_of_them_in_the_log(
    app, rows, make_user, sessions, alike_file
):
    other = rows.customer(customer_no="H1", manager_id=rows.manager(name="陈经理"))
    make_user("zhao", manager_id=rows.manager(), data_range=DataRange.SELF)
    program = Program(app, token_for(app, "zhao"))
    asked = alike_file(other)

    answers = [program.get(f"/api/v1/imports/{asked}/alike") for _ in range(2)]

    assert [one.json["items"][0]["other_id"] for one in answers] == [None, None]
    assert [(one.actor, one.subject_id) for one in entries(sessions)] == [("zhao", other)]


@pytest.mark.parametrize("there", [True, False])
def test_after_a_days_telling_a_customer_is_saved_with_a_word_and_at_night_comes_before_the_branch_manager(
    hidden, li, browser, look, sessions, monkeypatch, there
):
    monkeypatch.setattr(elsewhere, "MOST_A_DAY", 0)
    given = WANG if there else {"name": "司空见惯", "mobile": "13700137000"}
    form = {"customer_no": "N1", "kind": "individual", "status": "active"}

    saved = li.send("/customers", **form, name=given["name"], mobile=given["mobile"]).text

    # the same words whether there is one or not
    assert "is registered." in saved
    assert "More are not told today. At night all files are compared" in saved
    assert entries(sessions) == []
    look()
    with sessions() as session:
        found = session.scalars(select(DuplicatePair)).all()
    assert [hidden in (one.one_id, one.other_id) for one in found] == ([True] if there else [])
    assert ("N1" in browser.get("/duplicates").text) is there


def test_files_out_of_sight_do_not_crowd_out_those_in_sight(li, rows, look, sessions):
    for number in range(7):
        rows.customer(**WANG, customer_no=f"H{number}", manager_id=rows.manager())
    with sessions() as session:
        mine = session.scalars(select(User.manager_id).where(User.username == "li")).one()
    rows.customer(**WANG | {"id_no": None}, customer_no="MINE", manager_id=mine)
    look()

    assert "MINE 王小明" in like(li, **WANG)


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


@pytest.fixture
def common(rows, look):
    """Somebody of a name that more bear than are looked through, known by a telephone, a birthday and an address."""
    for number in range(MOST_SHARING + 5):
        rows.customer(name="王伟", customer_no=f"W{number}", mobile=f"139{number:08}")
    at = rows.customer(
        name="王伟",
        customer_no="THIS",
        phone="0571-88880000",
        address="文三路1号",
        region_code="330106",
        attributes={"date_of_birth": "1949-12-31"},
        manager_id=rows.manager(name="陈经理"),
    )
    look()
    return at


ALIKE = [
    {"phone": "010-88880000"},
    {"id_type": "id_card", "id_no": "11010519491231002X"},
    {"address": "文三路1号", "region_code": "330106"},
]
NEW = {"customer_no": "N1", "kind": "individual", "name": "王伟", "status": "active"}


@pytest.mark.parametrize("told", ALIKE, ids=["telephone", "birthday", "address"])
def test_a_common_name_with_one_thing_more_is_asked_before_it_is_saved_on_the_form_and_by_programs(
    app, browser, common, sessions, told
):
    held = browser.send("/customers", **NEW, **told).text
    program = Program(app, token_for(app, "wang"))
    refused = program.post("/api/v1/customers", {**NEW, **told})

    assert "is very likely a customer who is here already" in held
    assert f'href="/customers/{common}"' in held
    assert held.count('id="similar-') == 1
    assert (refused.status_code, refused.json["code"]) == (409, "customer-similar")
    assert "very likely the same are here already: THIS." in refused.json["detail"]
    assert stored(sessions, "N1") == []

    browser.send("/customers", **NEW, **told, known="yes")
    assert len(stored(sessions, "N1")) == 1


def test_a_common_name_by_itself_is_saved_without_a_question(browser, common, sessions):
    assert "is registered." in browser.send("/customers", **NEW).text
    assert len(stored(sessions, "N1")) == 1


def test_a_name_that_few_bear_is_saved_without_a_question_when_nothing_else_agrees(
    browser, rows, look, sessions
):
    rows.customer(name="欧阳锋", customer_no="K1", mobile="13800138000")
    look()
    page = browser.send("/customers", **NEW | {"name": "欧阳锋"}).text

    assert "is registered." in page
    assert len(stored(sessions, "N1")) == 1


@pytest.mark.parametrize("told", ALIKE[1:], ids=["birthday", "address"])
def test_whom_one_may_not_see_is_not_told_by_a_birthday_or_an_address(common, li, sessions, told):
    page = li.send("/customers", **NEW, **told).text

    assert "is registered." in page
    assert "THIS" not in page
    assert len(stored(sessions, "N1")) == 1


def stored(sessions, number):
    with sessions() as session:
        return session.scalars(select(Customer.id).where(Customer.customer_no == number)).all()

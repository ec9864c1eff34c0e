"""Who is limited to some branches at head office sees the people and departments of those only."""

import re

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select, text

from hq_server.personal.orders import RELEASE_KIND
from hq_server.ranges import RANGES
from hq_server.replica.models import ReplicaCustomer, ReplicaDepartment, ReplicaStaff
from hq_server.staff import queries
from shared.audit.models import AuditEntry
from shared.audit.operations import record
from shared.auth import operations, passwords
from shared.auth.models import User
from shared.auth.queries import get_user_named
from shared.ids import new_id
from shared.organisation import operations as organisation
from shared.organisation.members import list_people
from shared.organisation.operations import DepartmentValues
from shared.rights.policy import ceiling
from shared.rights.ranges import SIGHT, Seer, Sight
from shared.rights.rowsecurity import install_row_security
from shared.rights.vocabulary import DataRange, Resource, StaffKind
from shared.stamp import Stamp, Via
from shared.twoperson.models import ProposedAct
from shared.twoperson.operations import propose
from tests.integration.hq_server.conftest import NOON, PASSWORD
from tests.support.hq_rows import add_branch

SETUP = Stamp(NOON, "setup", Via.COMMAND)


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch):
    """Six people sign in for each test; how long a password takes is not what is tried here."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def company(database):
    """Two branches with a person in a department each, and people at head office with other limits."""
    with database.sessions.begin() as session:
        numbers = []
        for code, department, person in (("017", "北城销售部", "陈静"), ("018", "南城销售部", "吴敏")):
            branch = add_branch(session, code, NOON, name=f"{code} branch")
            branch.person(
                f"p{code}", StaffKind.SERVICE, person, department_id=branch.department("S", department)
            )
            branch.deliver()
            numbers.append(branch.number)
    near, far = numbers
    limits = {"near": [near], "same": [near], "far": [far], "both": [near, far], "all": None}
    with database.sessions.begin() as session:
        for name, branches in limits.items():
            add(session, name, StaffKind.ANALYST, branches)
        add(session, "keeper", StaffKind.ADMINISTRATOR, [near])
    return near, far


def add(session, username, kind, branches):
    user, _code = operations.create_user(
        session, username=username, name=f"Person {username}", kind=kind, data_range=ceiling(kind), by=SETUP
    )
    user.branches, user.language = branches, "en"
    operations.set_password(session, user, PASSWORD, by=SETUP)


def enter(app, username):
    browser = app.test_client()
    assert browser.sign_in(username, PASSWORD).status_code == 303
    return browser


def id_of(database, username):
    with database.reads() as session:
        return get_user_named(session, username).id


def names_on(page):
    return set(re.findall(r"Person (\w+)", page))


def test_people_of_other_branches_are_in_no_list_count_search_or_export(app, client, company):
    near = enter(app, "near")

    for path in (
        "/organisation/all",
        "/organisation/all?q=敏",
        "/organisation/all?branch=018",
        "/organisation/all?kind=service",
        "/organisation/all/export.csv",
    ):
        page = near.get(path).text
        assert ("吴敏" in page, "南城销售部" in page, "018 branch" in page) == (False, False, False), path
    assert "陈静" in near.get("/organisation/all?branch=017").text
    assert "吴敏" in enter(app, "all").get("/organisation/all?branch=018").text


def test_what_exports_and_counts_are_made_of_is_narrowed_where_it_is_read(database, company):
    reach = dict.fromkeys(Resource, DataRange.GROUP)
    sight = Sight(Seer(id_of(database, "near"), None, NOON), reach, RANGES, branches=(company[0],))
    with database.sessions(info={SIGHT: sight}) as session:
        found = queries.list_branch_people(session, company)
        assert [[one.name for one in branch.people] for branch in found] == [["陈静"], []]
        assert [[one.name for one in branch.departments] for branch in found] == [["北城销售部"], []]
        assert set(queries.count_by_kind(session)) == {company[0]}
        assert {one.username for one in list_people(session)} == {"near", "same", "keeper"}


@pytest.mark.parametrize("stored", ["nonsense", "18", '"018"', '{"018": 1}', '["018"]'])
def test_whose_branches_are_nonsense_sees_none_and_is_seen_by_who_sees_all(
    app, client, database, company, stored, dialect
):
    value = ":stored" if dialect == "sqlite" else "CAST(:stored AS JSONB)"
    # What is no JSON only SQLite takes.
    stored = '"nonsense"' if (stored, dialect) == ("nonsense", "postgresql") else stored
    change = text(f"UPDATE users SET branches = {value} WHERE username IN ('near', 'same')")
    with database.sessions.begin() as session:
        session.execute(change, {"stored": stored})
    odd = enter(app, "near")

    assert odd.get("/organisation/all").status_code == 200
    assert "陈静" not in odd.get("/organisation/all").text
    assert "吴敏" not in odd.get("/organisation/all?branch=018").text
    page = enter(app, "all").get(f"/people/{id_of(database, 'near')}")
    assert (page.status_code, "Person near" in page.text) == (200, True)
    told = re.search(r"<dt>Branches</dt>\s*<dd[^>]*>(.*?)</dd>", page.text, re.DOTALL)
    assert told
    assert re.sub(r"<[^>]+>", "", told[1]).strip() in {"", "–"}, "not all of them"
    assert "Person same" not in enter(app, "far").get("/people").text


def test_of_head_offices_people_they_see_themselves_and_who_sees_no_branch_besides(app, client, company):
    near = enter(app, "near")

    for path in (
        "/people",
        "/people?q=person",
        "/people?kind=analyst",
        "/organisation",
        "/organisation/export.csv",
    ):
        assert names_on(near.get(path).text) - {"near"} <= {"same", "keeper"}, path
    assert {"near", "same"} <= names_on(near.get("/people").text)
    assert {"near", "same", "far", "both", "all"} <= names_on(enter(app, "all").get("/people").text)


@pytest.mark.parametrize("other", ["far", "both", "all"])
def test_an_account_of_elsewhere_typed_by_hand_is_not_found(app, client, database, company, other):
    near, keeper = enter(app, "near"), enter(app, "keeper")
    keeper.prove("keeper")
    found = id_of(database, other)

    assert near.get(f"/people/{found}").status_code == 404
    assert near.send(f"/people/{found}/rights", data_range="none").status_code == 404
    for what in ("kind", "code", "disabled", "sessions/end"):
        answer = keeper.send(f"/people/{found}/{what}", kind="leader")
        assert answer.status_code == 404, what
    with database.reads() as session:
        assert session.get_one(User, found).data_range is ceiling(StaffKind.ANALYST)


def test_nobody_gives_another_more_branches_than_they_see(app, client, database, company):
    near, (own, other) = enter(app, "near"), company
    same = id_of(database, "same")
    for given in ({"to": "all"}, {"to": "some", "branches": [str(own), str(other)]}, {"to": "some"}):
        assert near.send(f"/people/{same}/rights", data_range="group", **given).status_code == 400, given
    assert (
        near.send(f"/people/{same}/rights", data_range="none", to="some", branches=str(own)).status_code
        == 303
    )
    with database.reads() as session:
        kept = session.get_one(User, same)
        assert (kept.data_range, kept.branches) == (DataRange.NONE, [own])


def test_accounts_made_by_somebody_limited_are_limited_alike_and_names_stay_unique(
    app, client, database, company
):
    keeper = enter(app, "keeper")
    keeper.prove("keeper")
    taken = keeper.send("/people", username="far", name="Second", kind="analyst")
    made = keeper.send("/people", username="fresh", name="Fresh", kind="analyst")

    assert (taken.status_code, made.status_code) == (409, 200)
    assert 'aria-invalid="true"' in taken.text
    with database.reads() as session:
        assert get_user_named(session, "fresh").branches == [company[0]]
    assert keeper.send(f"/people/{id_of(database, 'fresh')}/kind", kind="leader").status_code == 303
    with database.reads() as session:
        assert get_user_named(session, "fresh").branches == [company[0]]


def test_the_security_pages_show_accounts_sessions_and_waits_of_theirs_only(app, client, database, company):
    stranger = app.test_client()
    for _ in range(7):
        stranger.sign_in("far", "wrong password")
    enter(app, "all")
    enter(app, "same")
    keeper = enter(app, "keeper")
    keeper.prove("keeper")

    for path in ("/security", "/security?look=one-step", "/security/sessions"):
        page = keeper.get(path).text
        assert not re.search(r">\s*(far|both|all|zhang)\s*<", page), path
        assert re.search(r">\s*same\s*<", page), path
    unlimited = enter_administrator(app, database)
    waits = re.findall(r"/security/throttles/([0-9a-f]{64})/forget", unlimited.get("/security").text)
    assert waits
    assert "/forget" not in keeper.get("/security").text
    assert keeper.send(f"/security/throttles/{waits[0]}/forget").status_code == 303
    assert waits[0] in unlimited.get("/security").text
    assert re.search(r">\s*far\s*<", unlimited.get("/security").text)


def enter_administrator(app, database):
    with database.sessions.begin() as session:
        add(session, "root", StaffKind.ADMINISTRATOR, None)
    browser = enter(app, "root")
    browser.prove("root")
    return browser


def test_a_department_is_merged_with_everybody_in_it_and_retired_with_nobody(app, client, database, company):
    with database.sessions.begin() as session:
        made = [
            organisation.add_department(session, DepartmentValues(name, name), by=SETUP).id for name in "AB"
        ]
        for name in ("near", "far"):
            get_user_named(session, name).department_id = made[0]
    near = enter(app, "near")

    assert near.send(f"/organisation/departments/{made[0]}/retirement").status_code == 409
    assert near.send(f"/organisation/departments/{made[0]}/merger", into=made[1]).status_code == 303

    assert "Person far" not in near.get(f"/organisation/departments/{made[1]}").text
    with database.reads() as session:
        assert {get_user_named(session, name).department_id for name in ("near", "far")} == {made[1]}


@pytest.fixture
def told(database, company):
    """What happened at both branches, each told in the log, and a hold's release asked for at each."""
    near, far = company
    found = {}
    with database.sessions.begin() as session:
        for code, number in (("017", near), ("018", far)):
            customer, hold = new_id(), new_id()
            session.add(ReplicaCustomer(**customer_of(number, customer)))
            record(session, "branch.renamed", subject=("branch", code), by=SETUP)
            record(session, "customer.viewed", subject=("customer", customer), by=SETUP)
            record(session, "order.published", subject=("published", new_id()), by=SETUP)
            payload = {"branch": number, "hold": hold, "customer": customer}
            act = propose(
                session,
                RELEASE_KIND,
                ("legal_hold", f"{code}/{hold}"),
                payload=payload,
                reason="why",
                by=SETUP,
            )
            found[code] = (code, customer, act.id)
    return found


def customer_of(number, customer):
    return {
        "branch_number": number,
        "id": customer,
        "customer_no": f"C-{number}",
        "kind": "individual",
        "name": f"Of {number}",
        "status": "active",
        "tags": [],
        "attributes": {},
        "created_at": NOON,
        "created_by": "ana",
        "updated_at": NOON,
        "updated_by": "ana",
        "row_lineage": 1,
        "row_change": 1,
        "batch_id": 1,
    }


def subjects_seen(session):
    return {(one.subject_type, one.subject_id) for one in session.scalars(select(AuditEntry))}


def sight_for(database, username, branches):
    reach = dict.fromkeys(Resource, DataRange.GROUP)
    return Sight(Seer(id_of(database, username), None, NOON), reach, RANGES, branches=branches)


def check_log_and_acts(database, told, near):
    own, other = told["017"], told["018"]
    with database.sessions(info={SIGHT: sight_for(database, "near", (near,))}) as session:
        seen = subjects_seen(session)
        assert {("branch", own[0]), ("customer", own[1]), ("two_person_act", own[2])} <= seen
        assert not seen & {("branch", other[0]), ("customer", other[1]), ("two_person_act", other[2])}
        assert "published" not in {noun for noun, _id in seen}
        assert {one.id for one in session.scalars(select(ProposedAct))} == {own[2]}


def test_the_log_and_what_waits_for_a_second_person_are_of_their_branches_only(database, company, told):
    check_log_and_acts(database, told, company[0])
    with database.sessions(info={SIGHT: sight_for(database, "all", None)}) as session:
        assert {("customer", told["018"][1]), ("branch", "018")} <= subjects_seen(session)
        assert len(session.scalars(select(ProposedAct)).all()) == 2


def test_their_own_acts_stay_theirs_whatever_they_were_about(database, company, told):
    mine = Stamp(NOON, "near", Via.WEB, actor_id=id_of(database, "near"))
    with database.sessions.begin() as session:
        record(session, "customer.viewed", subject=("customer", told["018"][1]), by=mine)
    with database.sessions(info={SIGHT: sight_for(database, "near", (company[0],))}) as session:
        assert ("customer", told["018"][1]) in subjects_seen(session)


def test_nobody_decides_on_what_is_asked_about_another_branch(app, client, database, company, told):
    with database.sessions.begin() as session:
        add(session, "leader", StaffKind.LEADER, [company[0]])
    leader = enter(app, "leader")
    leader.prove("leader")
    assert leader.get(f"/two-person/{told['018'][2]}").status_code == 404
    with database.reads() as session:
        digest = session.get_one(ProposedAct, told["018"][2]).digest
    for what, said in (("approval", {"digest": digest}), ("refusal", {"reason": "not now"})):
        assert leader.send(f"/two-person/{told['018'][2]}/{what}", **said).status_code == 404, what
    assert told["018"][2] not in leader.get("/two-person").text
    assert told["017"][2] in leader.get("/two-person").text
    with database.reads() as session:
        assert session.get_one(ProposedAct, told["018"][2]).state.value == "waiting"


def test_the_database_keeps_them_apart_without_our_own_narrowing(database, company, told, monkeypatch):
    """On PostgreSQL the second wall stands alone."""
    if database.dialect != "postgresql":
        pytest.skip("SQLite has one wall")
    with database.engine.begin() as connection:
        assert install_row_security(connection, RANGES)
    monkeypatch.setattr(Sight, "criteria", ())
    monkeypatch.setattr(Sight, "tables", frozenset())
    check_log_and_acts(database, told, company[0])
    own = id_of(database, "near")
    reach = dict.fromkeys(Resource, DataRange.GROUP)
    sight = Sight(Seer(own, None, NOON), reach, RANGES, branches=(company[0],))
    with database.sessions(info={SIGHT: sight}) as session:
        assert set(session.scalars(select(User.username))) == {"near", "same", "keeper"}
        for table in (ReplicaStaff, ReplicaDepartment):
            assert session.scalar(select(func.count()).select_from(table)) == 1

import pytest
from sqlalchemy import func, select

from branch_node.customers import elsewhere
from branch_node.customers.models import CUSTOMER_SEARCH
from branch_node.customers.words import words_of
from branch_node.identity.models import CustomerIdentity
from shared.audit.models import AuditEntry
from shared.db.search_followed import index_changed
from shared.ids import new_id
from shared.rights.vocabulary import StaffKind
from tests.support.branch import NOON

TOLD = "A customer of just this name or number exists already, served by 汪*."


@pytest.fixture
def hidden(rows):
    """A customer whom another account manager serves."""
    return rows.customer(
        name="鐘離昧",
        customer_no="C-55",
        manager_id=rows.manager(name="汪清"),
        mobile="13812345678",
        id_no="330106199001011234",
    )


@pytest.fixture
def li(rows, make_user, sign_in):
    """The browser of an account manager who serves somebody else."""
    make_user("li", StaffKind.ACCOUNT_MANAGER, rows.manager(name="李强"))
    return sign_in("li")


@pytest.fixture
def numbered(rows):
    """A hidden group customer known by numbers of its own and by those of somebody to speak to there."""
    made = {"manager_id": rows.manager(name="汪清"), "legacy_no": "KH-20190001"}
    at = rows.customer(name="甲公司", customer_no="N260318-001", **made)
    rows.contact(at, name="李接洽", mobile="13900001111", phone="0571-88886666")
    return at


def told(sessions):
    with sessions() as session:
        return session.scalar(select(func.count()).where(AuditEntry.event == elsewhere.EVENT))


@pytest.mark.parametrize(
    "words",
    [
        "13812345678",
        "138 1234 5678",
        "+86 13812345678",
        "１３８１２３４５６７８",
        "330106199001011234",
        "鐘離昧",
        "钟离昧",
        "钟离 昧",
    ],
)
def test_a_whole_number_or_name_is_told_to_exist_with_who_serves_it_and_nothing_else(
    li, hidden, sessions, words
):
    page = li.get("/search?q=" + words.replace("+", "%2B")).text

    assert TOLD in page
    for kept in ("汪清", hidden, "C-55", "data-open"):
        assert kept not in page
    assert told(sessions) == 1


@pytest.mark.parametrize(
    "words", ["N260318-001", "n260318-001", "KH-20190001", "13900001111", "139 0000 1111", "0571-88886666"]
)
def test_so_is_a_whole_customer_number_and_the_telephone_of_a_contact_person(li, numbered, sessions, words):
    page = li.get(f"/search?q={words}").text

    assert TOLD in page
    for kept in ("汪清", "甲公司", "李接洽", numbered, "data-open"):
        assert kept not in page
    assert told(sessions) == 1


@pytest.mark.parametrize("words", ["330106199001011234", "11010519491231002x", "0571-66667777"])
def test_so_is_a_whole_document_number_however_it_is_typed_and_a_telephone_at_a_desk(
    li, rows, sessions, words
):
    made = {"manager_id": rows.manager(name="汪清"), "phone": "0571-66667777"}
    rows.customer(name="鐘離昧", id_no=words.upper() if words[-1] == "x" else "330106199001011234", **made)

    assert TOLD in li.get(f"/search?q={words}").text
    assert told(sessions) == 1


@pytest.mark.parametrize("words", ["13812345678", "13900001111", "鐘離昧"])
def test_a_merged_file_is_told_neither_by_its_own_numbers_and_name_nor_by_its_contact_people(
    li, hidden, rows, sessions, words
):
    rows.contact(hidden, name="李接洽", mobile="13900001111")
    stays = rows.customer(name="公孙止", manager_id=rows.manager(name="汪清"))
    with sessions.begin() as session:
        found = elsewhere.find_elsewhere(session, words)
        assert [one.customer_id for one in found] == [hidden]
        merged = {"merged_at": NOON, "merged_by": "ana"}
        session.add(CustomerIdentity(id=new_id(), customer_id=hidden, identity_id=stays, **merged))

    assert "exists already" not in li.get(f"/search?q={words}").text
    assert told(sessions) == 0


@pytest.mark.parametrize(
    "words", ["N260318", "N260318-002", "20190001", "0000 1111", "88886666", "KH-2019000"]
)
def test_a_part_of_such_a_number_tells_nothing(li, numbered, sessions, words):
    assert "exists already" not in li.get(f"/search?q={words}").text
    assert told(sessions) == 0


@pytest.mark.parametrize(
    "words",
    [
        "1381234567",
        "5678",
        "12345678",
        "13812345679",
        "33010619900101",
        "钟离",
        "昧",
        "zhonglimei",
        "C-55",
        "钟离昧 13812345678",
        "zlm",
        "%",
    ],
)
def test_a_beginning_an_end_a_part_or_another_way_to_say_it_tells_nothing(li, hidden, sessions, words):
    page = li.get(f"/search?q={words.replace('%', '%25')}").text

    assert "exists already" not in page
    assert told(sessions) == 0


@pytest.mark.parametrize(
    "path", ["/search/offers?q={}", "/search/customers?q={}", "/customers?q={}", "/customers/export.csv?q={}"]
)
def test_neither_suggestions_nor_lists_nor_files_tell_of_it(li, hidden, sessions, path):
    page = li.get(path.format("13812345678")).text

    assert "exists already" not in page
    assert "鐘離昧" not in page
    assert told(sessions) == 0


@pytest.mark.parametrize(
    ("words", "is_told"),
    [("鐘離昧", True), ("钟离昧", True), ("钟离 昧", True), ("钟离", False), ("钟离昧商行", False)],
)
def test_once_it_is_indexed_a_whole_name_is_a_word_of_its_own(li, hidden, rows, sessions, words, is_told):
    for number in range(elsewhere.LOOKED_AT + 1):
        rows.customer(name=f"鐘離昧{number}", customer_no=f"D-{number}")
    with sessions() as session, session.begin():
        index_changed(session, CUSTOMER_SEARCH, words_of)
    with sessions() as session:
        found = elsewhere.find_elsewhere(session, words)

    assert [one.customer_id for one in found] == ([hidden] if is_told else [])
    assert (TOLD in li.get(f"/search?q={words}").text) is is_told


def test_the_log_has_the_customer_and_not_what_was_typed(li, hidden, sessions):
    li.get("/search?q=13812345678")

    with sessions() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == elsewhere.EVENT)).one()
    assert (entry.subject_type, entry.subject_id, entry.actor) == ("customer", hidden, "li")
    assert "13812345678" not in str(entry.details)


def test_after_a_days_work_of_such_hits_no_more_are_told_until_a_day_is_over(li, hidden, clock, monkeypatch):
    monkeypatch.setattr(elsewhere, "MOST_A_DAY", 2)
    answers = [li.get("/search?q=13812345678").text for _ in range(3)]
    clock.advance(elsewhere.DAY)

    assert [TOLD in page for page in answers] == [True, True, False]
    assert "More are not told today" in answers[-1]


def test_who_sees_the_file_is_shown_it_and_told_nothing(browser, hidden, sessions):
    page = browser.get("/search?q=13812345678").text

    assert "data-open" in page
    assert "exists already" not in page
    assert told(sessions) == 0

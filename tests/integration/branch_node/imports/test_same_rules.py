"""A file is held to what the form is held to, and the product's own list can be taken in again."""

import pytest

from branch_node.customers.listing import COLUMNS, USUAL
from branch_node.customers.models import Customer
from branch_node.imports.kinds import CUSTOMERS
from branch_node.imports.mapping import suggest
from branch_node.imports.undo import UndoRefusedError
from branch_node.ranges import RANGES
from shared.auth.granting import ranges_open_to
from shared.domain.customers.vocabulary import CustomerKind, ParentKind
from shared.i18n import label
from shared.i18n.language import use_language
from shared.rights.policy import Person, allowed, may
from shared.rights.ranges import Seer, Sight
from shared.rights.vocabulary import Action, Duty, Resource, StaffKind
from tests.support.branch import NOON

HEADINGS = "customer_no,kind,name,id_type,id_no,mobile,region_code\n"


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("C1,individual,张三,id_card,123,13800000001,", "id_no", "not-a-document-number"),
        ("C1,individual,张三,id_card,110101199003077710,,", "id_no", "not-a-document-number"),
        ("C1,group,公司,business_licence,91330100MA27XXXXXX,,", "id_no", "not-a-document-number"),
        ("C1,group,公司,id_card,11010519491231002X,,", "id_type", "not-their-document"),
        ("C1,group,公司,passport,E12345678,,", "id_type", "not-their-document"),
        ("C1,individual,张三,business_licence,,,", "id_type", "not-their-document"),
        ("C1,individual,张三,,,138000,", "mobile", "not-a-mobile"),
        ("C1,individual,张三,,,0571-88880000,", "mobile", "not-a-mobile"),
        ("C1,individual,张三,,,,没有这样的地方", "region_code", "not-a-region"),
        ("C1,individual,张三,,,,鼓楼区", "region_code", "not-a-region"),
    ],
)
def test_what_the_form_refuses_a_file_is_refused_too(importer, row, column, code) -> None:
    taken = importer.take("customers", importer.write("c.csv", HEADINGS + row + "\n"))

    assert taken.counts == (0, 0, 0, 1)
    assert [(one["row"], one["column"], one["code"], "more" in one) for one in taken.refused] == [
        (2, column, code, False)
    ]
    assert importer.all(Customer) == []


def test_numbers_are_kept_as_the_form_keeps_them_and_a_region_may_be_named(importer) -> None:
    rows = "C1,individual,张三,id_card,11010519491231002x,+86 138 0000 0001,浙江省杭州市西湖区\n"

    taken = importer.take("customers", importer.write("c.csv", HEADINGS + rows))

    assert taken.refused == []
    (one,) = importer.all(Customer)
    assert (one.id_no, one.mobile, one.region_code) == ("11010519491231002X", "13800000001", "330106")


def test_an_update_may_not_make_a_document_wrong_and_leaves_an_old_one_alone(importer, rows) -> None:
    rows.customer(customer_no="C1", id_type="id_card", id_no="OLD-7", grade=None)
    wrong = importer.write("u.csv", "customer_no,id_no,grade\nC1,123,A\n")
    other = importer.write("v.csv", "customer_no,grade\nC1,A\n")

    refused = importer.take("customers", wrong, update_by="customer_no")
    assert refused.counts == (0, 0, 0, 1)
    taken = importer.take("customers", other, update_by="customer_no")
    assert taken.counts == (0, 1, 0, 0)

    (one,) = importer.all(Customer)
    assert (one.id_no, one.grade.value) == ("OLD-7", "A")


def test_a_file_makes_no_person_of_a_group_below_which_customers_stand(importer, rows) -> None:
    group = rows.customer(customer_no="G1", kind=CustomerKind.GROUP)
    member = rows.customer(customer_no="C1", parent_id=group, parent_kind=ParentKind.MEMBER)
    path = importer.write("u.csv", "customer_no,kind\nG1,individual\nC1,individual\n")

    assert importer.dry("customers", path, update_by="customer_no") == (0, 0, 1, 1)
    taken = importer.take("customers", path, update_by="customer_no")
    assert [(one["row"], one["column"], one["code"]) for one in taken.refused] == [
        (2, "kind", "group-has-members")
    ]
    assert "Place them elsewhere first" in taken.refused[0]["message"]
    assert kinds(importer) == {"G1": CustomerKind.GROUP, "C1": CustomerKind.INDIVIDUAL}

    take_out(rows, member)
    assert importer.take("customers", path, update_by="customer_no").refused == []
    assert kinds(importer)["G1"] is CustomerKind.INDIVIDUAL


def test_a_file_that_made_a_group_is_not_undone_while_customers_stand_below_it(importer, rows) -> None:
    group = rows.customer(customer_no="G1")
    path = importer.write("u.csv", "customer_no,kind\nG1,group\n")
    taken = importer.take("customers", path, update_by="customer_no")
    member = rows.customer(customer_no="C1", parent_id=group, parent_kind=ParentKind.MEMBER)

    with pytest.raises(UndoRefusedError) as refused:
        importer.undo(taken.import_id)
    assert "1 customers stand below this group" in str(refused.value.obstacles[0])
    assert kinds(importer)["G1"] is CustomerKind.GROUP

    take_out(rows, member)
    importer.undo(taken.import_id)
    assert kinds(importer)["G1"] is CustomerKind.INDIVIDUAL


def test_whoever_takes_files_in_sees_every_customer_so_that_members_are_counted_whole() -> None:
    """Who sees a part could make a person of a group whose members are out of sight: the form asks, a file need not."""
    importers = 0
    for kind, data_range in [(each, one) for each in StaffKind for one in ranges_open_to(each)]:
        who = Person(kind, frozenset(Duty), data_range, "branch")
        if not may(who, Resource.IMPORT, Action.CREATE):
            continue
        importers += 1
        reaches = {one: allowed(who, one, Action.READ) for one in Resource}
        reach = {one: found.range for one, found in reaches.items() if found is not None}
        sight = Sight(Seer(None, None, NOON), reach, RANGES)
        assert Customer.__table__ not in sight.tables, (kind, data_range)
    assert importers == 1


def test_a_kind_alone_is_refused_where_the_document_is_not_one_of_it(importer, rows) -> None:
    rows.customer(customer_no="C1", id_type="id_card", id_no="11010519491231002X")
    path = importer.write("u.csv", "customer_no,kind\nC1,group\n")

    taken = importer.take("customers", path, update_by="customer_no")

    assert [(one["column"], one["code"]) for one in taken.refused] == [("id_type", "not-their-document")]
    assert kinds(importer) == {"C1": CustomerKind.INDIVIDUAL}


def take_out(rows, member):
    with rows.sessions.begin() as session:
        one = session.get_one(Customer, member)
        one.parent_id = one.parent_kind = None


def kinds(importer):
    return {one.customer_no: one.kind for one in importer.all(Customer)}


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_the_headings_and_words_of_the_list_s_own_file_are_understood(importer, language) -> None:
    with use_language(language):
        shown = {one.name: str(one.label) for one in COLUMNS if one.name in USUAL}
        kind = str(label(CustomerKind.INDIVIDUAL))
        known = suggest(CUSTOMERS, list(shown.values()))
    renamed = {"region": "region_code"}
    expected = {text: renamed.get(name, name) for name, text in shown.items() if name != "manager"}
    assert {text: known.get(text) for text in expected} == expected

    headings = [shown[name] for name in ("customer_no", "name", "kind", "region")]
    path = importer.table("own.csv", ",".join(headings), [("C1", "张三", kind, "浙江省杭州市西湖区")])
    taken = importer.take("customers", path)

    assert taken.refused == []
    assert [one.region_code for one in importer.all(Customer)] == ["330106"]

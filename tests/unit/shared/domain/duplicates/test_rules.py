"""Whom the finder takes for one, and whom it does not: names of both scripts, numbers with slips, families."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.duplicates.blocking import keys_of
from shared.domain.duplicates.features import features_of
from shared.domain.duplicates.rules import compare, judge
from shared.domain.duplicates.weights import Level

WANG = {
    "kind": "individual",
    "name": "王小明",
    "id_no": "330106199003074512",
    "mobile": "13800138000",
    "address": "杭州市西湖区文三路120号",
    "region_code": "330106",
    "attributes": {},
}
NEUMANN = {
    "kind": "individual",
    "name": "Michaela Neumann",
    "id_no": "5304218",
    "address": "8 Stanley Street Winston Hills 4223",
    "attributes": {"date_of_birth": "1915-11-11"},
}
FIRM = {
    "kind": "group",
    "name": "杭州云帆网络科技有限公司",
    "phone": "0571-88880000",
    "address": "杭州市滨江区江南大道88号",
}


def pair(one, **changed):
    return features_of(one), features_of({**one, **changed})


@pytest.mark.parametrize(
    ("one", "changed"),
    [
        (WANG, {"name": "王晓明"}),  # another character of the same sound
        (WANG, {"id_no": "330106199003074521"}),  # two digits changed places
        (WANG, {"mobile": "+86 138 0013 8000", "id_no": None}),
        (WANG, {"id_no": None, "mobile": None, "attributes": {"生日": "1990/03/07"}}),
        (NEUMANN, {"name": "neumann michela"}),
        (NEUMANN, {"id_no": "5340218", "address": "8 Stanly Street, Winston Hills"}),
        (FIRM, {"name": "杭州云帆网络科技", "phone": "88880000"}),
        (FIRM, {"name": "杭州云帆网络科技股份有限公司", "address": None}),
    ],
)
def test_the_same_customer_written_otherwise_is_met_and_named_probable(one, changed):
    first, second = pair(one, **changed)

    assert keys_of(first) & keys_of(second)
    assert compare(first, second).probable
    assert judge(first, second) == compare(first, second)


@pytest.mark.parametrize(
    ("one", "changed"),
    [
        # A twin: one day of birth, one address, one telephone of the family, a number of their own.
        (WANG, {"name": "王大伟", "id_no": "330106199003078855", "address": None}),
        # A namesake of the same town.
        (WANG, {"id_no": "330106196511123378", "mobile": "13911112222", "address": "杭州市西湖区古墩路9号"}),
        # Father and son under one roof.
        (
            NEUMANN,
            {"name": "Robert Neumann", "id_no": "9911822", "attributes": {"date_of_birth": "1889-02-05"}},
        ),
        # Two firms behind one switchboard of another house.
        (FIRM, {"name": "宁波远航物流有限公司", "address": "宁波市海曙区中山路1号"}),
    ],
)
def test_relatives_namesakes_and_neighbours_are_not_named_probable(one, changed):
    first, second = pair(one, **changed)

    assert not compare(first, second).probable


def test_a_person_is_not_taken_for_the_organisation_of_the_same_telephone():
    first, second = pair(WANG, kind="group", name="王小明", id_no=None, address=None, region_code=None)

    assert not compare(first, second).probable


def test_what_is_not_known_says_nothing_and_each_field_says_its_own():
    first, second = pair(WANG, mobile=None, name="李小明", region_code="330110")

    levels = compare(first, second).levels
    assert (levels["phone"], levels["id_no"], levels["region"]) == (Level.UNKNOWN, Level.SAME, Level.CLOSE)


def test_a_file_without_anything_compared_meets_nobody_by_emptiness():
    empty = features_of({"kind": "individual", "name": "?"})
    other = features_of({"kind": "individual", "name": "!"})

    assert not keys_of(empty) & keys_of(other)
    assert not judge(empty, other)


words = st.text(alphabet="王李明 abc13-+", max_size=12)
files = st.fixed_dictionaries(
    {"kind": st.sampled_from(["individual", "group"])},
    optional=dict.fromkeys(("name", "id_no", "mobile", "phone", "email", "address", "region_code"), words),
).map(features_of)


@settings(max_examples=40)
@given(files, files)
def test_comparing_is_the_same_from_either_side_and_the_short_way_finds_what_the_long_way_finds(one, other):
    assert compare(one, other).score == compare(other, one).score
    long_way = compare(one, other)
    assert judge(one, other) == (long_way if long_way.possible else None)

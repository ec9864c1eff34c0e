import pytest

from shared.domain.regions import (
    find_region,
    list_cities,
    list_provinces,
    region_name,
    region_prefix,
    search_regions,
)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("330106", "浙江省杭州市西湖区"),
        ("330100", "浙江省杭州市"),
        ("110101", "北京市东城区"),
        ("330106001001", "浙江省杭州市西湖区"),
        ("3301", "浙江省杭州市"),
        ("999999", "999999"),
        (None, ""),
    ],
)
def test_a_code_is_shown_with_the_levels_above_it_and_an_unknown_one_as_it_is(code, name):
    assert region_name(code) == name


def test_every_province_and_its_cities_are_there():
    provinces = list_provinces()

    assert len(provinces) == 31
    assert [city.name for city in list_cities("330000")][:2] == ["杭州市", "宁波市"]
    assert find_region("000000") is None


def test_a_region_stands_for_everything_in_it():
    assert [region_prefix(code) for code in ("330000", "330100", "330106")] == ["33", "3301", "330106"]


@pytest.mark.parametrize("query", ["杭州", "hangzhou", "3301"])
def test_a_region_is_found_by_name_pinyin_and_code_widest_first(query):
    assert search_regions(query)[0].name == "杭州市"


def test_nothing_asked_finds_nothing():
    assert search_regions("  ") == []

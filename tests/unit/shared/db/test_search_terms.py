import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.db.search_terms import Query, query_terms, simplified, terms_of, whole_term


def meets(query: Query, words: list[str]) -> bool:
    return bool(query) and all(
        any(
            term.text in words or (term.prefix and any(word.startswith(term.text) for word in words))
            for term in group
        )
        for group in query
    )


def found(text: str, *texts: str) -> bool:
    return meets(query_terms(text), terms_of(*texts))


@pytest.mark.parametrize(
    "query", ["单", "雄信", "单雄信", "shanxiongxin", "danx", "chanx", "sxx", "xiongx", "xx"]
)
def test_a_name_is_found_by_characters_pinyin_and_initials_in_every_reading(query):
    assert found(query, "单雄信")


@pytest.mark.parametrize(
    ("surname", "readings"), [("曾", ["zeng", "ceng"]), ("解", ["xie", "jie"]), ("仇", ["qiu", "chou"])]
)
def test_a_surname_of_several_readings_is_found_by_each(surname, readings):
    assert all(found(reading, surname + "明") for reading in readings)


@pytest.mark.parametrize("query", ["lv", "lu", "lyu"])
def test_the_syllable_with_umlaut_is_found_in_each_spelling(query):
    assert found(query, "吕布")


@pytest.mark.parametrize("query", ["张三丰李", "伟张", "zhangsan", "zsa", "三"])
def test_a_name_is_not_found_by_what_it_does_not_hold(query):
    assert not found(query, "张伟")


@pytest.mark.parametrize(
    "query",
    ["13812345678", "138", "5678", "45678", "138 1234 5678", "138-1234-5678", "+86 13812345678", "１３８"],
)
def test_a_phone_is_found_by_its_beginning_its_last_digits_and_however_it_is_written(query):
    assert found(query, "13812345678")


@pytest.mark.parametrize("same", ["鐘離昧", "钟离昧", " 钟离·昧 ", "钟 离 昧"])
def test_a_whole_name_is_one_word_however_it_is_written(same):
    assert whole_term(same) == whole_term("钟离昧")


@pytest.mark.parametrize("other", ["钟离", "钟离昧二", "昧", ""])
def test_the_word_of_a_whole_name_is_that_of_no_other_and_no_text_has_it(other):
    assert whole_term(other) != whole_term("钟离昧")
    assert whole_term(other) not in terms_of(other, f"__{other}", f"_{other}")


def test_three_digits_are_not_enough_for_the_end_of_a_number():
    assert not found("678", "13812345678")


@pytest.mark.parametrize("query", ["7590-VHVEG", "7590-vhveg", "7590vh", "vhveg", "7590"])
def test_a_number_with_a_hyphen_is_found_with_and_without_it(query):
    assert found(query, "7590-VHVEG")


@pytest.mark.parametrize(
    "query", ["重庆银行", "cqyh", "chongqingyinhang", "yinhang", "zhongqing", "cqyhgfyxgs"]
)
def test_a_company_is_found_by_the_reading_its_name_has_and_by_the_other_ones(query):
    assert found(query, "重庆银行股份有限公司")


def test_words_of_several_kinds_must_all_be_met():
    assert found("张 5678", "张伟", "13812345678")
    assert not found("张 9999", "张伟", "13812345678")


@pytest.mark.parametrize("query", ["", "   ", "%_'\"*", "()", "-"])
def test_signs_alone_ask_for_nothing(query):
    assert query_terms(query) == ()


@given(st.text(max_size=80))
def test_every_text_is_found_by_itself_unless_it_asks_for_nothing(text):
    query = query_terms(text)
    assert not query or meets(query, terms_of(text))


@given(st.text(max_size=80))
def test_words_hold_nothing_that_either_database_would_read_as_syntax(text):
    for word in [*terms_of(text), *(term.text for group in query_terms(text) for term in group)]:
        assert word
        assert not set(word) & set(" '\"\\:&|!()<>*\t\n\x00")


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("張偉", "张伟"),
        ("张伟", "張偉"),
        ("鐘離", "钟离"),
        ("國華電子", "国华"),
        ("国华电子", "國華"),
        ("單雄信", "单"),
    ],
)
def test_traditional_and_simplified_characters_find_each_other(written, query):
    assert found(query, written)


@pytest.mark.parametrize("query", ["乾", "干", "qian", "gan", "ql", "gl"])
def test_a_character_of_two_meanings_is_found_as_written_as_simplified_and_in_both_readings(query):
    assert found(query, "乾隆")


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), max_size=20))
def test_what_is_simplified_stays_as_it_is_and_as_long(text):
    once = simplified(text)
    assert (simplified(once), len(once)) == (once, len(text))

import pytest

from shared.domain.customers.rules import is_credit_code, is_id_card, normal_mobile, normal_phone


def test_an_identity_number_with_the_right_check_digit_is_accepted():
    assert is_id_card("11010519491231002X")  # the example of GB 11643


@pytest.mark.parametrize(
    "number",
    [
        "110105194912310021",
        "11010519491331002X",
        "1101051949123100",
        "",
        "11010519491231002x",
        "ABCDEFGHIJKLMNOPQR",
    ],
)
def test_an_identity_number_with_a_wrong_digit_date_or_form_is_refused(number):
    assert not is_id_card(number)


def test_a_credit_code_with_the_right_check_character_is_accepted():
    assert is_credit_code("91350100M000100Y43")  # the example of GB 32100


@pytest.mark.parametrize("code", ["91350100M000100Y44", "9135010OM000100Y43", "", "123"])
def test_a_credit_code_with_a_wrong_character_is_refused(code):
    assert not is_credit_code(code)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("13812345678", "13812345678"),
        ("+86 138-1234-5678", "13812345678"),
        ("１３８１２３４５６７８", "13812345678"),
        ("+852 5123 4567", "+852 5123 4567"),
        ("23812345678", None),
        ("1381234567", None),
        ("not a number", None),
        ("0571-88880000", None),
    ],
)
def test_a_mobile_number_is_kept_in_one_spelling_or_refused(given, kept):
    assert normal_mobile(given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [("0571-88880000", "0571-88880000"), ("400 800 8888", "400 800 8888"), ("12", None), ("", None)],
)
def test_a_telephone_number_is_kept_as_written_when_it_can_be_one(given, kept):
    assert normal_phone(given) == kept

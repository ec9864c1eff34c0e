from decimal import Decimal

import pytest
from babel.numbers import format_decimal, get_currency_precision
from hypothesis import given
from hypothesis import strategies as st

from shared.i18n import LANGUAGES, format_money, format_number, use_language


@given(value=st.integers(-(10**18), 10**18), language=st.sampled_from(sorted(LANGUAGES)))
def test_whole_numbers_are_written_as_the_locale_writes_them(value, language):
    with use_language(language):
        assert format_number(value) == format_decimal(value, locale=language)


@given(
    minor=st.integers(-(10**18), 10**18),
    language=st.sampled_from(sorted(LANGUAGES)),
    currency=st.sampled_from(["CNY", "JPY", "KWD"]),
)
def test_amounts_are_written_as_the_locale_writes_them(minor, language, currency):
    digits = get_currency_precision(currency)
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    amount = Decimal(minor).scaleb(-digits)
    with use_language(language):
        assert format_money(minor, code=currency) == format_decimal(amount, format=pattern, locale=language)


@pytest.mark.parametrize(("minor", "shown"), [(0, "0.00"), (-5, "-0.05"), (123_456_789, "1,234,567.89")])
def test_amounts_have_all_their_decimals(minor, shown):
    with use_language("en"):
        assert format_money(minor, code="CNY") == shown

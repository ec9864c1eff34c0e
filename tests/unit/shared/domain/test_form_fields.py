"""What people and programs write into fields: read as it was meant, or refused at its field, never an error of ours."""

import pytest
from marshmallow import ValidationError

from shared.domain.form_fields import Parsed, text, whole


@pytest.mark.parametrize(("given", "meant"), [("12", 12), (" -3 ", -3), ("１２", 12), ("+0", 0)])
def test_a_whole_number_is_read(given: str, meant: int) -> None:
    assert whole(given) == meant


@pytest.mark.parametrize("given", ["1.5", "1e3", "\u202eevil\u202c", "९", "9" * 5_000, "- 1", "0x1f"])
def test_what_is_no_whole_number_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        whole(given)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("张三\u200b", "张三"),
        ("\ufeff李 四\u00a0\u00a0五 ", "李 四 五"),
        ("\u202e王\u2066五\u2069", "王五"),
        ("👩\u200d👧 之家", "👩\u200d👧 之家"),
    ],
)
def test_what_shows_nothing_and_came_along_when_text_was_pasted_is_left_out(given: str, meant: str) -> None:
    assert text(40)(given) == meant


@pytest.mark.parametrize("given", ["", " \t", "\u200b", "\ufeff \u3000"])
def test_a_field_that_shows_nothing_is_blank(given: str) -> None:
    assert Parsed(text(40)).deserialize(given) is None
    with pytest.raises(ValidationError):
        Parsed(text(40), required=True).deserialize(given)

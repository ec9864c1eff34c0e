"""What people and programs write into fields: read as it was meant, or refused at its field, never an error of ours."""

import pytest
from marshmallow import ValidationError

from shared.domain.form_fields import whole


@pytest.mark.parametrize(("given", "meant"), [("12", 12), (" -3 ", -3), ("１２", 12), ("+0", 0)])
def test_a_whole_number_is_read(given: str, meant: int) -> None:
    assert whole(given) == meant


@pytest.mark.parametrize("given", ["1.5", "1e3", "\u202eevil\u202c", "९", "9" * 5_000, "- 1", "0x1f"])
def test_what_is_no_whole_number_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        whole(given)

"""What a person may write into the forms of documents."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, validates_schema

from branch_node.documents.models import TITLE_LENGTH
from shared.domain.documents.asking import lacking
from shared.domain.documents.vocabulary import is_sensitive
from shared.domain.form_fields import NOT_LISTED, Parsed, day, text
from shared.errors import N_

ENDS_BEFORE: Final = N_("It cannot run out before it was made.")
NUMBER_ELSEWHERE: Final = N_("The number of an identity paper stands in the profile; leave it out here.")


class DocumentForm(Schema):
    """A document as the form gives it; the names are the columns'."""

    class Meta:
        """Other fields of the form are none of ours."""

        unknown = EXCLUDE

    kind = Parsed(text(30), required=True)
    name = Parsed(text(TITLE_LENGTH))
    number = Parsed(text(60))
    dated_on = Parsed(day)
    valid_until = Parsed(day)
    remark = Parsed(text(500, lines=True))

    @validates_schema
    def _fits_together(self, data: Mapping[str, Any], **_more: object) -> None:
        dated, until = data.get("dated_on"), data.get("valid_until")
        if dated is not None and until is not None and until < dated:
            raise ValidationError({"valid_until": [ENDS_BEFORE]})
        if data.get("number") and is_sensitive(data.get("kind", "")):
            raise ValidationError({"number": [NUMBER_ELSEWHERE]})


def check_kind(kind: str, offered: Mapping[str, str], before: str = "") -> None:
    """Refuse a kind that is not offered; the one a document had may stay. Raises ValidationError."""
    if kind not in offered and kind != before:
        raise ValidationError({"kind": [NOT_LISTED]})


def check_asked(values: Mapping[str, Any], asks: Sequence[str]) -> None:
    """Refuse a document of which something is not said that its kind asks for. Raises ValidationError."""
    problems = lacking(asks, values)
    if problems:
        raise ValidationError({field: [cure] for field, cure in problems.items()})

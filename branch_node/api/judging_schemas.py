"""What is sent to and answered by the interface about judging, and deciding on judgements of, many customers."""

from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from branch_node.api.schemas import NOT_TRUE, TEXT, TEXTS, Sent, check_id, code, one_of
from branch_node.qualification.many import MOST, MOST_DECIDED, WHOM
from shared.domain.customers.vocabulary import CustomerKind, Grade
from shared.domain.qualification.vocabulary import JudgedAs
from shared.errors import N_

ONE_WAY: Final = N_("Say whom by ids, or by whom: due or never; and not by both.")
A_THOUSAND: Final = N_("Send 1 to 1,000 ids; the others in another request.")
A_HUNDRED: Final = N_("Send 1 to 100 ids; the others in another request.")


def _ids(most: int, said: str, **more: Any) -> fields.List[str]:  # noqa: ANN401 - marshmallow's settings
    length = validate.Length(1, most, error=said)
    return fields.List(fields.String(validate=check_id, **TEXT), validate=length, **TEXTS, **more)


class NewJudgements(Sent):
    """Who is to be judged: up to 1,000 ids, or `whom`: customers due for review, or never judged, 1,000 at a time.

    With `try` it is said what would come out, and nothing is kept.
    """

    ids = _ids(MOST, A_THOUSAND)
    whom = fields.String(validate=one_of(WHOM), **TEXT)
    try_ = fields.Boolean(data_key="try", error_messages={"invalid": NOT_TRUE, "null": NOT_TRUE})

    @validates_schema(skip_on_field_errors=True)
    def _one_way(self, given: dict[str, Any], **_settings: object) -> None:
        if ("ids" in given) is ("whom" in given):
            raise ValidationError({"ids": [ONE_WAY]})


class Approvals(Sent):
    """The judgements that are to count, up to 100; with `try` it is said which could not be approved now, and why."""

    ids = _ids(MOST_DECIDED, A_HUNDRED, required=True)
    try_ = fields.Boolean(data_key="try", error_messages={"invalid": NOT_TRUE, "null": NOT_TRUE})


class Judged(Schema):
    """What came out for a customer; `changes`: another kind or grade once approved, `kept`: the judgement there was."""

    customer_id = fields.String(required=True)
    qualification_id = fields.String(required=True, allow_none=True)
    outcome = code(JudgedAs, required=True)
    kind = code(CustomerKind, required=True)
    grade = code(Grade, required=True, allow_none=True)
    score = fields.Integer(required=True)
    changes = fields.Boolean(required=True)
    kept = fields.Boolean(required=True)


class LeftOut(Schema):
    """What was left out, a customer or a judgement, and why."""

    id = fields.String(required=True)
    code = fields.String(required=True)
    why = fields.String(required=True)


class Judgements(Schema):
    """What judging many came to, or would; `more`: there are others of `whom`, for the next request."""

    tried = fields.Boolean(required=True)
    judged = fields.Integer(required=True)
    passed = fields.Integer(required=True)
    failed = fields.Integer(required=True)
    changes = fields.Integer(required=True)
    more = fields.Boolean(required=True)
    rows = fields.List(fields.Nested(Judged), required=True)
    left = fields.List(fields.Nested(LeftOut), required=True)


class Approved(Schema):
    """Which judgements count now, or would, and which were left as they are, and why."""

    tried = fields.Boolean(required=True)
    approved = fields.List(fields.String(), required=True)
    left = fields.List(fields.Nested(LeftOut), required=True)

"""What is sent to and answered by the interface about acts on many customers: bulk acts and hand-overs."""

from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validates_schema

from branch_node.api.customer_filters import CustomerFilters
from branch_node.api.schemas import NOT_TRUE, TEXT, Sent, code, ids, one_of
from branch_node.bulk.models import BulkKind, BulkState, RowState
from branch_node.handover.models import HandoverReason
from shared.errors import N_
from shared.i18n import gettext

ONE_WAY: Final = N_("Say whom by ids, or by filters or a view, and not by both.")


class NewBulk(Sent):
    """What is to be done to whom, and why; with `try` it is said what would happen, and nothing is done."""

    ids = ids(required=True)
    kind = fields.String(required=True, validate=one_of(one.value for one in BulkKind), **TEXT)
    value = fields.String(allow_none=True, **TEXT)
    reason = fields.String(required=True, **TEXT)
    try_ = fields.Boolean(data_key="try", error_messages={"invalid": NOT_TRUE, "null": NOT_TRUE})


class BulkRow(Schema):
    """What became, or would become, of one customer."""

    customer_id = fields.String(required=True)
    state = code(RowState, required=True)
    why = fields.String(required=True)


class Sentence(fields.String):
    """A sentence that was kept as it is in the program, answered in the language of who asks."""

    def _serialize(self, value: Any, *given: Any, **settings: Any) -> Any:  # noqa: ANN401 - marshmallow's own
        return super()._serialize(gettext(value) if value else None, *given, **settings)


class BulkPlan(Sent):
    """What is to be tried and kept, on whom, and why: on up to 1,000 `ids`, or on all that `filters` find.

    A `view` of the list of customers may be named in place of filters or beside them, which replace its own.
    """

    ids = ids()
    filters = fields.Nested(CustomerFilters)
    view = fields.String(**TEXT)
    kind = fields.String(required=True, validate=one_of(one.value for one in BulkKind), **TEXT)
    value = fields.String(allow_none=True, **TEXT)
    reason = fields.String(required=True, **TEXT)

    @validates_schema
    def _one_way(self, given: dict[str, Any], **_settings: object) -> None:
        by_filter = "filters" in given or bool(given.get("view", "").strip())
        if by_filter is ("ids" in given):
            raise ValidationError({"ids": [ONE_WAY]})


class BulkAct(Schema):
    """A bulk act: what it does to how many, why, and who did it; one that was only tried at once has no id.

    One that is tried or done by the job is at work while its state is trying, running or undoing: then `handled` of
    `asked` are. `failure` says what stopped it.
    """

    id = fields.String(allow_none=True)
    kind = code(BulkKind, required=True)
    value = fields.String(required=True)
    reason = fields.String(required=True)
    state = code(BulkState, required=True)
    asked = fields.Integer(required=True)
    done = fields.Integer(required=True)
    left_out = fields.Integer(required=True)
    handled = fields.Integer(required=True)
    ended_at = fields.AwareDateTime(required=True, allow_none=True)
    failure = Sentence(required=True, allow_none=True)
    made_at = fields.AwareDateTime(allow_none=True)
    made_by = fields.String(allow_none=True)
    undone_at = fields.AwareDateTime(allow_none=True)


class BulkReason(Schema):
    """Why so many customers were left out, or stayed when the act was taken back."""

    why = fields.String(required=True)
    customers = fields.Integer(required=True)


class Bulk(BulkAct):
    """A bulk act with the first 1,000 rows, those left out first, and the ids of the hand-overs it made."""

    rows = fields.List(fields.Nested(BulkRow), required=True)
    reasons = fields.List(fields.Nested(BulkReason), required=True)
    handovers = fields.List(fields.String(), required=True)


class Handover(Schema):
    """Customers handed over by one account manager to another."""

    id = fields.String(required=True)
    number = fields.String(required=True)
    from_id = fields.String(required=True)
    to_id = fields.String(required=True)
    reason = code(HandoverReason, required=True)
    last_day = fields.Date(required=True)
    customers = fields.Integer(required=True)
    shares = fields.Integer(required=True)
    made_at = fields.AwareDateTime(required=True)
    made_by = fields.String(required=True)
    signed_from_at = fields.AwareDateTime(allow_none=True)
    signed_from_by = fields.String(allow_none=True)
    signed_from_paper = fields.String(allow_none=True)
    signed_to_at = fields.AwareDateTime(allow_none=True)
    signed_to_by = fields.String(allow_none=True)
    undone_at = fields.AwareDateTime(allow_none=True)


class HandoverLine(Schema):
    """A customer of a hand-over: the number always, the id as far as the file is seen.

    `stays` with who took over, although the hand-over was taken back: they were changed before.
    """

    customer_no = fields.String(required=True)
    customer_id = fields.String(required=True, allow_none=True)
    stays = fields.Boolean(required=True)


class HandoverSheet(Handover):
    """A hand-over with the line of each customer."""

    lines = fields.List(fields.Nested(HandoverLine), required=True)


class HandoverBack(Handover):
    """A hand-over that was taken back, and the numbers of who stays, because they were changed since."""

    stay = fields.List(fields.String(), required=True)


class NewHandover(Sent):
    """Who hands over to whom, which customers, why, and the last day of who hands over."""

    from_id = fields.String(required=True, **TEXT)
    to_id = fields.String(required=True, **TEXT)
    customer_ids = ids(required=True)
    reason = fields.String(required=True, validate=one_of(one.value for one in HandoverReason), **TEXT)
    last_day = fields.String(required=True, **TEXT)
    with_shares = fields.Boolean(error_messages={"invalid": NOT_TRUE, "null": NOT_TRUE})
    mark_left = fields.Boolean(error_messages={"invalid": NOT_TRUE, "null": NOT_TRUE})


class SignedPaper(Sent):
    """Where the signed paper lies: the place alone, nothing about customers."""

    where = fields.String(required=True, **TEXT)


class Plan(Schema):
    """What a hand-over would move, and whom it cannot: with one of `others` nobody is handed over.

    `erased` and `merged` are not written about any more; `others` are not this account manager's, or not seen.
    """

    customers = fields.List(fields.String(), required=True)
    erased = fields.List(fields.String(), required=True)
    merged = fields.List(fields.String(), required=True)
    others = fields.List(fields.String(), required=True)
    shares = fields.Integer(required=True)
    judgements = fields.Integer(required=True)
    merges = fields.Integer(required=True)
    held = fields.Integer(required=True)

"""What is sent to and answered by the interface about tracked units."""

from marshmallow import Schema, fields

from branch_node.api.schemas import TEXT, Sent, code
from shared.domain.contacts.vocabulary import Channel
from shared.domain.customers.vocabulary import PreferredChannel
from shared.domain.units.vocabulary import ReadingUnit, UnitEventKind, UnitStatus


class Unit(Schema):
    """A tracked unit; `owner_id` is whose it is now, and `remark` shown to who sees that customer."""

    id = fields.String(required=True)
    serial_no = fields.String(required=True)
    product = fields.String(allow_none=True)
    model = fields.String(allow_none=True)
    reading_unit = code(ReadingUnit, allow_none=True)
    made_on = fields.Date(allow_none=True)
    sold_on = fields.Date(allow_none=True)
    warranty_until = fields.Date(allow_none=True)
    status = code(UnitStatus, required=True)
    owner_id = fields.String(allow_none=True)
    remark = fields.String(allow_none=True)
    recalls = fields.List(fields.String(), required=True)
    updated_at = fields.AwareDateTime(required=True)
    updated_by = fields.String(required=True)


class SentUnit(Sent):
    """A unit as it is to be; what is not named is empty then."""

    serial_no = fields.String(required=True, **TEXT)
    product = fields.String(allow_none=True, **TEXT)
    model = fields.String(allow_none=True, **TEXT)
    reading_unit = fields.String(allow_none=True, **TEXT)
    made_on = fields.String(allow_none=True, **TEXT)
    sold_on = fields.String(allow_none=True, **TEXT)
    warranty_until = fields.String(allow_none=True, **TEXT)
    status = fields.String(required=True, **TEXT)
    remark = fields.String(allow_none=True, **TEXT)


class NewUnit(SentUnit):
    """A unit to enter; `customer` is the number of whose it is, `since` the day from which."""

    customer = fields.String(allow_none=True, **TEXT)
    since = fields.String(allow_none=True, **TEXT)


class UnitOwner(Schema):
    """Whose a unit was from a day until before another; nobody's, or somebody's whose file is not seen, without one."""

    customer_id = fields.String(allow_none=True)
    from_on = fields.Date(required=True)
    until_on = fields.Date(allow_none=True)


class OwnedUnit(Unit):
    """A unit of a customer, with from when until when it was theirs."""

    from_on = fields.Date(required=True)
    until_on = fields.Date(allow_none=True)


class UnitEvent(Schema):
    """What happened with a unit. One that another corrects, or took back, counts no more and stays readable."""

    id = fields.String(required=True)
    unit_id = fields.String(required=True)
    kind = code(UnitEventKind, required=True)
    counts = fields.Boolean(required=True)
    customer_id = fields.String(allow_none=True)
    happened_on = fields.Date(required=True)
    text = fields.String(allow_none=True)
    reading = fields.Integer(allow_none=True)
    reading_reason = fields.String(allow_none=True)
    cost_minor = fields.Integer(allow_none=True)
    currency = fields.String(allow_none=True)
    done_by = fields.String(allow_none=True)
    recall_no = fields.String(allow_none=True)
    corrects_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    created_by = fields.String(required=True)


class CorrectedEvent(Sent):
    """The right version of what happened; `reading` and `cost` as a form takes them: 25000, 128.50."""

    happened_on = fields.String(required=True, **TEXT)
    customer = fields.String(allow_none=True, **TEXT)
    reading = fields.String(allow_none=True, **TEXT)
    reading_reason = fields.String(allow_none=True, **TEXT)
    cost = fields.String(allow_none=True, **TEXT)
    done_by = fields.String(allow_none=True, **TEXT)
    recall_no = fields.String(allow_none=True, **TEXT)
    text = fields.String(allow_none=True, **TEXT)


class NewEvent(CorrectedEvent):
    """What happened with a unit; for `owner` the `customer` says by number whose it becomes."""

    kind = fields.String(required=True, **TEXT)


class Why(Sent):
    """Why it never happened."""

    text = fields.String(required=True, **TEXT)


class Recall(Schema):
    """A recall of head office that holds here today: which units it means, and how far it has come among those seen.

    Of `serials` one with a star at the end means all that begin so. It is carried out on a unit by an event
    `recall_done` with its number.
    """

    number = fields.String(required=True)
    title = fields.String(required=True)
    why = fields.String(required=True)
    remedy = fields.String(required=True)
    begins = fields.Date(required=True)
    ends = fields.Date(required=True, allow_none=True)
    product = fields.String(required=True)
    model = fields.String(required=True)
    made_from = fields.Date(required=True, allow_none=True)
    made_until = fields.Date(required=True, allow_none=True)
    serials = fields.List(fields.String(), required=True)
    meant = fields.Integer(required=True)
    done = fields.Integer(required=True)
    open = fields.Integer(required=True)


class Owner(Schema):
    """Whose a unit is and how they are reached today; not by the ways in `closed`."""

    id = fields.String(required=True)
    customer_no = fields.String(required=True)
    name = fields.String(required=True)
    mobile = fields.String(required=True, allow_none=True)
    phone = fields.String(required=True, allow_none=True)
    preferred_channel = code(PreferredChannel, required=True, allow_none=True)
    closed = fields.List(code(Channel), required=True)


class CalledIn(Schema):
    """A unit that a recall still calls in; `owned` without an owner: it is somebody's whose file is not seen."""

    unit_id = fields.String(required=True)
    serial_no = fields.String(required=True)
    product = fields.String(required=True, allow_none=True)
    model = fields.String(required=True, allow_none=True)
    owned = fields.Boolean(required=True)
    owner = fields.Nested(Owner, required=True, allow_none=True)

"""What is sent to and answered about offers by the branch's interface for programs."""

from marshmallow import Schema, fields

from branch_node.api.schemas import TEXT, Sent
from branch_node.api.schemas import code as code_of
from shared.domain.contacts.vocabulary import Channel
from shared.domain.offers.vocabulary import OfferStep


class Offer(Schema):
    """An offer that applies to a customer today: why (codes of tier, stage and kind), and what became of it so far.

    `closed` are the channels by which the customer is not to be contacted: look before you make the offer.
    """

    code = fields.String(required=True)
    title = fields.String(required=True)
    text = fields.String(required=True)
    begins = fields.Date(required=True)
    ends = fields.Date(allow_none=True)
    why = fields.List(fields.String(), required=True)
    step = code_of(OfferStep, allow_none=True)
    closed = fields.List(code_of(Channel), required=True)


class OfferAnswer(Schema):
    """What became of an offer. One that another corrects, or took back, counts no more and stays readable."""

    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    offer = fields.String(required=True, attribute="offer_code")
    step = code_of(OfferStep, required=True)
    counts = fields.Boolean(required=True)
    happened_on = fields.Date(required=True)
    reason = fields.String(allow_none=True)
    corrects_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    created_by = fields.String(required=True)


class CorrectedAnswer(Sent):
    """The right version: `step` is made, accepted or declined; a refusal has its reason."""

    step = fields.String(required=True, **TEXT)
    happened_on = fields.String(required=True, **TEXT)
    reason = fields.String(allow_none=True, **TEXT)


class NewAnswer(CorrectedAnswer):
    """What became of an offer, which is named by its code."""

    offer = fields.String(required=True, **TEXT)


class WhyTakenBack(Sent):
    """Why it never happened."""

    reason = fields.String(required=True, **TEXT)

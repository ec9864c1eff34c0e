"""What head office's interface for programs answers; codes are answered as the branch sent them."""

from marshmallow import Schema, fields, validate

from hq_server.branches.queries import MissingReason
from shared.domain.offers.vocabulary import OfferStep


class Customer(Schema):
    """A customer as its branch last sent it; contact data is masked as the owner of the token sees it."""

    branch = fields.String(required=True)
    id = fields.String(required=True)
    customer_no = fields.String(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    short_name = fields.String(allow_none=True)
    mobile = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    address = fields.String(allow_none=True)
    region_code = fields.String(allow_none=True)
    grade = fields.String(allow_none=True)
    status = fields.String(required=True)
    opened_on = fields.Date(allow_none=True)
    manager_id = fields.String(allow_none=True)
    group_no = fields.String(allow_none=True)
    lifecycle_stage = fields.String(allow_none=True)
    value_tier = fields.String(allow_none=True)
    updated_at = fields.AwareDateTime(required=True)


class Member(Customer):
    """A customer of a group, so many steps below the top of its branch's part."""

    level = fields.Integer(required=True)


class Judgement(Schema):
    """A judgement as its branch sent it."""

    id = fields.String(required=True)
    occasion = fields.String(required=True)
    outcome = fields.String(required=True)
    state = fields.String(required=True)
    kind = fields.String(required=True)
    grade = fields.String(allow_none=True)
    score = fields.Integer(required=True)
    rules_version = fields.Integer(required=True)
    next_review_on = fields.Date(required=True)
    judged_at = fields.AwareDateTime(required=True)
    judged_by = fields.String(required=True)


class Standing(Schema):
    """How many customers of a branch stand where, as of when the branch was last heard."""

    branch = fields.String(required=True)
    as_of = fields.AwareDateTime(allow_none=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class NotCovered(Schema):
    """A branch that figures do not cover, and why."""

    branch = fields.String(required=True)
    why = fields.Enum(MissingReason, by_value=True, required=True)


class Covered(Schema):
    """As of when figures are, by the branch that counted first, and which branches they do not cover."""

    as_of = fields.AwareDateTime(required=True, allow_none=True)
    missing = fields.List(fields.Nested(NotCovered), required=True)


class BranchCounts(Schema):
    """How many files and customers a branch has; merged files count as one customer."""

    branch = fields.String(required=True)
    as_of = fields.AwareDateTime(allow_none=True)
    files = fields.Integer(required=True)
    customers = fields.Integer(required=True)


class CustomerCounts(Covered):
    """Files and customers of all branches that are seen: `shared` were counted at more than one of them."""

    files = fields.Integer(required=True)
    customers = fields.Integer(required=True)
    shared = fields.Integer(required=True)
    branches = fields.List(fields.Nested(BranchCounts), required=True)


class UpkeepCounts(Schema):
    """How many open customers, with a flagged, a stale, a contradictory field; how complete files are, in percent."""

    customers = fields.Integer(required=True)
    flagged = fields.Integer(required=True)
    stale = fields.Integer(required=True)
    conflicting = fields.Integer(required=True)
    complete = fields.Integer(required=True, allow_none=True)


class OfBranch(Schema):
    """Of which branch figures are, and as of when."""

    branch = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True)


class BranchUpkeep(UpkeepCounts, OfBranch):
    """What a branch has counted: customers by the field that is stale, and by what contradicts."""

    fields_ = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, data_key="fields")
    conflicts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class UpkeepFigures(UpkeepCounts, Covered):
    """What all branches have counted together, and each by itself."""

    branches = fields.List(fields.Nested(BranchUpkeep), required=True)


class OfferAnswer(Schema):
    """What became of an offer. One that another corrects, or took back, counts no more and stays readable."""

    id = fields.String(required=True)
    customer_id = fields.String(required=True)
    offer = fields.String(required=True, attribute="offer_code")
    step = fields.Enum(OfferStep, by_value=True, required=True)
    counts = fields.Boolean(required=True)
    happened_on = fields.Date(required=True)
    reason = fields.String(allow_none=True)
    corrects_id = fields.String(allow_none=True)
    created_at = fields.AwareDateTime(required=True)
    created_by = fields.String(required=True)


class OfferCounts(Schema):
    """To how many customers an offer was made, each by what became of it last; `made` have not answered."""

    offered = fields.Integer(required=True)
    made = fields.Integer(required=True)
    accepted = fields.Integer(required=True)
    declined = fields.Integer(required=True)


class BranchOffers(OfferCounts):
    """What became of an offer at a branch; one it is not addressed to any more may have made it before."""

    branch = fields.String(required=True)
    as_of = fields.AwareDateTime(required=True, allow_none=True)
    addressed = fields.Boolean(required=True)


class OfferFigure(OfferCounts):
    """What became of an offer at all branches asked for, and at each; one withdrawn has no title."""

    offer = fields.String(required=True)
    title = fields.String(required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(["published", "expired", "withdrawn"]))
    branches = fields.List(fields.Nested(BranchOffers), required=True)


class OfferFigures(Covered):
    """What became of the offers of head office."""

    offers = fields.List(fields.Nested(OfferFigure), required=True)

"""What head office's interface for programs answers; codes are answered as the branch sent them."""

from marshmallow import Schema, fields


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


class BranchCounts(Schema):
    """How many files and customers a branch has; merged files count as one customer."""

    branch = fields.String(required=True)
    as_of = fields.AwareDateTime(allow_none=True)
    files = fields.Integer(required=True)
    customers = fields.Integer(required=True)


class CustomerCounts(Schema):
    """Files and customers of all branches that are seen: `shared` were counted at more than one of them."""

    files = fields.Integer(required=True)
    customers = fields.Integer(required=True)
    shared = fields.Integer(required=True)
    branches = fields.List(fields.Nested(BranchCounts), required=True)

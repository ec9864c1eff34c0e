"""What is sent to and answered by the interface about kept views of the list of customers."""

from marshmallow import Schema, fields

from branch_node.api.customer_filters import SORTS, ViewFilters
from branch_node.api.schemas import NOT_TRUE, TEXT, TEXTS, Sent, one_of
from branch_node.customers.listing import COLUMNS, GROUPED


class CustomerView(Schema):
    """A view of the list of customers; a ready-made one has a code for its id, nobody made it, and it stays as it is.

    `starts` says that the list opens with it for the owner of the token.
    """

    id = fields.String(required=True)
    name = fields.String(required=True)
    ready = fields.Boolean(required=True)
    own = fields.Boolean(required=True)
    shared = fields.Boolean(required=True)
    starts = fields.Boolean(required=True)
    made_by = fields.String(required=True, allow_none=True)
    made_at = fields.AwareDateTime(required=True, allow_none=True)
    filters = fields.Nested(ViewFilters, required=True)
    sort = fields.String(required=True, allow_none=True)
    group = fields.String(required=True, allow_none=True)
    columns = fields.List(fields.String(), required=True)


class SentView(Sent):
    """A view as it is to be; what is not named is empty then. `shared`: for everybody who may open the list."""

    name = fields.String(required=True, **TEXT)
    filters = fields.Nested(ViewFilters)
    sort = fields.String(validate=one_of(SORTS), allow_none=True, **TEXT)
    group = fields.String(validate=one_of(GROUPED), allow_none=True, **TEXT)
    columns = fields.List(fields.String(validate=one_of(one.name for one in COLUMNS), **TEXT), **TEXTS)
    shared = fields.Boolean(error_messages={"invalid": NOT_TRUE, "null": NOT_TRUE})

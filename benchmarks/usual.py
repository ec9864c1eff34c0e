"""The usual design, done well: Flask, marshmallow and the ORM; 500 rows a JSON request, bulk insert.

It has none of our guarantees: no capture, chain, signature, check of what is newer, receipt or repeat.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from flask import Flask, Response, request
from marshmallow import Schema, fields, validate
from sqlalchemy import insert, select

from branch_node.customers.models import Customer
from hq_server.replica.models import ReplicaCustomer
from shared.db.engine import Database

ROWS: Final = 500


class CustomerSchema(Schema):
    """A customer as such services usually declare it."""

    id = fields.UUID(required=True)
    customer_no = fields.String(required=True, validate=validate.Length(1, 40))
    kind = fields.String(required=True, validate=validate.OneOf(["individual", "group"]))
    name = fields.String(required=True, validate=validate.Length(1, 120))
    short_name = fields.String(allow_none=True, validate=validate.Length(max=60))
    id_type = fields.String(allow_none=True)
    id_no = fields.String(allow_none=True, validate=validate.Length(max=40))
    mobile = fields.String(allow_none=True, validate=validate.Length(max=30))
    phone = fields.String(allow_none=True, validate=validate.Length(max=30))
    email = fields.String(allow_none=True, validate=validate.Length(max=120))
    region_code = fields.String(allow_none=True, validate=validate.Length(max=12))
    address = fields.String(allow_none=True, validate=validate.Length(max=200))
    grade = fields.String(allow_none=True, validate=validate.OneOf(["A", "B", "C", "D"]))
    status = fields.String(
        required=True, validate=validate.OneOf(["prospect", "active", "suspended", "closed"])
    )
    opened_on = fields.Date(allow_none=True)
    manager_id = fields.UUID(allow_none=True)
    preferred_channel = fields.String(allow_none=True)
    tags = fields.List(fields.String())
    attributes = fields.Dict(keys=fields.String())
    remark = fields.String(allow_none=True, validate=validate.Length(max=500))
    created_at = fields.AwareDateTime(required=True)
    created_by = fields.String(required=True)
    updated_at = fields.AwareDateTime(required=True)
    updated_by = fields.String(required=True)


def create_app(hq: Database) -> Flask:
    """Return the receiver."""
    app = Flask("usual")

    @app.post("/customers")
    def receive() -> Response:
        rows: list[dict[str, Any]] = CustomerSchema(many=True).load(request.get_json())
        own = {"branch_number": 1, "row_lineage": 1, "row_change": 1, "batch_id": 1}
        for row in rows:
            row.update(own, id=str(row["id"]), manager_id=row["manager_id"] and str(row["manager_id"]))
        with hq.sessions.begin() as session:
            session.execute(insert(ReplicaCustomer), rows)
        return Response(json.dumps({"received": len(rows)}), content_type="application/json")

    return app


def send(branch: Database, app: Flask, *, most: int, after: str = "") -> str:
    """Send `most` customers of the branch, in pages by id from `after` on; return the last id."""
    schema, last, sent = CustomerSchema(many=True), after, 0
    client = app.test_client()
    while sent < most and (page := _page(branch, last)):
        answer = client.post(
            "/customers", data=json.dumps(schema.dump(page)), content_type="application/json"
        )
        assert answer.status_code == 200, answer.data
        last, sent = page[-1].id, sent + len(page)
    return last


def _page(branch: Database, after: str) -> Sequence[Customer]:
    with branch.reads() as session:
        return session.scalars(
            select(Customer).where(Customer.id > after).order_by(Customer.id).limit(ROWS)
        ).all()

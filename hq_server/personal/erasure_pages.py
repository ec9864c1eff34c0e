"""Erasures of all branches, with the proof: blank at the branch when, gone here when, and what still waits."""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import and_, select

from hq_server.branches.models import Branch
from hq_server.branches.queries import get_branch
from hq_server.customers.queries import get_customer
from hq_server.erasure.models import ErasureDone
from hq_server.personal import orders
from hq_server.personal.errors import OrderReasonError
from hq_server.replica.models import ReplicaCustomer, ReplicaErasure
from shared.i18n import gettext as _
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp, writing
from shared.web.errors import STATUS
from shared.web.forms import field_errors, notice
from shared.web.paging import PageRequest, paginate

blueprint = Blueprint("erasures", __name__, template_folder="templates", url_prefix="/erasures")
SORTS: Final = {"erased_at": ReplicaErasure.erased_at}


@blueprint.get("")
@requires(Resource.PERSONAL_DATA, Action.READ)
def index() -> str:
    """List erasures, the latest first."""
    same = and_(
        ErasureDone.branch_number == ReplicaErasure.branch_number, ErasureDone.erasure_id == ReplicaErasure.id
    )
    customer = and_(
        ReplicaCustomer.branch_number == ReplicaErasure.branch_number,
        ReplicaCustomer.id == ReplicaErasure.customer_id,
    )
    found = (
        select(ReplicaErasure, Branch, ErasureDone, ReplicaCustomer.customer_no)
        .join(Branch, Branch.number == ReplicaErasure.branch_number)
        .outerjoin(ErasureDone, same)
        .outerjoin(ReplicaCustomer, customer)
    )
    asked = PageRequest.from_query(SORTS, default="-erased_at", sizes=(50, 25, 100, 200))
    with reading() as session:
        page = paginate(session, found, asked, sorts=SORTS, tie=ReplicaErasure.id)
        return render_template("personal/erasures.html", page=page)


@blueprint.get("/<code>/<id:customer_id>/order")
@requires(Resource.PERSONAL_DATA, Action.CREATE)
def new(code: str, customer_id: str) -> str:
    """Ask why a branch is to erase a customer."""
    return _form(code, customer_id, {})


@blueprint.post("/<code>/<id:customer_id>/order")
@requires(Resource.PERSONAL_DATA, Action.CREATE)
def order(code: str, customer_id: str) -> ResponseReturnValue:
    """Order an erasure: a request at the branch, which two people there decide on."""
    try:
        with writing() as session:
            reason = request.form.get("reason", "")
            branch = get_branch(session, code)
            orders.order_erasure(session, branch, customer_id, reason=reason, by=stamp())
    except OrderReasonError as refused:
        return _form(code, customer_id, request.form, field_errors(refused)), STATUS[refused.kind]
    notice(_("Ordered. The branch has it as a request with its next contact; two people there decide."))
    return redirect(url_for("holds.index"), code=303)


def _form(
    code: str, customer_id: str, values: Mapping[str, str], errors: Mapping[str, str] | None = None
) -> str:
    with reading() as session:
        branch = get_branch(session, code)
        return render_template(
            "personal/order_erasure.html",
            branch=branch,
            customer=get_customer(session, branch, customer_id),
            values=values,
            errors=errors or {},
        )

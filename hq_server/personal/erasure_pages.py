"""Erasures of all branches, with the proof: blank at the branch when, gone here when, and what still waits."""

from flask import Blueprint, render_template
from sqlalchemy import and_, select

from hq_server.branches.models import Branch
from hq_server.erasure.models import ErasureDone
from hq_server.replica.models import ReplicaCustomer, ReplicaErasure
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading

blueprint = Blueprint("erasures", __name__, template_folder="templates", url_prefix="/erasures")
MOST = 500


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
        .order_by(ReplicaErasure.erased_at.desc(), ReplicaErasure.id)
        .limit(MOST)
    )
    with reading() as session:
        return render_template("personal/erasures.html", rows=session.execute(found).all())

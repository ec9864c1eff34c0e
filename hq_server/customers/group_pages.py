"""The page of one group across branches."""

from flask import Blueprint, render_template

from hq_server.branches import web
from hq_server.branches.queries import coverage
from hq_server.customers import groups, queries
from hq_server.customers.queries import RowKey
from hq_server.replica.models import ReplicaManager
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, stamp

blueprint = Blueprint("groups", __name__, template_folder="templates", url_prefix="/groups")


@blueprint.get("/<group_no>")
@requires(Resource.CUSTOMER, Action.READ)
def one(group_no: str) -> str:
    """Show who of a group is served where and by whom; empty where no branch has told of it."""
    with reading() as session:
        scope = web.scope(session)
        places, more = groups.list_group(session, group_no)
        managers: dict[RowKey, ReplicaManager] = queries.managers_of(
            session, [place.customer for place in places]
        )
        numbers = sorted({place.customer.branch_number for place in places})
        return render_template(
            "customers/group.html",
            group_no=group_no,
            places=places,
            more=more,
            most=groups.MOST_SHOWN,
            scope=scope,
            managers=managers,
            branches=len(numbers),
            coverage=coverage(session, stamp().at),
        )

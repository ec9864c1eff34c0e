"""How complete the files of the branch are: figures, and the list of those that lack something."""

from typing import Final

from flask import Blueprint, render_template

from branch_node.archive import completing, words
from branch_node.managers import queries as managers
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading, runtime, stamp
from shared.web.lists import id_argument, number_argument
from shared.web.paging import Page, PageRequest
from shared.web.tables import Column

blueprint = Blueprint("completeness", __name__, template_folder="templates", url_prefix="/completeness")

SORTS: Final = ("percent",)
USUAL_BELOW: Final = 60
COLUMNS: Final = (
    Column("customer_no", _l("Number"), link="desk.customer", link_arg="customer_id"),
    Column("name", _l("Name"), link="desk.customer", link_arg="customer_id"),
    Column("percent", _l("Completeness"), "own", sort=True),
    Column("missing", _l("What is missing"), "own"),
)


@blueprint.get("")
@requires(Resource.CUSTOMER, Action.READ)
def index() -> str:
    """Show how complete files are, and those below the bound that the address names."""
    below = number_argument("below", completing.STEPS) or USUAL_BELOW
    manager_id = id_argument("manager")
    asked = PageRequest.from_query(SORTS, default="percent")
    with reading() as session:
        weights = completing.weights_in_force(session, stamp().at, runtime().settings.timezone)
        found = completing.list_files(
            session,
            weights,
            below=below,
            manager_id=manager_id,
            descending=asked.descending,
            limit=asked.size,
            offset=(asked.number - 1) * asked.size,
        )
        total = completing.count_files(session, weights, below=below, manager_id=manager_id)
        people = managers.list_managers(session)
        return render_template(
            "archive/completeness.html",
            page=Page(found, total, asked),
            columns=COLUMNS,
            standings=completing.standings(session, weights),
            below=below,
            steps=[(step, _("below %(percent)s %%", percent=step)) for step in completing.STEPS],
            manager_id=manager_id,
            managers=[(one.id, one.name) for one in people],
            field_word=words.field_word,
        )

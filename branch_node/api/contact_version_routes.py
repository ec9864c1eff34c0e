"""The versions of a contact person for programs: listed, read, and one brought back."""

from typing import Final

from flask import Blueprint, Response

from branch_node.api import schemas
from branch_node.api.care_routes import contact_answer, shown_version, whole_version
from branch_node.archive.contact_history_pages import shown_value, told_versions
from branch_node.archive.restoring import restore_contact
from branch_node.archive.versions import version_no
from branch_node.contacts.queries import get_contact
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import describe
from shared.web.context import stamp, writing

blueprint = Blueprint(
    "api_contact_versions", __name__, url_prefix="/api/v1/contacts/<id:contact_id>/versions"
)
# A contact person is one of a customer whom the owner of the token sees.
OWNERS: Final = ((Resource.CUSTOMER, Action.READ),)


@blueprint.get("")
@requires(Resource.CONTACT, Action.READ)
@describe(_l("List the versions of a contact person"), answer=schemas.Version, many=True, needs=OWNERS)
def index(contact_id: str) -> Response:
    """List when a contact person was changed, by whom, and in which fields."""
    return asking.many([shown_version(one) for one in told_versions(contact_id)])


@blueprint.get("/<int:number>")
@requires(Resource.CONTACT, Action.READ)
@describe(_l("Read what a version of a contact person said"), answer=schemas.WholeVersion, needs=OWNERS)
def one(contact_id: str, number: int) -> Response:
    """Show one version with what each field said then."""
    version = version_no(told_versions(contact_id), number)
    take_rows(1, "contact")
    return whole_version(version, shown_value)


@blueprint.post("/<int:number>/restoration")
@requires(Resource.CONTACT, Action.UPDATE)
@describe(
    _l("Give a contact person the values of an earlier version again"),
    answer=schemas.Contact,
    body=schemas.Nothing,
    versioned=True,
)
def restore(contact_id: str, number: int) -> Response:
    """Bring an earlier version back, unless somebody saved the contact person since it was read."""
    version = version_no(told_versions(contact_id), number)
    asking.body(schemas.Nothing())
    with writing() as session:
        contact = get_contact(session, contact_id)
        asking.version(contact.updated_at)
        restore_contact(session, contact, version, seen_at=contact.updated_at, by=stamp())
        return contact_answer(session, contact_id)

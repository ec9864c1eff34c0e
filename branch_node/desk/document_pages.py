"""The part of a customer's page that holds documents."""

from flask import Blueprint

from branch_node.desk.pages import customer_page, header_of
from branch_node.documents import listing
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.context import reading

blueprint = Blueprint("document_tab", __name__, url_prefix="/customers")


@blueprint.get("/<id:customer_id>/documents")
@requires(Resource.DOCUMENT, Action.READ)
def index(customer_id: str) -> str:
    """List a customer's documents, those that run out first before others."""
    with reading() as session:
        header = header_of(session, customer_id)
        wanted = listing.wanted_documents(header.customer.id)
        return customer_page(
            "desk/customer_documents.html",
            header,
            page=listing.page_of(session, wanted, default="valid_until"),
            columns=listing.OF_CUSTOMER,
            wanted=wanted,
            **listing.choices_of(session),
        )

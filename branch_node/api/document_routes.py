"""What programs change of documents besides their files, and how complete a customer's file is."""

from flask import Blueprint, Response
from sqlalchemy.orm import Session

from branch_node.api import record_schemas as schemas
from branch_node.api.paper_routes import shown_document
from branch_node.api.schemas import Nothing, Reason
from branch_node.archive import completing
from branch_node.customers.queries import get_customer
from branch_node.documents import operations, queries, taking
from branch_node.documents.errors import DocumentRetiredError
from branch_node.erased.queries import refuse_if_erased
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Action, Resource
from shared.web.access import requires
from shared.web.api import asking
from shared.web.api.bounds import take_rows
from shared.web.api.document import describe
from shared.web.context import reading, runtime, stamp, writing

blueprint = Blueprint("api_documents", __name__, url_prefix="/api/v1")


@blueprint.get("/customers/<id:customer_id>/completeness")
@requires(Resource.CUSTOMER, Action.READ)
@describe(_l("Say how complete a customer's file is, and what is missing"), answer=schemas.Completeness)
def completeness(customer_id: str) -> Response:
    """Say in percent how complete a file is, and which fields and papers it lacks, the weightiest first."""
    with reading() as session:
        customer = get_customer(session, customer_id)
        found = completing.completeness_of(session, customer, stamp().at, runtime().settings.timezone)
    take_rows(1, "customer")
    return asking.one(asking.dumped(schemas.Completeness(), found))


@blueprint.put("/documents/<id:document_id>")
@requires(Resource.DOCUMENT, Action.UPDATE)
@describe(
    _l("Save what is said of a document whole"),
    answer=schemas.WholeDocument,
    body=schemas.DocumentDetails,
    versioned=True,
)
def change(document_id: str) -> Response:
    """Save a document's details, unless somebody else did since it was read."""
    with writing() as session:
        document = queries.get_document(session, document_id)
        given = asking.as_form(asking.body(schemas.DocumentDetails()))
        refuse_if_erased(session, document.customer_id)
        if document.retired_at is not None:
            raise DocumentRetiredError
        asking.version(document.updated_at)
        values = taking.said_of(session, given, before=document)
        operations.change_document(session, document_id, values, seen_at=document.updated_at, by=stamp())
        return _answer(session, document_id)


@blueprint.post("/documents/<id:document_id>/retire")
@requires(Resource.DOCUMENT, Action.RETIRE)
@describe(_l("Take a document out of use; it stays"), answer=schemas.WholeDocument, body=Reason)
def retire(document_id: str) -> Response:
    """Take a document out of use."""
    with writing() as session:
        queries.get_document(session, document_id)
        operations.retire(session, document_id, reason=asking.body(Reason())["reason"], by=stamp())
        return _answer(session, document_id)


@blueprint.post("/documents/<id:document_id>/restore")
@requires(Resource.DOCUMENT, Action.RETIRE)
@describe(_l("Take a retired document into use again"), answer=schemas.WholeDocument, body=Nothing)
def restore(document_id: str) -> Response:
    """Take a retired document into use again."""
    with writing() as session:
        queries.get_document(session, document_id)
        asking.body(Nothing())
        operations.restore(session, document_id, by=stamp())
        return _answer(session, document_id)


def _answer(session: Session, document_id: str) -> Response:
    found = queries.get_document(session, document_id)
    return asking.one(shown_document(session, document_id), at=found.updated_at)

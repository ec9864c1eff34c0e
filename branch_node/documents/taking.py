"""What pages and programs ask alike before a file is kept: what is said of it, what it is, and whether it has room."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from branch_node.documents import queries
from branch_node.documents.models import Document
from branch_node.documents.operations import Room
from branch_node.documents.schemas import DocumentForm, check_asked, check_kind
from branch_node.documents.sniffing import MB, Checked, check
from branch_node.runtime import BranchRuntime
from shared.web.context import reading, runtime, stamp

# Of all files of a form together.
MOST_BYTES: Final = 64 * MB


def said_of(session: Session, given: Mapping[str, str], *, before: Document | None = None) -> dict[str, Any]:
    """Return what a form says of a document; raises ValidationError."""
    values: dict[str, Any] = DocumentForm().load(given)
    check_kind(
        values["kind"],
        dict(queries.offered_kinds(session, stamp().at)),
        before=before.kind if before else "",
    )
    check_asked(values, queries.asked_of_kinds(session, stamp().at).get(values["kind"], ()))
    if before is not None and not values["name"]:
        values["name"] = before.name
    return values


def checked(given: FileStorage) -> Checked:
    """Return a file that may be kept; raises the errors of a file, each with a sentence that names it."""
    most = runtime(BranchRuntime).settings.document_mb
    return check(given.stream, given.filename or "", most_mb=most)


def room() -> Room:
    """Return how much documents may fill and do: a figure of the node, whatever of them somebody sees."""
    with reading(as_node=True) as session:
        stored = queries.stored_bytes(session)
    return Room(runtime(BranchRuntime).settings.documents_quota_mb, stored)

"""Keeping documents: new ones, new versions, what is said of them, retiring, moving with a merge, erasing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.orm import Session, aliased

from branch_node.customers.queries import get_customer
from branch_node.documents.errors import (
    DocumentChangedMeanwhileError,
    DocumentRetiredError,
    DocumentsFullError,
    RetireReasonError,
    StaysSensitiveError,
)
from branch_node.documents.models import (
    REASON_LENGTH,
    TITLE_LENGTH,
    Document,
    DocumentChunk,
    DocumentVersion,
    OpeningReason,
)
from branch_node.documents.queries import find_content, get_document
from branch_node.documents.sniffing import MB, PIECE, Checked
from branch_node.erased.queries import refuse_if_erased
from branch_node.identity.queries import refuse_if_merged
from shared.audit.operations import record
from shared.db.base import Id
from shared.domain.documents.vocabulary import is_sensitive
from shared.ids import new_id
from shared.stamp import Stamp

EDITABLE: Final = ("kind", "name", "number", "dated_on", "valid_until", "remark")
LEAST_REASON: Final = 3


@dataclass(frozen=True, slots=True)
class Room:
    """How much documents may fill, and how much they do, in bytes; counted by the node, whoever asks."""

    quota_mb: int
    stored: int

    def check(self, files: Sequence[Checked]) -> None:
        """Refuse files that would not fit any more; raises DocumentsFullError."""
        left = self.quota_mb * MB - self.stored
        for file in files:
            left -= file.size
            if left < 0:
                raise DocumentsFullError(name=file.name, most=self.quota_mb)


def add_documents(
    session: Session,
    customer_id: str,
    files: Sequence[Checked],
    values: Mapping[str, Any],
    *,
    room: Room,
    by: Stamp,
) -> list[Document]:
    """Keep each file as a document of a customer, all of them or none; one without a title is called as its file.

    Raises CustomerNotFoundError, CustomerErasedError, CustomerMergedError and DocumentsFullError.
    """
    customer = get_customer(session, customer_id)
    refuse_if_erased(session, customer.id)
    refuse_if_merged(session, customer.id)
    room.check(files)
    return [_add(session, customer.id, file, values, by=by) for file in files]


def add_version(session: Session, document_id: str, file: Checked, *, room: Room, by: Stamp) -> Document:
    """Keep a file as the newest version of a document; those before it stay.

    Raises DocumentNotFoundError, CustomerErasedError, DocumentRetiredError and DocumentsFullError.
    """
    document = _in_force(session, document_id)
    room.check([file])
    document.versions += 1
    _touch(document, by)
    session.flush()
    version = _store(session, document, file, by=by)
    _record(session, "document.version-added", document, by=by, **_told(version))
    return document


def change_document(
    session: Session, document_id: str, values: Mapping[str, Any], *, seen_at: datetime, by: Stamp
) -> Document:
    """Set the EDITABLE `values` of a document; values that are the same already write nothing.

    Raises DocumentNotFoundError, CustomerErasedError, DocumentRetiredError, DocumentChangedMeanwhileError
    and StaysSensitiveError.
    """
    document = _in_force(session, document_id)
    if document.updated_at != seen_at:
        raise DocumentChangedMeanwhileError(who=document.updated_by)
    if document.is_sensitive and not is_sensitive(values.get("kind", document.kind)):
        raise StaysSensitiveError(field="kind")
    changed = [name for name in EDITABLE if name in values and getattr(document, name) != values[name]]
    if not changed:
        return document
    for name in changed:
        setattr(document, name, values[name])
    _touch(document, by)
    session.flush()
    _record(session, "document.changed", document, by=by)
    return document


def retire(session: Session, document_id: str, *, reason: str, by: Stamp) -> Document:
    """Take a document out of use; it stays, and can be restored.

    Raises DocumentNotFoundError, CustomerErasedError, DocumentRetiredError and RetireReasonError.
    """
    document = _in_force(session, document_id)
    said = " ".join(reason.split())
    if not LEAST_REASON <= len(said) <= REASON_LENGTH:
        raise RetireReasonError(field="reason", least=LEAST_REASON, most=REASON_LENGTH)
    document.retired_at, document.retired_by, document.retire_reason = by.at, by.actor[:80], said
    _touch(document, by)
    session.flush()
    _record(session, "document.retired", document, by=by)
    return document


def restore(session: Session, document_id: str, *, by: Stamp) -> Document:
    """Take a retired document into use again.

    Raises DocumentNotFoundError, CustomerErasedError and DocumentRetiredError.
    """
    document = get_document(session, document_id, lock=True)
    refuse_if_erased(session, document.customer_id)
    if document.retired_at is None:
        raise DocumentRetiredError
    document.retired_at = document.retired_by = document.retire_reason = None
    _touch(document, by)
    session.flush()
    _record(session, "document.restored", document, by=by)
    return document


def note_opened(session: Session, version: DocumentVersion, reason: OpeningReason, *, by: Stamp) -> None:
    """Write down that somebody opens an identity paper, and why; they get it once this is committed."""
    document = get_document(session, version.document_id)
    _record(session, "document.revealed", document, by=by, no=version.no, reason=reason.value)


def move(session: Session, source: str, target: str, only: Sequence[str] | None = None) -> list[str]:
    """Let documents of one file be those of another, `only` some where given; returns which.

    Contents that both files had are stored once while they are one, and once each when they are two again.
    """
    wanted = select(Document).where(Document.customer_id == source).order_by(Document.id)
    if only is not None:
        wanted = wanted.where(Document.id.in_(only))
    documents = session.scalars(wanted).all()
    for document in documents:
        document.customer_id = target
    session.flush()
    moved = [document.id for document in documents]
    of_moved = update(DocumentVersion).where(DocumentVersion.document_id.in_(moved))
    session.execute(of_moved.values(customer_id=target))
    _part_contents(session, {source, target})
    return moved


def forget(session: Session, customer_id: str) -> int:
    """Destroy the bytes of every document of a customer who is erased; returns how many pieces went."""
    theirs = select(DocumentVersion.id).where(DocumentVersion.customer_id == customer_id)
    gone = session.execute(
        delete(DocumentChunk)
        .where(DocumentChunk.version_id.in_(theirs))
        .execution_options(synchronize_session=False)
    )
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _add(
    session: Session, customer_id: str, file: Checked, values: Mapping[str, Any], *, by: Stamp
) -> Document:
    document = Document(
        id=new_id(),
        customer_id=customer_id,
        versions=1,
        created_at=by.at,
        created_by=by.actor[:80],
        **{name: values.get(name) for name in EDITABLE},
    )
    document.name = values.get("name") or PurePosixPath(file.name).stem[:TITLE_LENGTH]
    _touch(document, by)
    session.add(document)
    session.flush()
    version = _store(session, document, file, by=by)
    _record(session, "document.added", document, by=by, **_told(version))
    return document


def _store(session: Session, document: Document, file: Checked, *, by: Stamp) -> DocumentVersion:
    """Write a version, and its bytes where the customer has none such yet."""
    present = find_content(session, document.customer_id, file.digest)
    made = new_id()
    version = DocumentVersion(
        id=made,
        document_id=document.id,
        customer_id=document.customer_id,
        no=document.versions,
        file_name=file.name,
        form=file.form.code,
        size=file.size,
        content_digest=file.digest,
        content_of=present.content_of if present else made,
        added_at=by.at,
        added_by=by.actor[:80],
    )
    session.add(version)
    session.flush()
    if present is None:
        _write(session, made, file)
    return version


def _write(session: Session, version_id: str, file: Checked) -> None:
    file.stream.seek(0)
    no = 0
    while piece := file.stream.read(PIECE):
        # One by one: all pieces of a statement are in memory together.
        session.execute(insert(DocumentChunk), [{"version_id": version_id, "no": no, "data": piece}])
        no += 1


def _part_contents(session: Session, customer_ids: set[str]) -> None:
    """Give a file its own copy of bytes that lie under a version of the other one."""
    home = aliased(DocumentVersion)
    strangers = session.execute(
        select(DocumentVersion.id, DocumentVersion.content_of, DocumentVersion.customer_id)
        .join(home, home.id == DocumentVersion.content_of)
        .where(
            DocumentVersion.customer_id.in_(sorted(customer_ids)),
            DocumentVersion.customer_id != home.customer_id,
        )
        .order_by(DocumentVersion.id)
    ).all()
    copied: dict[tuple[str, str], str] = {}
    for version_id, stored_under, customer_id in strangers:
        own = copied.setdefault((stored_under, customer_id), version_id)
        if own == version_id:
            pieces = select(literal(own, Id), DocumentChunk.no, DocumentChunk.data)
            of_home = pieces.where(DocumentChunk.version_id == stored_under)
            session.execute(insert(DocumentChunk).from_select(["version_id", "no", "data"], of_home))
        session.execute(
            update(DocumentVersion).where(DocumentVersion.id == version_id).values(content_of=own)
        )


def _in_force(session: Session, document_id: str) -> Document:
    document = get_document(session, document_id, lock=True)
    refuse_if_erased(session, document.customer_id)
    if document.retired_at is not None:
        raise DocumentRetiredError
    return document


def _touch(document: Document, by: Stamp) -> None:
    document.updated_at, document.updated_by = by.at, by.actor[:80]


def _told(version: DocumentVersion) -> dict[str, Any]:
    return {"no": version.no, "form": version.form, "size": version.size}


def _record(session: Session, event: str, document: Document, *, by: Stamp, **more: object) -> None:
    details = {"customer": document.customer_id, **more}
    record(session, event, subject=("document", document.id), by=by, details=details)

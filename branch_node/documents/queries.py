"""Reads of documents: lists, one with its versions, its bytes, what runs out, and what a text finds."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import IO, Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, union_all
from sqlalchemy.orm import Session

from branch_node.customers.models import Customer
from branch_node.documents.errors import DocumentDamagedError, DocumentNotFoundError
from branch_node.documents.models import (
    DOCUMENT_FILE_SEARCH,
    DOCUMENT_SEARCH,
    Document,
    DocumentChunk,
    DocumentVersion,
)
from branch_node.inbound.queries import code_table, codes, words_of
from shared.db.among import Among
from shared.db.base import instant_text
from shared.db.search_terms import terms_of
from shared.domain.documents.vocabulary import own_words
from shared.domain.published.vocabulary import CodeTable
from shared.i18n import current_language

SORTS: Final = {
    "name": Document.name,
    "kind": Document.kind,
    "dated_on": Document.dated_on,
    "valid_until": Document.valid_until,
    "updated_at": Document.updated_at,
}
# Further than any document has versions, and a number for both databases.
LAST_NO: Final = 100_000
# Papers that run out within so many days are told of.
SOON: Final = timedelta(days=30)
AT_ONCE: Final = 8
MANY_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents are wanted; everything empty means all that are not retired."""

    text: str = ""
    kind: str = ""
    customer_id: str = ""
    manager_id: str = ""
    until: date | None = None
    retired: bool = False


def get_document(session: Session, document_id: str, *, lock: bool = False) -> Document:
    """Return one document; raises DocumentNotFoundError."""
    found = session.get(Document, document_id, with_for_update=lock or None)
    if found is None:
        raise DocumentNotFoundError
    return found


def get_version(session: Session, document_id: str, no: int) -> DocumentVersion:
    """Return one version of a document; raises DocumentNotFoundError."""
    wanted = select(DocumentVersion).where(
        DocumentVersion.document_id == document_id, DocumentVersion.no == min(no, LAST_NO)
    )
    found = session.scalar(wanted)
    if found is None:
        raise DocumentNotFoundError
    return found


def list_versions(session: Session, document_id: str) -> Sequence[DocumentVersion]:
    """Return the versions of a document, the newest first."""
    wanted = select(DocumentVersion).where(DocumentVersion.document_id == document_id)
    return session.scalars(wanted.order_by(DocumentVersion.no.desc())).all()


def select_documents(
    session: Session, wanted: DocumentFilter, words: Mapping[str, str]
) -> Select[Document, DocumentVersion, str, str]:
    """Select documents with their newest version, and the number and name of their customer."""
    return (
        select(Document, DocumentVersion, Customer.customer_no, Customer.name)
        .join(
            DocumentVersion,
            (DocumentVersion.document_id == Document.id) & (DocumentVersion.no == Document.versions),
        )
        .join(Customer, Customer.id == Document.customer_id)
        .where(*_conditions(session, wanted, words))
    )


def in_force(today: date) -> ColumnElement[bool]:
    """Return the condition that a paper counts: it is not retired, and has not run out."""
    in_time = or_(Document.valid_until.is_(None), Document.valid_until >= today)
    return and_(Document.retired_at.is_(None), in_time)


def found(
    session: Session, text: str, words: Mapping[str, str], limit: int, *, offset: int = 0
) -> tuple[Sequence[tuple[Document, DocumentVersion, str, str]], int]:
    """Return the documents a text finds by name, number, file name or kind (`words`), those changed last first.

    With them goes how many are found in all; 0 behind the last of them.
    """
    met = _met_by(session, text.strip(), words)
    if met is None:
        return [], 0
    latest = (Document.updated_at.desc(), Document.id)
    # Only what is shown is put together with its version and customer: a title may be that of thousands.
    best = select(Document.id, func.count().over()).where(Document.retired_at.is_(None), met)
    shown = session.execute(best.order_by(*latest).limit(limit).offset(offset)).all()
    if not shown:
        return [], 0
    wanted = select_documents(session, DocumentFilter(), words).where(
        Document.id.in_([row[0] for row in shown])
    )
    rows = session.execute(wanted.order_by(*latest)).all()
    return [(row[0], row[1], row[2], row[3]) for row in rows], shown[0][1]


def select_found(session: Session, text: str, words: Mapping[str, str]) -> Select[str]:
    """Return a select of the ids of the documents a text finds, for counting."""
    return select(Document.id).where(*_conditions(session, DocumentFilter(text=text), words))


def count_expiring(session: Session, today: date, *, manager_id: str = "") -> int:
    """Return how many papers in force have run out or do so within SOON."""
    wanted = DocumentFilter(until=today + SOON, manager_id=manager_id)
    return (
        session.scalar(
            select(func.count(Document.id))
            .join(Customer, Customer.id == Document.customer_id)
            .where(*_conditions(session, wanted, {}))
        )
        or 0
    )


def of_customer(session: Session, customer_id: str) -> list[dict[str, Any]]:
    """Return what is said of a customer's documents and versions, with digests and without bytes, as plain JSON."""
    rows = session.execute(
        select(Document, DocumentVersion)
        .join(DocumentVersion, DocumentVersion.document_id == Document.id)
        .where(Document.customer_id == customer_id)
        .order_by(Document.id, DocumentVersion.no)
    ).all()
    return [
        {
            "id": document.id,
            "kind": document.kind,
            "name": document.name,
            "number": document.number,
            "dated_on": _day(document.dated_on),
            "valid_until": _day(document.valid_until),
            "remark": document.remark,
            "retired_at": instant_text(document.retired_at) if document.retired_at else None,
            "retired_by": document.retired_by,
            "retire_reason": document.retire_reason,
            "version": version.no,
            "form": version.form,
            "size": version.size,
            "digest": version.content_digest,
            "added_at": instant_text(version.added_at),
            "added_by": version.added_by,
        }
        for document, version in rows
    ]


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def stored_bytes(session: Session) -> int:
    """Return how many bytes of documents lie in the database; each content counts once a customer."""
    stored = select(func.sum(DocumentVersion.size)).where(
        DocumentVersion.content_of == DocumentVersion.id, DocumentVersion.content_digest.is_not(None)
    )
    return int(session.scalar(stored) or 0)


def find_content(session: Session, customer_id: str, digest: str) -> DocumentVersion | None:
    """Return a version of this customer that has this very content, if there is one."""
    wanted = select(DocumentVersion).where(
        DocumentVersion.customer_id == customer_id, DocumentVersion.content_digest == digest
    )
    return session.scalar(wanted.order_by(DocumentVersion.id).limit(1))


def find_same_name(session: Session, customer_id: str, name: str) -> Document | None:
    """Return a document in force of this customer whose newest file has this name, if there is one."""
    wanted = (
        select(Document)
        .join(
            DocumentVersion,
            (DocumentVersion.document_id == Document.id) & (DocumentVersion.no == Document.versions),
        )
        .where(
            Document.customer_id == customer_id,
            Document.retired_at.is_(None),
            DocumentVersion.file_name == name,
        )
    )
    return session.scalar(wanted.order_by(Document.id).limit(1))


def copy_content(session: Session, version: DocumentVersion, sink: IO[bytes]) -> None:
    """Write a version's bytes to `sink`, a piece at a time.

    Raises DocumentNotFoundError for who is erased, and DocumentDamagedError behind the last piece when they are not
    what was stored: then use nothing of the sink.
    """
    if version.content_digest is None:
        raise DocumentNotFoundError
    made, size = hashlib.sha256(), 0
    for piece in _pieces(session, version):
        made.update(piece)
        size += len(piece)
        sink.write(piece)
    if size != version.size or made.hexdigest() != version.content_digest:
        raise DocumentDamagedError


def is_whole(session: Session, version: DocumentVersion) -> bool:
    """Tell whether a version's bytes are those that were stored."""
    made = hashlib.sha256()
    for piece in _pieces(session, version):
        made.update(piece)
    return made.hexdigest() == version.content_digest


def each_stored(session: Session) -> Iterator[DocumentVersion]:
    """Yield the versions under which bytes lie."""
    wanted = select(DocumentVersion).where(
        DocumentVersion.content_of == DocumentVersion.id, DocumentVersion.content_digest.is_not(None)
    )
    ordered = wanted.order_by(DocumentVersion.id).execution_options(yield_per=MANY_AT_ONCE)
    yield from session.scalars(ordered)


def offered_kinds(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Return (code, word) of the kinds to choose from: head office's, or those every branch knows."""
    published = codes(session, CodeTable.DOCUMENT_KIND, now=now)
    if published is None:
        return [*own_words().items()]
    return [(one.code, one.word(current_language())) for one in published]


def asked_of_kinds(session: Session, now: datetime) -> dict[str, tuple[str, ...]]:
    """Return by kind what head office asks of papers of it; of a kind that is not offered any more, nothing."""
    published = code_table(session, CodeTable.DOCUMENT_KIND, now=now) or []
    return {one.code: one.asks for one in published if one.asks and not one.withdrawn}


def kind_words(session: Session) -> dict[str, str]:
    """Return what every kind is called that a document may have, also one that is no longer offered."""
    told = {one.code: one.word(current_language()) for one in words_of(session, CodeTable.DOCUMENT_KIND)}
    return own_words() | told


def _pieces(session: Session, version: DocumentVersion) -> Iterator[bytes]:
    wanted = (
        select(DocumentChunk.data)
        .where(DocumentChunk.version_id == version.content_of)
        .order_by(DocumentChunk.no)
        .execution_options(yield_per=AT_ONCE)
    )
    with session.execute(wanted) as rows:
        for row in rows:
            yield bytes(row[0])


def words_of_document(document: Any) -> list[str]:  # noqa: ANN401 - a Document or a row of its table
    """Return the words under which a document is found."""
    return terms_of(document.name, document.number)


def words_of_file(version: Any) -> list[str]:  # noqa: ANN401 - a DocumentVersion or a row of its table
    """Return the words under which a document is found by its file."""
    return terms_of(version.file_name)


def _conditions(
    session: Session, wanted: DocumentFilter, words: Mapping[str, str]
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Document.retired_at.is_not(None) if wanted.retired else Document.retired_at.is_(None)
    ]
    if wanted.kind:
        conditions.append(Document.kind == wanted.kind)
    if wanted.customer_id:
        conditions.append(Document.customer_id == wanted.customer_id)
    if wanted.manager_id:
        conditions.append(Customer.manager_id == wanted.manager_id)
    if wanted.until is not None:
        conditions.append(Document.valid_until <= wanted.until)
    if wanted.text:
        met = _met_by(session, wanted.text.strip(), words)
        conditions.append(false() if met is None else met)
    return conditions


def _met_by(session: Session, text: str, words: Mapping[str, str]) -> ColumnElement[bool] | None:
    """Return which documents' title and number, or whose newest file's name, meet every word; also by kind.

    None where there are none for sure.
    """
    kinds = [code for code, word in words.items() if text.casefold() in word.casefold()]
    indexes = [one for one in (DOCUMENT_SEARCH, DOCUMENT_FILE_SEARCH) if one.may_find(session, text)]
    few = not kinds and all(one.few(session, text) is not None for one in indexes)
    found: list[Select[Any]] = []
    if DOCUMENT_SEARCH in indexes:
        named = select(Document.id).where(DOCUMENT_SEARCH.met_by(session, text, Document.id))
        found.append(named if few else DOCUMENT_SEARCH.matching(session, text))
    if DOCUMENT_FILE_SEARCH in indexes:
        newest = (Document.id == DocumentVersion.document_id) & (Document.versions == DocumentVersion.no)
        filed = select(DocumentVersion.document_id).join(Document, newest)
        found.append(filed.where(DOCUMENT_FILE_SEARCH.met_by(session, text, DocumentVersion.id)))
    if kinds:
        found.append(select(Document.id).where(Document.kind.in_(kinds)))
    if not found:
        return None
    met = select(union_all(*found).subquery().c[0])
    return Among(Document.id, met) if few else Document.id.in_(met)

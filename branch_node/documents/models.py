"""Documents, their versions, and the bytes in pieces: in the database, so that they are saved and erased with it."""

from datetime import date, datetime
from typing import Final, cast

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, LargeBinary, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.base import Base, Id
from shared.db.personal import FieldClass, about, not_personal, personal
from shared.db.search_followed import FollowedTable
from shared.domain.documents.vocabulary import KIND_LENGTH, is_sensitive
from shared.domain.vocabulary import Vocabulary
from shared.errors import N_

TITLE_LENGTH: Final = 120
FILE_NAME_LENGTH: Final = 200
REASON_LENGTH: Final = 200


class OpeningReason(Vocabulary):
    """Why an identity paper is looked at; a closed list, so that the log says nothing personal."""

    CHECK_PERSON = ("check_person", N_("to check who somebody is"), "核对身份")
    CONTRACT = ("contract", N_("to write or change a contract"), "办理合同")
    ASKED = ("asked", N_("the customer asked for it"), "客户本人要求")
    FILE_CHECK = ("file_check", N_("to check the file"), "核查档案")
    AUTHORITY = ("authority", N_("an authority asked for it"), "有权机关要求")


class Document(Base):
    """One paper of a customer; retired ones are kept, and what they are is said once more by every version.

    `versions` is the number of the newest version. Nothing but an erasure destroys a document.
    """

    __tablename__ = "documents"
    __log__ = "document"
    __table_args__ = (
        CheckConstraint("versions >= 1", name="has_a_version"),
        CheckConstraint("(retired_at IS NULL) = (retired_by IS NULL)", name="retired_by_somebody"),
        Index("ix_documents_customer_id", "customer_id"),
        Index("ix_documents_kind", "kind"),
        Index("ix_documents_valid_until", "valid_until"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    customer_id: Mapped[str] = mapped_column(Id, ForeignKey("customers.id"), info=about("customer"))
    kind: Mapped[str] = mapped_column(String(KIND_LENGTH), info=not_personal())
    name: Mapped[str] = mapped_column(String(TITLE_LENGTH), info=personal(FieldClass.FREE_TEXT))
    number: Mapped[str | None] = mapped_column(String(60), info=personal(FieldClass.FREE_TEXT))
    dated_on: Mapped[date | None]
    valid_until: Mapped[date | None]
    remark: Mapped[str | None] = mapped_column(String(500), info=personal(FieldClass.FREE_TEXT))
    versions: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]
    created_by: Mapped[str] = mapped_column(String(80))
    updated_at: Mapped[datetime]
    updated_by: Mapped[str] = mapped_column(String(80))
    retired_at: Mapped[datetime | None]
    retired_by: Mapped[str | None] = mapped_column(String(80))
    retire_reason: Mapped[str | None] = mapped_column(
        String(REASON_LENGTH), info=personal(FieldClass.FREE_TEXT)
    )

    @property
    def is_sensitive(self) -> bool:
        """Whether it may only be opened for a reason that is told."""
        return is_sensitive(self.kind)


class DocumentVersion(Base):
    """One file of a document; never changed. A later one takes its place in lists, and it stays readable.

    `content_of` is the version under which the bytes lie: the same content is stored once a customer. Once they are
    erased there is no digest and there are no bytes.
    """

    __tablename__ = "document_versions"
    __table_args__ = (
        Index("ix_document_versions_document_id", "document_id", "no", unique=True),
        Index("ix_document_versions_customer_id", "customer_id", "content_digest"),
        Index("ix_document_versions_content_of", "content_of"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    document_id: Mapped[str] = mapped_column(Id, ForeignKey("documents.id"))
    customer_id: Mapped[str] = mapped_column(Id, ForeignKey("customers.id"), info=about("customer"))
    no: Mapped[int] = mapped_column(Integer)
    file_name: Mapped[str] = mapped_column(String(FILE_NAME_LENGTH), info=personal(FieldClass.FREE_TEXT))
    form: Mapped[str] = mapped_column(String(10), info=not_personal())
    size: Mapped[int] = mapped_column(Integer)
    content_digest: Mapped[str | None] = mapped_column(String(64), info=personal(FieldClass.FREE_TEXT))
    content_of: Mapped[str] = mapped_column(Id, ForeignKey("document_versions.id"))
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(String(80))


_TITLED: Final = ("name", "number")
DOCUMENT_SEARCH: Final = FollowedTable(
    "document_search", cast("Table", Document.__table__), columns=_TITLED, looked_at=_TITLED
)
DOCUMENT_SEARCH.create_with_source()

_FILED: Final = ("file_name",)
DOCUMENT_FILE_SEARCH: Final = FollowedTable(
    "document_file_search", cast("Table", DocumentVersion.__table__), columns=_FILED, looked_at=_FILED
)
DOCUMENT_FILE_SEARCH.create_with_source()


class DocumentChunk(Base):
    """A piece of a file's bytes; of the order in which they stand."""

    __tablename__ = "document_chunks"

    version_id: Mapped[str] = mapped_column(Id, ForeignKey("document_versions.id"), primary_key=True)
    no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)

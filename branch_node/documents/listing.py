"""The list of documents: its columns, what its address asks for, and its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from branch_node.documents.models import Document, DocumentVersion
from branch_node.documents.queries import (
    SOON,
    SORTS,
    DocumentFilter,
    kind_words,
    offered_kinds,
    select_documents,
)
from branch_node.documents.sniffing import form_of
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.web.context import stamp, today
from shared.web.lists import choice_argument, id_argument, number_argument, text_argument
from shared.web.paging import Page, PageRequest, paginate
from shared.web.tables import Column

COLUMNS: Final = (
    Column(
        "name",
        _l("Title of the document"),
        "own",
        sort=True,
        link="documents.one",
        link_arg="document_id",
        edit="documents.edit",
    ),
    Column("customer", _l("Customer"), "own"),
    Column("kind", _l("Kind"), "own", sort=True),
    Column("number", _l("Number"), wide=True),
    Column("dated_on", _l("Date of the document"), "date", sort=True),
    Column("valid_until", _l("Valid until"), "own", sort=True),
    Column("form", _l("File"), "own", wide=True),
    Column("updated_at", _l("Changed"), "instant", sort=True, wide=True),
)
OF_CUSTOMER: Final = tuple(column for column in COLUMNS if column.name != "customer")
# Days ahead for which the list shows what runs out.
SPANS: Final = (0, 30, 90)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list: a document, its newest version, and whose it is."""

    document: Document
    version: DocumentVersion
    customer_no: str
    customer: str
    kind: str
    tone: str

    @property
    def id(self) -> str:
        """Whose page a row opens."""
        return self.document.id

    @property
    def form(self) -> str:
        """What its newest file is."""
        return form_of(self.version.form).code.upper()

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - templates ask for columns by name
        """Return what a column shows."""
        return getattr(self.document, name)


def tone_of(until: date | None) -> str:
    """Return how a day is marked on which a paper runs out: over, soon, or far away."""
    if until is None:
        return ""
    return "bad" if until < today() else "warn" if until <= today() + SOON else ""


def wanted_documents(customer_id: str = "") -> DocumentFilter:
    """Return what the address asks for; of one customer where one is named."""
    days = number_argument("days", SPANS)
    wanted = DocumentFilter(
        text=text_argument("q"),
        kind=text_argument("kind"),
        retired=choice_argument("state", ["retired"]) == "retired",
        until=today() + timedelta(days=days) if days is not None else None,
    )
    if customer_id:
        return replace(wanted, customer_id=customer_id)
    return replace(wanted, manager_id=id_argument("manager"))


def page_of(session: Session, wanted: DocumentFilter, *, default: str) -> Page[Listed]:
    """Return a page of the list."""
    words = kind_words(session)
    return paginate(
        session,
        select_documents(session, wanted, words),
        PageRequest.from_query(SORTS, default=default),
        sorts=SORTS,
        tie=Document.id,
        shape=lambda row: _listed(row, words),
    )


def _listed(row: Any, words: Mapping[str, str]) -> Listed:  # noqa: ANN401 - a row of `select_documents`
    document, version, customer_no, customer = row
    kind = words.get(document.kind, document.kind)
    return Listed(document, version, customer_no, customer, kind, tone_of(document.valid_until))


def choices_of(session: Session) -> dict[str, Any]:
    """Return what the filters of the list offer."""
    words = kind_words(session)
    known = dict(offered_kinds(session, stamp().at)) | {
        text: words[text] for text in [text_argument("kind")] if text in words
    }
    return {
        "kinds": [*known.items()],
        "spans": [
            (days, _("has run out") if days == 0 else _("runs out within %(days)s days", days=days))
            for days in SPANS
        ],
        "states": [("retired", _("retired ones"))],
    }

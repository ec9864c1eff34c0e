"""Documents in the search box: by title, number, file name and kind."""

from typing import Final

from flask import url_for
from sqlalchemy.orm import Session

from branch_node.documents import queries
from branch_node.documents.models import DOCUMENT_FILE_SEARCH, DOCUMENT_SEARCH, Document
from shared.i18n import gettext as _
from shared.i18n import lazy_gettext as _l
from shared.rights.vocabulary import Resource
from shared.web.finding.finder import MOST_COUNTED, Finder, Found, Hit, counted


def _find(session: Session, asked: str, limit: int, offset: int) -> Found:
    words = queries.kind_words(session)
    rows, total = queries.found(session, asked, words, limit, offset=offset)
    hits = [_hit(document, words, f"{name} ({number})") for document, _version, number, name in rows]
    if offset and not hits:  # a page behind the last
        return Found((), *counted(session, queries.select_found(session, asked, words)))
    return Found(hits, min(total, MOST_COUNTED), total > MOST_COUNTED)


def _hit(document: Document, words: dict[str, str], customer: str) -> Hit:
    told = (words.get(document.kind, document.kind), document.number, customer)
    return Hit(
        document.name,
        _(", ").join(each for each in told if each),
        url_for("documents.one", document_id=document.id),
        id=document.id,
    )


DOCUMENTS: Final = Finder(
    "documents",
    _l("Documents"),
    "archive",
    Resource.DOCUMENT,
    _find,
    indexes=(DOCUMENT_SEARCH, DOCUMENT_FILE_SEARCH),
)

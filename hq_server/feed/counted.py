"""Kinds of papers that are not to be offered any more while rules or policies count them: said and asked first."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from hq_server.feed import queries
from hq_server.feed.errors import KindsCountedError
from hq_server.feed.models import FeedItem, FeedVersion
from hq_server.feed.operations import Draft
from hq_server.feed.web import paper_kinds
from shared.domain.documents.vocabulary import own_words
from shared.domain.published.codes import read_codes
from shared.domain.published.counting import COUNTING, counting_kinds
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.domain.qualification.checks import NAME
from shared.i18n import gettext as _


def settled(session: Session, kind: ItemKind, name: str, draft: Draft, *, meant: bool) -> Draft:
    """Return a draft that says which counted kinds of papers it leaves out on purpose.

    Raises KindsCountedError where it leaves some out and nobody said that it is meant.
    """
    if not is_papers(kind, name):
        return draft
    left_out = retired_by(session, draft.body)
    if not meant and (told := counted(session, left_out)):
        raise KindsCountedError(field="counted", what=_("; ").join(told))
    return replace(draft, meant=sorted(_counting(session).keys() & left_out))


def refuse_publication(session: Session, item: FeedItem, *, meant: bool) -> None:
    """Let nobody publish a draft that leaves out a counted kind before they say it is meant.

    Raises KindsCountedError.
    """
    draft = queries.standing_of(session, item).draft
    if meant or draft is None or not is_papers(item.kind, item.name):
        return
    if told := counted(session, retired_by(session, draft.body)):
        raise KindsCountedError(field="counted", what=_("; ").join(told))


def not_meant(session: Session, item: FeedItem, draft: FeedVersion) -> list[str]:
    """Return the kinds that a draft leaves out and something has come to count since it was written."""
    if not is_papers(item.kind, item.name):
        return []
    return sorted(_counting(session).keys() & retired_by(session, draft.body) - set(draft.meant))


def is_papers(kind: ItemKind, name: str) -> bool:
    """Tell whether an item is the table of the kinds of papers."""
    return kind is ItemKind.CODE_TABLE and name == CodeTable.DOCUMENT_KIND


def retired_by(session: Session, body: Mapping[str, Any]) -> set[str]:
    """Return the kinds that are offered now and would not be any more with such a table."""
    return paper_kinds(session).keys() - {code.code for code in read_codes(body) if not code.withdrawn}


def retired_without(session: Session) -> set[str]:
    """Return the kinds that are offered now and would not be any more without the table."""
    return paper_kinds(session).keys() - own_words().keys()


def counted(session: Session, kinds: Collection[str]) -> list[str]:
    """Return for each of these kinds that something counts what does, also a draft."""
    found = _counting(session)
    words = paper_kinds(session)
    return [
        _("%(kind)s: %(what)s", kind=words.get(kind, kind), what=_(", ").join(found[kind]))
        for kind in sorted(found.keys() & set(kinds))
    ]


def _counting(session: Session) -> dict[str, list[str]]:
    """Return by kind what counts it, in words."""
    rules = (body for _name, body in _bodies(session, ItemKind.RULES, (NAME,)))
    policies = ((name, body.get("value")) for name, body in _bodies(session, ItemKind.POLICY, COUNTING))
    return counting_kinds(rules, policies)


def _bodies(
    session: Session, kind: ItemKind, names: Collection[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in names:
        item = queries.find_named(session, kind, name)
        found = queries.standing_of(session, item) if item is not None else None
        for version in (found.current, found.draft) if found else ():
            if version is not None and not version.withdrawn:
                yield name, version.body

"""What the pages of published items share: their words, the filters of the list, and the list as people see it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import g, request
from sqlalchemy.orm import Session

from hq_server.feed import queries, standing
from hq_server.feed.queries import ItemFilter, Standing
from hq_server.feed.standing import UNJOINED, WAITING
from shared.domain.documents.vocabulary import own_words
from shared.domain.published.policies import POLICIES
from shared.domain.published.vocabulary import PUBLISHED_KINDS, CodeTable, ItemKind
from shared.domain.published.words import code_word, item_name, kind_word, summary
from shared.domain.qualification.checks import NAME as RULE_SET
from shared.errors import N_
from shared.i18n import current_language
from shared.web.context import reading
from sync_protocol.contract.feed import APPLIED, RECEIVED, REFUSED

MOST_TEXT: Final = 80
STATES: Final = {
    "draft": (N_("draft"), ""),
    "scheduled": (N_("scheduled"), "info"),
    "published": (N_("published"), "ok"),
    "expired": (N_("expired"), ""),
    "withdrawn": (N_("withdrawn"), "warn"),
}
OUTCOMES: Final = {
    APPLIED: (N_("applied"), "ok"),
    RECEIVED: (N_("received"), "info"),
    REFUSED: (N_("refused"), "bad"),
    WAITING: (N_("not yet"), "warn"),
    UNJOINED: (N_("no node yet"), ""),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks the list for."""

    text: str
    kinds: frozenset[str]
    states: frozenset[str]


@dataclass(frozen=True, slots=True)
class Listed:
    """One item as the list shows it."""

    found: Standing
    name: str
    kind: str
    state: str
    says: str
    addressed: int
    applied: int
    refused: int
    reads: int | None
    readers: int | None


def coded(code: str | None, table: str) -> str:
    """Show a code of a record with the word people read, as it is published now; other words as they stand."""
    if not code:
        return ""
    known: dict[str, dict[str, str]] = g.setdefault("feed_codes", {})
    if table not in known:
        named = next(one for one in CodeTable if one.value == table)
        with reading() as session:
            known[table] = words_of(session, named)
    return known[table].get(code, code)


def words_of(session: Session, table: CodeTable) -> dict[str, str]:
    """Return the codes of a table, each with its word beside it, in the reader's language."""
    return {one.code: code_word(one) for one in queries.code_words(session, table)}


def published_words(session: Session, table: CodeTable) -> dict[str, str]:
    """Return the words of the codes of a table, by code."""
    return {one.code: one.word(current_language()) for one in queries.code_words(session, table)}


def paper_words() -> dict[str, str]:
    """Return what head office calls the kinds of papers, for the sentences of this request's page."""
    if "paper_words" not in g:
        with reading() as session:
            g.paper_words = published_words(session, CodeTable.DOCUMENT_KIND)
    found: dict[str, str] = g.paper_words
    return found


def paper_kinds(session: Session) -> dict[str, str]:
    """Return the kinds of papers that branches can be asked for: those published, or those every node knows."""
    told = {
        one.code: one.word(current_language())
        for one in queries.code_words(session, CodeTable.DOCUMENT_KIND)
        if not one.withdrawn
    }
    return told or own_words()


def asked() -> Filters:
    """Return the filters of the address."""
    kinds = frozenset(request.args.getlist("kind")) & {kind.value for kind in PUBLISHED_KINDS}
    states = frozenset(request.args.getlist("state")) & set(STATES)
    return Filters(request.args.get("q", "").strip()[:MOST_TEXT], kinds, states)


def listed(session: Session, filters: Filters, now: datetime) -> list[Listed]:
    """Return the items that meet the filters, the latest made first, each with how the branches stand."""
    wanted = ItemFilter(filters.text, _named(filters.text), filters.kinds)
    found = [
        (one, state)
        for one in queries.list_standings(session, wanted)
        if (state := one.state(now)) in filters.states or not filters.states
    ]
    counts: dict[str, Counter[str]] = {}
    reads: dict[str, list[tuple[int, int]]] = {}
    for row in standing.rows(session, now, items=[one.item.id for one, _state in found]) if found else ():
        for item_id, cell in row.cells.items():
            counts.setdefault(item_id, Counter())[cell.outcome] += 1
            if cell.telling is not None and cell.telling.readers is not None:
                reads.setdefault(item_id, []).append((cell.telling.reads or 0, cell.telling.readers))
    return [
        _row(one, state, counts.get(one.item.id, Counter()), reads.get(one.item.id)) for one, state in found
    ]


def _row(one: Standing, state: str, counts: Counter[str], reads: list[tuple[int, int]] | None) -> Listed:
    item = one.item
    version = one.current or one.draft
    return Listed(
        found=one,
        name=item_name(item.kind.value, item.name, item.title),
        kind=kind_word(item.kind.value),
        state=state,
        says=summary(item.kind.value, item.name, version.body, paper_words()) if version else "",
        addressed=counts.total(),
        applied=counts[APPLIED],
        refused=counts[REFUSED],
        reads=sum(pair[0] for pair in reads) if reads else None,
        readers=sum(pair[1] for pair in reads) if reads else None,
    )


def _named(text: str) -> tuple[str, ...]:
    """Return the tables and policies whose name or word holds `text`, in the reader's language."""
    wanted = text.casefold()
    known: list[tuple[str, Any]] = [(ItemKind.CODE_TABLE.value, table.value) for table in CodeTable]
    known += [(ItemKind.POLICY.value, name) for name in POLICIES]
    known.append((ItemKind.RULES.value, RULE_SET))
    return tuple(
        name for kind, name in known if wanted and wanted in f"{name} {item_name(kind, name)}".casefold()
    )

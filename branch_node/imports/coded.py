"""Codes that head office publishes, as files may spell them: by the code or by either of its words."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from branch_node.imports.parsers import CellError, Parser
from branch_node.inbound.queries import codes, words_of
from shared.domain.published.vocabulary import CodeTable
from shared.errors import N_

UNKNOWN_CODE = N_(
    "%(value)s is not a code that head office publishes, or it is withdrawn. See From head office."
)
# What states hold may be there from before; a new fact names what is offered now.
OF_FACTS = frozenset({CodeTable.PRODUCT})
Known = Mapping[str, Mapping[str, str]]


def known_codes(session: Session, now: datetime) -> Known:
    """Return by table the code that each spelling means; a table that is not in force is left out: anything goes."""
    known = {}
    for table in CodeTable:
        offered = codes(session, table, now=now)
        if offered is None:
            continue
        found = offered if table in OF_FACTS else words_of(session, table)
        spelt = {word.casefold(): one.code for one in found for word in (one.zh, one.en) if word}
        known[table.value] = spelt | {one.code.casefold(): one.code for one in found}
    return known


def coded(parse: Parser, table: CodeTable, known: Known) -> Parser:
    """Return a parser of a code of `table`; of whatever `parse` takes while no such table is in force."""
    spelt = known.get(table.value)
    return parse if spelt is None else lambda raw: _code(str(parse(raw)), spelt)


def coded_list(parse: Parser, table: CodeTable, known: Known) -> Parser:
    """Return a parser of several codes of `table`."""
    spelt = known.get(table.value)
    if spelt is None:
        return parse

    def read(raw: str) -> list[str]:
        found = parse(raw)
        assert isinstance(found, list)
        return [_code(one, spelt) for one in found]

    return read


def _code(word: str, spelt: Mapping[str, str]) -> str:
    code = spelt.get(word.casefold())
    if code is None:
        raise CellError(UNKNOWN_CODE, "unknown-code", value=word[:40])
    return code

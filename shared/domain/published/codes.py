"""Code tables as they travel: each code once, with its words, in the order in which forms offer them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from shared.domain.documents.asking import ASKS
from shared.domain.documents.asking import problem_of as asks_problem
from shared.domain.published.vocabulary import CodeTable
from shared.errors import N_, FieldError
from shared.i18n import gettext, use_language
from shared.rights.vocabulary import StaffKind

MOST_CODES: Final = 2_000
WORD_LENGTH: Final = 60
# A code stands in the column it is for.
CODE_LENGTH: Final[Mapping[str, int]] = {
    CodeTable.PRODUCT: 60,
    CodeTable.CUSTOMER_TAG: 30,
    CodeTable.CORRECTION_REASON: 60,
    CodeTable.MANAGER_POST: 60,
    CodeTable.MANAGER_LEVEL: 30,
    CodeTable.DOCUMENT_KIND: 30,
    CodeTable.UNIT_PRODUCT: 60,
    CodeTable.STAFF_KIND: 20,
}
# Forms and files part tags by these.
TAG_SEPARATORS: Final = frozenset(";；、,，|")
UNKNOWN_TABLE: Final = N_("This code table is not known to this version of the program.")
NOT_A_TABLE: Final = N_("These are no codes: each needs a code of its own, and words that are texts.")
NOT_THE_KINDS: Final = N_("These are the six kinds of staff: their words may change, no kind comes or goes.")
TOO_MANY: Final = N_("A code table holds at most 2,000 codes.")
TOO_LONG: Final = N_("A code or a word of this table is too long.")


class CodeLineError(FieldError):
    """A line of a code table cannot be read."""

    code = "code-line"
    message = N_(
        "Line %(line)s: write the code, then perhaps its Chinese and English words, parted by |, each code once."
    )


class CodeAsksError(FieldError):
    """A line of the kinds of documents says something of a kind that is not known."""

    code = "code-line-asks"
    message = N_(
        "Line %(line)s: what a kind asks for is one or several of: %(known)s; with commas between them."
    )


@dataclass(frozen=True, slots=True)
class Code:
    """One code: what records hold, and what people read; `withdrawn` ones stay readable and are not offered.

    `asks` is what a kind of documents asks for; no other code asks for anything.
    """

    code: str
    zh: str = ""
    en: str = ""
    withdrawn: bool = False
    asks: tuple[str, ...] = ()

    def word(self, language: str) -> str:
        """Return what a person who reads `language` is shown."""
        return (self.zh if language.startswith("zh") else self.en) or self.zh or self.en or self.code


def read_codes(body: Mapping[str, Any]) -> list[Code]:
    """Return the codes of a table that `problem_of` finds good."""
    return [
        Code(**{name: one[name] for name in one if name in _MEMBERS}, asks=tuple(one.get("asks", ())))
        for one in body["codes"]
    ]


def write_codes(codes: Iterable[Code]) -> dict[str, Any]:
    """Return codes as they travel."""
    return {
        "codes": [
            {"code": one.code, "zh": one.zh, "en": one.en, "withdrawn": one.withdrawn}
            | ({"asks": list(one.asks)} if one.asks else {})
            for one in codes
        ]
    }


def problem_of(name: str, body: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a code table, as a msgid, or None."""
    table = next((one for one in CodeTable if one.value == name), None)
    if table is None:
        return UNKNOWN_TABLE
    codes = body.get("codes")
    if not isinstance(codes, list) or not all(_is_code(one) for one in codes):
        return NOT_A_TABLE
    if len(codes) > MOST_CODES:
        return TOO_MANY
    parted = table is CodeTable.CUSTOMER_TAG and any(set(one["code"]) & TAG_SEPARATORS for one in codes)
    if parted or len({one["code"] for one in codes}) != len(codes):
        return NOT_A_TABLE
    if any(len(one["code"]) > CODE_LENGTH[table] or _longest_word(one) > WORD_LENGTH for one in codes):
        return TOO_LONG
    return _own_problem(table, codes)


def _own_problem(table: CodeTable, codes: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what is wrong with what only codes of this table say."""
    if table is CodeTable.DOCUMENT_KIND:
        return next(filter(None, (asks_problem(one["code"], one.get("asks", [])) for one in codes)), None)
    return NOT_THE_KINDS if table is CodeTable.STAFF_KIND and not _are_the_kinds(codes) else None


def parse_lines(text: str, before: Sequence[Code] = (), *, asking: bool = False) -> list[Code]:
    """Return the codes of a form, one a line; those of `before` that are left out are withdrawn, not gone.

    With `asking` a fourth part of a line may say what the kind asks for. Raises CodeLineError and CodeAsksError.
    """
    found: dict[str, Code] = {}
    for number, line in enumerate(unicodedata.normalize("NFC", text).splitlines(), 1):
        parts = [" ".join(part.split()) for part in line.replace("\uff5c", "|").split("|")]
        if not any(parts):
            continue
        if not parts[0] or len(parts) > 3 + asking or parts[0] in found:
            raise CodeLineError(field="codes", line=number)
        words = [*parts[1:], "", "", ""]
        found[parts[0]] = Code(parts[0], words[0], words[1], asks=_asks(words[2], number))
    gone = (one for one in before if one.code not in found)
    return [*found.values(), *(replace(one, withdrawn=True) for one in gone)]


def lines_of(codes: Iterable[Code]) -> str:
    """Return the codes that are offered as the text of a form."""
    return "\n".join(
        " | ".join((one.code, one.zh, one.en, asks_word(one.asks))).rstrip(" |")
        for one in codes
        if not one.withdrawn
    )


def asks_word(asks: Iterable[str]) -> str:
    """Return what a kind of documents asks for, in the reader's words."""
    return gettext(", ").join(gettext(ASKS[one]) for one in asks if one in ASKS)


def _asks(text: str, line: int) -> tuple[str, ...]:
    """Return what is asked for in the order of ASKS; words of either language and the names of fields are known."""
    known = {name: name for name in ASKS} | {word: name for name, word in ASKS.items()}
    known |= {_in_chinese(word): name for name, word in ASKS.items()}
    given = [part.strip().casefold() for part in re.split("[,，、]", text) if part.strip()]
    if not all(one in known for one in given):
        raise CodeAsksError(field="codes", line=line, known=asks_word(ASKS))
    meant = {known[one] for one in given}
    return tuple(name for name in ASKS if name in meant)


def _longest_word(one: Mapping[str, Any]) -> int:
    return max(len(one.get("zh", "")), len(one.get("en", "")))


def kind_names() -> list[Code]:
    """Return the kinds of staff with the names they have when nobody has given them others."""
    return [Code(kind.value, _in_chinese(kind.label), kind.label) for kind in StaffKind]


def _in_chinese(msgid: str) -> str:
    with use_language("zh_CN"):
        return gettext(msgid)


def _are_the_kinds(codes: Sequence[Mapping[str, Any]]) -> bool:
    withdrawn = any(one.get("withdrawn") for one in codes)
    return not withdrawn and {one["code"] for one in codes} == {kind.value for kind in StaffKind}


_MEMBERS: Final = ("code", "zh", "en", "withdrawn")


def _is_code(one: object) -> bool:
    return (
        isinstance(one, Mapping)
        and isinstance(one.get("code"), str)
        and bool(one["code"].strip())
        and all(isinstance(one.get(name, ""), str) for name in ("zh", "en"))
        and isinstance(one.get("withdrawn", False), bool)
    )

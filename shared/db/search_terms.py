"""The words under which a text is found: pure functions, the same at both tiers and on both databases.

Chinese text is found by one character, by two neighbours and by more; by its full pinyin from any
syllable on, and by pinyin initials, with every reading of a character (单 is dan, shan and chan: which
of them is the surname only its bearer knows). Latin words are found by how they begin, numbers by
how they begin and by their last four digits or more. Traditional characters and simplified ones find each
other: both sides are looked at simplified, character by character, for what stands beside one must not
decide how it is compared.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final

MIN_TAIL: Final = 4
# Longer texts are found by their first characters only; no name comes near it.
MAX_RUN: Final = 60
WINDOW_SYLLABLES: Final = 4
WINDOW_INITIALS: Final = 6
# A person's name gets every combination of readings; a company's long name only the likely ones.
NAME_LENGTH: Final = 4
MAX_SPELLINGS: Final = 16
MAX_SPELLINGS_LONG: Final = 4
MAX_QUERY_GROUPS: Final = 12
TAIL_MARK: Final = "_"
WHOLE_MARK: Final = "__"

_HAN: Final = "〇㐀-鿿豈-﫿\U00020000-\U0003ffff"
_PIECES = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_HAN_FIRST = re.compile(rf"[{_HAN}]")
_MIXED = re.compile(r"[0-9]+|[^0-9]+")
_ONE_NUMBER = re.compile(r"\+?[0-9][0-9\s()\-]*")
_COUNTRY = re.compile(r"^(?:\+|00)86(?=1[0-9]{10}$)")
# How people and documents spell a syllable that pinyin writes with ü.
_UMLAUT: Final = {"lv": ("lv", "lu", "lyu"), "nv": ("nv", "nu", "nyu")}


@dataclass(frozen=True, slots=True)
class Term:
    """One word to look for, exactly or by how it begins."""

    text: str
    prefix: bool = False


# All groups must be met; a group is met by any of its terms.
Query = tuple[tuple[Term, ...], ...]


def fold(text: str) -> str:
    """Return `text` as it is compared: compatibility forms unified (full-width digits), case folded."""
    return unicodedata.normalize("NFKC", text).casefold()


def simplified(text: str) -> str:
    """Return `text` with each traditional character as its simplified one; everything else stays."""
    return text if text.isascii() else text.translate(_simplified())


@cache
def _simplified() -> dict[int, str]:
    lines = Path(__file__).with_name("simplified.txt").read_text(encoding="utf-8").splitlines()
    return {ord(pair[0]): pair[1] for line in lines if not line.startswith("#") for pair in line.split()}


def terms_of(*texts: str | None) -> list[str]:
    """Return every word under which a record with these texts is found, without doubles."""
    found: dict[str, None] = {}
    for text in texts:
        if text:
            written = fold(text)
            # Also as it is written: 乾 is read qian, what it is simplified to is read gan.
            for form in dict.fromkeys((simplified(written), written)):
                found.update(dict.fromkeys(_terms(form)))
    return list(found)


def text_terms(*texts: str | None) -> list[str]:
    """Return the words under which running text is found: as `terms_of`, but nobody looks for a sentence by pinyin."""
    found: dict[str, None] = {}
    for text in texts:
        if text:
            found.update(dict.fromkeys(_terms(simplified(fold(text)), spelt=False)))
    return list(found)


def whole_term(name: str) -> str:
    """Return the one word of a whole name, whatever its spaces, dots, cases and forms of characters; no text has it."""
    return WHOLE_MARK + "".join(_PIECES.findall(simplified(fold(name))))[:MAX_RUN]


def holder_term(holder_id: str) -> str:
    """Return the one word of all records that somebody holds; no text has it."""
    return f"{WHOLE_MARK}of{holder_id.replace('-', '')}"


def query_terms(text: str) -> Query:
    """Return what a person's words ask for; empty when they hold nothing to look for."""
    folded = simplified(fold(text)).strip()
    if _ONE_NUMBER.fullmatch(folded):
        digits = re.sub(r"[^0-9]", "", _COUNTRY.sub("", re.sub(r"[\s()\-]", "", folded)))
        return (_number_group(digits),)
    groups: dict[tuple[Term, ...], None] = {}
    for piece in _PIECES.findall(folded):
        groups.update(dict.fromkeys(_groups(piece)))
    return tuple(groups)[:MAX_QUERY_GROUPS]


def _terms(folded: str, *, spelt: bool = True) -> Iterable[str]:
    for piece in _PIECES.findall(folded):
        if _HAN_FIRST.match(piece):
            yield from _han_terms(piece[:MAX_RUN])
            if spelt:
                yield from _pinyin_terms(piece[:MAX_RUN])
        else:
            yield from _word_terms(piece)
    for chunk in folded.split():
        if not _HAN_FIRST.search(chunk):
            yield from _joined(chunk)


def _joined(chunk: str) -> Iterable[str]:
    """Yield 7590vhveg for 7590-VHVEG and a phone number's digits for one written with dashes."""
    pieces = _PIECES.findall(chunk)
    if len(pieces) > 1:
        yield from _word_terms("".join(pieces))


def _word_terms(word: str) -> Iterable[str]:
    yield word
    parts = _MIXED.findall(word)
    for part in parts:
        if part[0] in "0123456789":
            yield from _digit_terms(part)
        elif len(parts) > 1:
            yield part


def _digit_terms(digits: str) -> Iterable[str]:
    yield digits
    bare = digits.lstrip("0")
    if bare:
        yield bare
    if len(digits) >= MIN_TAIL:
        yield TAIL_MARK + digits[::-1]


def _han_terms(run: str) -> Iterable[str]:
    yield from run
    yield from (run[i : i + 2] for i in range(len(run) - 1))


@cache
def _pypinyin() -> Any:  # noqa: ANN401 - a module
    # Its dictionary takes as long to load as the rest of a command: only who spells something waits for it.
    return import_module("pypinyin")


def _pinyin_terms(run: str) -> Iterable[str]:
    # A short run may be anybody's name, so its neighbours say nothing; a long one reads as they suggest.
    usual = _pypinyin().lazy_pinyin(run) if len(run) > NAME_LENGTH else [""] * len(run)
    if len(usual) != len(run):  # pypinyin keeps characters it does not know in one piece: no pinyin then
        return
    readings = [_readings(character, said) for character, said in zip(run, usual, strict=True)]
    initials = [tuple(dict.fromkeys(reading[0] for reading in each)) for each in readings]
    limit = MAX_SPELLINGS if len(run) <= NAME_LENGTH else MAX_SPELLINGS_LONG
    for start in range(len(run)):
        yield from _spellings(readings[start : start + WINDOW_SYLLABLES], limit)
        if len(run) - start > 1:
            yield from _spellings(initials[start : start + WINDOW_INITIALS], limit)
    if len(run) > WINDOW_SYLLABLES:
        yield "".join(each[0] for each in readings)
        yield "".join(each[0] for each in initials)


@lru_cache(maxsize=32768)
def _readings(character: str, said: str) -> tuple[str, ...]:
    """Return every reading of a character without tones; the one its neighbours suggest, if any, first."""
    every = [said, *_pypinyin().pinyin(character, heteronym=True, style=_pypinyin().Style.NORMAL)[0]]
    spelled = (form for reading in every for form in _UMLAUT.get(reading, (reading,)))
    return tuple(dict.fromkeys(form for form in spelled if form.isascii() and form.isalpha())) or (character,)


def _spellings(readings: Sequence[Sequence[str]], limit: int) -> Iterable[str]:
    """Yield every combination of readings; when too many, those one reading away from the usual."""
    if prod(len(each) for each in readings) <= limit:
        yield from ("".join(each) for each in product(*readings))
        return
    usual = [each[0] for each in readings]
    yield "".join(usual)
    for at, each in enumerate(readings):
        for other in each[1:]:
            yield "".join([*usual[:at], other, *usual[at + 1 :]])


def _groups(piece: str) -> Iterable[tuple[Term, ...]]:
    if not _HAN_FIRST.match(piece):
        yield _number_group(piece) if piece.isascii() and piece.isdigit() else (Term(piece, prefix=True),)
    elif len(piece) == 1:
        yield (Term(piece),)
    else:
        yield from ((Term(piece[i : i + 2]),) for i in range(min(len(piece), MAX_RUN) - 1))


def _number_group(digits: str) -> tuple[Term, ...]:
    begins = Term(digits, prefix=True)
    if len(digits) < MIN_TAIL:
        return (begins,)
    return (begins, Term(TAIL_MARK + digits[::-1], prefix=True))

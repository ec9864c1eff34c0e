"""What of a customer two files are compared by: folded, spelled in pinyin, cut into words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

from shared.db.search_terms import fold

# The columns of a customer that take part; a change of any other leaves what was decided as it is.
COMPARED: Final = (
    "kind",
    "name",
    "id_no",
    "mobile",
    "phone",
    "email",
    "wechat",
    "region_code",
    "address",
    "attributes",
)
BIRTH_ATTRIBUTES: Final = ("date_of_birth", "birth_date", "birthday", "dob", "出生日期", "生日")
PHONE_TAIL: Final = 8
LEAST_PHONE: Final = 7
MOST_WORDS: Final = 12
MOST_NAME: Final = 60

_HAN: Final = "〇㐀-鿿豈-﫿\U00020000-\U0003ffff"
_WORDS = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
# A Chinese address is written without spaces; each of its parts ends with what it is.
_PART_OF_ADDRESS = re.compile(r"(?<=[省市区县镇乡村路街道巷弄号栋幢座楼室])")
_IS_HAN = re.compile(rf"[{_HAN}]")
_NOT_DIGITS = re.compile(r"[^0-9]")
_NOT_ID = re.compile(r"[^0-9a-z]")
_ID_CARD = re.compile(r"[0-9]{6}((?:18|19|20)[0-9]{6})[0-9]{3}[0-9x]")
_DIGITS = re.compile(r"[0-9]+")
# What a company's name says of its form and nothing of who it is; the longest first.
_NUMBER_SIGNS: Final = frozenset("号栋幢座楼室")
_FORMS = re.compile(
    r"股份有限公司|有限责任公司|集团有限公司|有限公司|分公司|总公司|公司|集团"
    r"|\b(?:co(?:mpany)?|ltd|limited|inc|corp(?:oration)?|llc|plc|gmbh|pty)\b\.?"
)


@dataclass(frozen=True, slots=True)
class Features:
    """A customer as it is compared; what is not known is empty and says neither yes nor no."""

    group: bool
    name: tuple[str, ...]
    spoken: tuple[str, ...]
    id_no: str
    birth: str
    phones: frozenset[str]
    email: str
    wechat: str
    region: str
    address: tuple[str, ...]


def features_of(values: Mapping[str, Any]) -> Features:
    """Return what two files are compared by, from a customer's columns by name."""
    group = str(values.get("kind") or "") == "group"
    name = _name_words(_text(values, "name")[:MOST_NAME], group=group)
    id_no = _NOT_ID.sub("", fold(_text(values, "id_no")))
    return Features(
        group=group,
        name=name,
        spoken=tuple(_spoken(word) for word in name),
        id_no=id_no,
        birth=_birth(values.get("attributes") or {}, id_no),
        phones=frozenset(_phones(_text(values, "mobile"), _text(values, "phone"))),
        email=fold(_text(values, "email")).strip(),
        wechat=fold(_text(values, "wechat")).strip(),
        region=_text(values, "region_code"),
        address=tuple(_places(_text(values, "address")))[:MOST_WORDS],
    )


def is_han(text: str) -> bool:
    """Tell whether a word is written in Chinese characters."""
    return bool(_IS_HAN.match(text))


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name) or "")


def _name_words(name: str, *, group: bool) -> tuple[str, ...]:
    folded = fold(name)
    if group:
        folded = _FORMS.sub(" ", folded)
    return tuple(_WORDS.findall(folded))[:MOST_WORDS]


def _places(address: str) -> Iterable[str]:
    for word in _WORDS.findall(_PART_OF_ADDRESS.sub(" ", fold(address))):
        if word not in _NUMBER_SIGNS:
            yield word


def _birth(attributes: Mapping[str, Any], id_no: str) -> str:
    for name in BIRTH_ATTRIBUTES:
        digits = _NOT_DIGITS.sub("", str(attributes.get(name) or ""))
        if len(digits) == len("YYYYMMDD"):
            return digits
    found = _ID_CARD.fullmatch(id_no)
    return found[1] if found and _is_day(found[1]) else ""


def _is_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _phones(*numbers: str) -> Iterable[str]:
    for number in numbers:
        digits = _NOT_DIGITS.sub("", fold(number))
        if len(digits) >= LEAST_PHONE:
            # Without the area code and the country's: how much of it was written differs from file to file.
            yield digits[-PHONE_TAIL:] if not digits.startswith("1") else digits[-11:]


@cache
def _pypinyin() -> Any:  # noqa: ANN401 - a module
    return import_module("pypinyin")


@lru_cache(maxsize=16384)
def _spoken(word: str) -> str:
    """Return how a word sounds: pinyin without tones, or a Latin word without what the ear does not tell."""
    if is_han(word):
        return "".join(_pypinyin().lazy_pinyin(word))
    return sounds_like(word)


_SOUNDS: Final = (
    (re.compile(r"[^a-z]"), ""),
    (re.compile(r"^(?:kn|gn|pn|wr|ps)"), lambda found: found[0][1]),
    (re.compile(r"ph"), "f"),
    (re.compile(r"gh"), "g"),
    (re.compile(r"ck|[cq]"), "k"),
    (re.compile(r"x"), "ks"),
    (re.compile(r"z"), "s"),
    (re.compile(r"sch|sh"), "s"),
    (re.compile(r"th"), "t"),
    (re.compile(r"d"), "t"),
    (re.compile(r"v"), "f"),
    (re.compile(r"j"), "g"),
    (re.compile(r"m"), "n"),
    (re.compile(r"(?<=.)[aeiouyhw]+"), ""),
    (re.compile(r"^[aeiouyhw]"), "a"),
    (re.compile(r"(.)\1+"), r"\1"),
)


@lru_cache(maxsize=16384)
def sounds_like(word: str) -> str:
    """Return the skeleton of a Latin word's sound; a number stays as it is."""
    if _DIGITS.fullmatch(word):
        return word
    heard = word
    for pattern, by in _SOUNDS:
        heard = pattern.sub(by, heard)
    return heard or word

"""Who is compared with whom: customers that share one of several keys. Nobody is compared with everybody."""

from collections.abc import Iterable
from hashlib import blake2b
from itertools import pairwise
from typing import Final

from shared.domain.duplicates.features import Features, is_han

# A key that more customers share than this says nothing: a hotline, the street of a market, a word everybody has.
MOST_SHARING: Final = 50
ID_END: Final = 6
SHORT_ID: Final = 10
PART: Final = 4
_BITS: Final = 8


def keys_of(one: Features) -> frozenset[int]:
    """Return the keys of a customer: 63-bit digests, of which the values cannot be read."""
    return frozenset(_digest(key) for key in _keys(one))


def _digest(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=_BITS).digest()) >> 1


def _keys(one: Features) -> Iterable[str]:
    yield from _of_numbers(one)
    yield from _of_name(one)
    yield from _of_address(one)


def _of_numbers(one: Features) -> Iterable[str]:
    if one.id_no:
        yield f"id>{one.id_no[-ID_END:]}"
        if len(one.id_no) < SHORT_ID:
            yield f"id<{one.id_no[: ID_END - 1]}"
    for phone in one.phones:
        yield f"tel:{phone}"
    for kind, value in (("mail", one.email), ("wx", one.wechat)):
        if value:
            yield f"{kind}:{value}"
    if one.birth:
        yield f"born:{one.birth}"


def _of_name(one: Features) -> Iterable[str]:
    if one.spoken:
        yield f"name:{'|'.join(sorted(one.spoken))}"
    for word in one.name:
        if is_han(word) and one.group and len(word) > PART:
            yield f"part:{word[-PART:]}"
            yield f"part:{word[:PART]}"
    for sound in set(one.spoken):
        yield from (f"{where}:{sound}|{value}" for where, value in _beside(one))


def _beside(one: Features) -> Iterable[tuple[str, str]]:
    """Yield what, together with one word of a name, few share."""
    if one.birth:
        yield "year", one.birth[:4]
    if one.region:
        yield "place", one.region
    yield from (("at", place) for place in one.address if place.isdigit())


def _of_address(one: Features) -> Iterable[str]:
    for first, second in pairwise(one.address):
        yield f"road:{first}|{second}"

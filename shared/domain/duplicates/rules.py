"""Whether two customers are one: fields compared one by one, and what they say together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler

from shared.domain.duplicates.features import Features, is_han
from shared.domain.duplicates.weights import POSSIBLE, PROBABLE, WEIGHTS, Level

NEAR_WORD: Final = 0.92
LIKE_WORD: Final = 0.82
NEAR_ADDRESS: Final = 0.7
LIKE_ADDRESS: Final = 0.45
PROVINCE, COUNTY = 2, 6
BEST: Final = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison found: the level of every field, and the bits they add up to."""

    score: float
    levels: dict[str, Level]

    @property
    def possible(self) -> bool:
        """Whether a person should look."""
        return self.score >= POSSIBLE

    @property
    def probable(self) -> bool:
        """Whether the two are one as far as a program can tell."""
        return self.score >= PROBABLE


def compare(one: Features, other: Features) -> Verdict:
    """Compare two customers field by field; a person is never an organisation."""
    levels = _quick(one, other)
    levels |= {"name": _names(one, other), "address": _address(one.address, other.address)}
    return _verdict(levels, _kinds(one, other))


def judge(one: Features, other: Features) -> Verdict | None:
    """Return what a comparison found when a person should look; most pairs are done with their numbers alone."""
    levels, kinds = _quick(one, other), _kinds(one, other)
    quick = _bits(levels) + kinds
    if quick + WEIGHTS["name"].same + WEIGHTS["address"].same < POSSIBLE:
        return None
    levels["name"] = _names(one, other)
    if quick + WEIGHTS["name"].of(levels["name"]) + WEIGHTS["address"].same < POSSIBLE:
        return None
    levels["address"] = _address(one.address, other.address)
    found = _verdict(levels, kinds)
    return found if found.possible else None


def _verdict(levels: Mapping[str, Level], kinds: float) -> Verdict:
    return Verdict(round(_bits(levels) + kinds, 2), {name: levels[name] for name in WEIGHTS})


def _quick(one: Features, other: Features) -> dict[str, Level]:
    return {
        "id_no": _number(one.id_no, other.id_no),
        "birth": _number(one.birth, other.birth),
        "phone": _phones(one, other),
        "email": _text(one.email, other.email),
        "wechat": _text(one.wechat, other.wechat),
        "region": _region(one.region, other.region),
    }


def _bits(levels: Mapping[str, Level]) -> float:
    return sum(WEIGHTS[name].of(level) for name, level in levels.items())


def _kinds(one: Features, other: Features) -> float:
    return 0.0 if one.group is other.group else -POSSIBLE


def _names(one: Features, other: Features) -> Level:
    if not one.name or not other.name:
        return Level.UNKNOWN
    if sorted(one.name) == sorted(other.name):
        return Level.SAME
    if "".join(sorted(one.spoken)) == "".join(sorted(other.spoken)):
        return Level.CLOSE
    return _words(one.name, other.name)


def _words(one: Sequence[str], other: Sequence[str]) -> Level:
    """Pair the words of the shorter name with the best of the longer; a word nobody answers is a doubt."""
    shorter, longer = sorted((sorted(one), sorted(other)), key=_size)
    found = _paired(shorter, longer)
    if min(found) >= NEAR_WORD:
        return Level.CLOSE if len(shorter) == len(longer) else Level.ALIKE
    if min(found) >= LIKE_WORD or (len(found) > 1 and max(found) >= NEAR_WORD):
        return Level.ALIKE
    return Level.DIFFERENT


def _size(words: list[str]) -> tuple[int, list[str]]:
    # Two of a length are put in one order, so that it does not matter who is compared with whom.
    return len(words), words


def _paired(shorter: Sequence[str], longer: Sequence[str]) -> list[float]:
    left = list(longer)
    found = []
    for word in shorter:
        best = max(left, key=lambda other: _alike(word, other))
        found.append(_alike(word, best))
        left.remove(best)
    return found


@lru_cache(maxsize=8192)
def _alike(one: str, other: str) -> float:
    if one == other:
        return BEST
    if is_han(one) or is_han(other):
        return OSA.normalized_similarity(one, other)
    return JaroWinkler.similarity(one, other)


def _number(one: str, other: str) -> Level:
    """Compare what is copied digit by digit: one slip is close, two are alike."""
    if not one or not other:
        return Level.UNKNOWN
    slips = OSA.distance(one, other, score_cutoff=2)
    return (Level.SAME, Level.CLOSE, Level.ALIKE, Level.DIFFERENT)[slips]


def _phones(one: Features, other: Features) -> Level:
    if not one.phones or not other.phones:
        return Level.UNKNOWN
    if one.phones & other.phones:
        return Level.SAME
    near = any(OSA.distance(a, b, score_cutoff=1) <= 1 for a in one.phones for b in other.phones)
    return Level.CLOSE if near else Level.DIFFERENT


def _text(one: str, other: str) -> Level:
    if not one or not other:
        return Level.UNKNOWN
    if one == other:
        return Level.SAME
    return Level.CLOSE if OSA.distance(one, other, score_cutoff=1) <= 1 else Level.DIFFERENT


def _region(one: str, other: str) -> Level:
    if not one or not other:
        return Level.UNKNOWN
    if one[:COUNTY] == other[:COUNTY]:
        return Level.SAME
    return Level.CLOSE if one[: COUNTY - PROVINCE] == other[: COUNTY - PROVINCE] else Level.DIFFERENT


def _address(one: Sequence[str], other: Sequence[str]) -> Level:
    if not one or not other:
        return Level.UNKNOWN
    if sorted(one) == sorted(other):
        return Level.SAME
    found = sorted(_paired(*sorted((sorted(one), sorted(other)), key=_size)), reverse=True)
    share = sum(BEST for each in found if each >= NEAR_WORD) / max(len(one), len(other))
    if share >= NEAR_ADDRESS:
        return Level.CLOSE
    return Level.ALIKE if share >= LIKE_ADDRESS else Level.DIFFERENT

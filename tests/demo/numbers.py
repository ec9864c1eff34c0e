"""Numbers that look right and belong to nobody: valid check digits, a birth region that does not exist."""

from datetime import date
from random import Random

# 99 is no province: such a card passes every check of its form and can be nobody's.
NOWHERE = "990101"
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
# Ranges for data cards and resold lines: valid in form, seldom a person's own number.
_MOBILE_PREFIXES = ("145", "147", "165", "167", "170", "171")


def id_check_digit(first_17: str) -> str:
    """Return the last character of an identity card (GB 11643, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_17, _ID_WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


def id_card(random: Random, *, born: date, female: bool) -> str:
    """Return an identity card number of nobody, born on `born`."""
    sequence = random.randrange(1, 500) * 2 - (0 if female else 1)
    body = f"{NOWHERE}{born:%Y%m%d}{sequence:03d}"
    return body + id_check_digit(body)


def credit_check_character(first_17: str) -> str:
    """Return the last character of a unified social credit code (GB 32100, MOD 31-3)."""
    total = sum(_CREDIT_ALPHABET.index(character) * pow(3, i, 31) for i, character in enumerate(first_17))
    return _CREDIT_ALPHABET[(31 - total % 31) % 31]


def credit_code(random: Random) -> str:
    """Return the unified social credit code of a firm that does not exist."""
    body = f"91{NOWHERE}" + "".join(random.choice(_CREDIT_ALPHABET) for _ in range(9))
    return body + credit_check_character(body)


def mobile(random: Random) -> str:
    """Return an eleven-digit mobile number."""
    return random.choice(_MOBILE_PREFIXES) + f"{random.randrange(10**8):08d}"


def landline(random: Random, area_code: str) -> str:
    """Return an eight-digit fixed-line number in the city of `area_code`."""
    return f"{area_code}-{random.choice('68')}{random.randrange(10**7):07d}"

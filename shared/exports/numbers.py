"""Numbers of exports: short enough to be read out, and no two alike."""

from typing import Final

from shared.ids import new_id

# Crockford's letters: none that is taken for another when it is read from paper.
LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKE: Final = str.maketrans("OIL", "011")
LENGTH: Final = 8


def new_number() -> str:
    """Return a new number such as 7K3M-Q9XA, of 40 random bits."""
    value, found = int(new_id().replace("-", "")[-10:], 16), ""
    for _position in range(LENGTH):
        value, digit = divmod(value, len(LETTERS))
        found = LETTERS[digit] + found
    return f"{found[:4]}-{found[4:]}"


def read_number(text: str) -> str | None:
    """Return what somebody typed as a number is stored, or None when it is none."""
    plain = "".join(text.split()).replace("-", "").upper().translate(_LOOK_ALIKE)
    if len(plain) != LENGTH or set(plain) - set(LETTERS):
        return None
    return f"{plain[:4]}-{plain[4:]}"

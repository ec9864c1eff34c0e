"""What a spreadsheet program would run instead of showing it."""

from typing import Final

# Also in full width, which programs in East Asian settings read as the narrow signs.
STARTS: Final = "=+-@\t\r\n＝＋－＠"
# What such programs pass over before they look; a tab or a line's end among it begins a cell of its own.
_PASSED_OVER: Final = " \u00a0\u3000\u200b\ufeff"


def begins_formula(text: str) -> bool:
    """Tell whether a spreadsheet program may take this text for a formula."""
    return text.lstrip(_PASSED_OVER)[:1] in STARTS if text.strip(_PASSED_OVER) else False

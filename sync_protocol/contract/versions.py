"""Which protocol versions exist; HQ reads N, N-1 and N-2."""

from typing import Final

PROTOCOL: Final = 1
READABLE: Final = (1,)

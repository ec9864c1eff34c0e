"""Which protocol versions exist; HQ reads N, N-1 and N-2. Which versions of records end, and when."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

PROTOCOL: Final = 1
READABLE: Final = (1,)
# A version is read for at least so long after the one that follows it was released.
READ_ON: Final = timedelta(days=730)
# By record type and version: when the version that follows it was released.
SUPERSEDED: Final[Mapping[tuple[str, int], datetime]] = {
    ("customer", 1): datetime(2026, 11, 22, tzinfo=UTC),
    ("customer", 2): datetime(2026, 11, 23, tzinfo=UTC),
}


def ending_headers(
    record: str, version: int, superseded: Mapping[tuple[str, int], datetime] = SUPERSEDED
) -> dict[str, str]:
    """Return what tells the sender of an earlier version that it ends: Deprecation (RFC 9745), Sunset (RFC 8594)."""
    since = superseded.get((record, version))
    if since is None:
        return {}
    until = (since + READ_ON).astimezone(UTC)
    return {"Deprecation": f"@{since.timestamp():.0f}", "Sunset": format_datetime(until, usegmt=True)}

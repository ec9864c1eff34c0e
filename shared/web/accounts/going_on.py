"""Where somebody goes on to who had to stop for a sign-in."""

from urllib.parse import urlsplit

from flask import request

from shared.web.errors import home_url


def next_page() -> str:
    """Return the page of this node that was wanted, or the home page; never one of another site."""
    wanted = request.values.get("next", "")
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return home_url()
    # A browser reads "//host" and "/\\host" as another site.
    local = (
        wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not (parts.netloc or parts.scheme)
    )
    printable = wanted.isprintable() and "\\" not in wanted
    return wanted if local and printable else home_url()

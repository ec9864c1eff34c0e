"""What is answered in place of every page while the node cannot work at all: without a database, sign-in or assets."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Final

from shared.errors import BranchlineError
from shared.i18n import LANGUAGES, gettext, translate_error, use_language

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

RETRY_AFTER_S: Final = 60
# Browsers ask for pages; whoever does not is a program, as a branch that pushes.
PAGE: Final = "text/html"
HEADERS: Final = (
    ("Retry-After", str(RETRY_AFTER_S)),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)


def out_of_order(error: BranchlineError, next_step: str) -> WSGIApplication:
    """Return an app that answers everything with 503, the error and what to do, in each language."""
    page, document = _page(error, next_step), _document(error)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_page = PAGE in environ.get("HTTP_ACCEPT", "")
        body, kind = (page, f"{PAGE}; charset=utf-8") if is_page else (document, "application/problem+json")
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), *HEADERS]
        start_response("503 Service Unavailable", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    return answer


def _page(error: BranchlineError, next_step: str) -> bytes:
    parts = []
    for language in sorted(LANGUAGES, reverse=True):
        with use_language(language):
            sentence, step = escape(translate_error(error)), escape(gettext(next_step))
        parts.append(
            f'<section lang="{language.replace("_", "-")}"><p>{sentence}</p><p><b>{step}</b></p></section>'
        )
    return (
        '<!doctype html><html><head><meta charset="utf-8"><title>Branchline · 503</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f"<body><h1>Branchline</h1>{''.join(parts)}</body></html>"
    ).encode()


def _document(error: BranchlineError) -> bytes:
    return json.dumps(
        {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "code": error.code,
            "detail": str(error),
            "retryable": True,
        }
    ).encode()

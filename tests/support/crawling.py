"""Following every link that pages offer, as one signed-in person: for tests of what pages promise."""

import re
from collections import Counter
from html import unescape
from typing import Final
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

# Of pages that differ in their record or filter only, as many are opened.
OF_A_VIEW: Final = 2


def crawl(app: Flask, browser: FlaskClient, *telltale: str) -> tuple[list[str], list[str], int]:
    """Return the links that were refused, the pages that tell a `telltale`, and how many pages were opened."""
    waiting, seen, views = ["/home", "/account/profile"], set[str](), Counter[str]()
    refused, telling = [], []
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = browser.get(path)
        if answer.status_code in {401, 403}:
            refused.append(path)
        if answer.location:
            waiting.append(answer.location)
        if any(word.encode() in answer.data for word in telltale):
            telling.append(path)
        for link in _links_of(answer):
            view = _view_of(app, link)
            if view is not None and link not in seen and views[view] < OF_A_VIEW:
                views[view] += 1
                waiting.append(link)
    return refused, telling, len(seen)


def _links_of(answer: TestResponse) -> list[str]:
    if answer.mimetype != "text/html":
        return []
    return list(map(unescape, re.findall(r'<a [^>]*href="(/[^"#]*)', answer.text)))


def _view_of(app: Flask, link: str) -> str | None:
    with app.test_request_context():
        adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
    endpoint, _values = adapter.match(urlsplit(link).path, method="GET")
    return None if endpoint.endswith("static") else str(endpoint)

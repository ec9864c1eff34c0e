"""A person at a node's pages without a browser: opens them, fills in their forms, and reads what they say."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

_ALERT = re.compile(r'role="alert"[^>]*>(.*?)</', re.DOTALL)
_TIMEOUT_S: Final = 60


class PageRefusedError(Exception):
    """A page did not take what was filled in; says what it said."""


@dataclass
class Form:
    """One form of a page: where it goes, what is filled in already, and the choices of its lists by their words."""

    action: str
    values: dict[str, str] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)


class Person:
    """Somebody with cookies of their own at the node `url`."""

    def __init__(self, url: str) -> None:
        """Come to the node, not signed in yet."""
        self._url = url
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def read(self, path: str, data: bytes | None = None) -> str:
        """Return a page, or the page that follows what is sent; raises PageRefusedError."""
        try:
            with self._opener.open(self._url + path, data, timeout=_TIMEOUT_S) as answer:
                return str(answer.read().decode())
        except HTTPError as error:
            said = _ALERT.search(error.read().decode(errors="replace"))
            message = f"{self._url}{path} answered {error.code}: {said[1].strip() if said else error.reason}"
            raise PageRefusedError(message) from error

    def first_sign_in(self, username: str, *, code: str, password: str) -> None:
        """Exchange a one-time code for a password, and be signed in."""
        self.send(
            "/account/first-sign-in",
            username=username,
            code=code.strip(),
            password=password,
            repeated=password,
        )

    def send(self, path: str, **values: str) -> str:
        """Fill in the form on the page `path` that has these fields, and send it; raises PageRefusedError.

        A list is filled in by the words of the choice.
        """
        form = next((form for form in forms_of(self.read(path)) if values.keys() <= form.values.keys()), None)
        if form is None:
            message = f"no form with {', '.join(values)} at {self._url}{path}"
            raise PageRefusedError(message)
        for name, value in values.items():
            form.values[name] = form.choices.get(name, {}).get(value, value)
        return self.read(form.action, urlencode(form.values).encode())


def forms_of(page: str) -> list[Form]:
    """Return the forms of a page that send something."""
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._list = ""
        self._choice: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self._form = Form(given["action"])
            self.forms.append(self._form)
        elif self._form is None:
            return
        elif tag in {"input", "textarea"} and given.get("type") != "checkbox":
            self._form.values[given.get("name", "")] = given.get("value", "")
        elif tag == "select":
            self._list = given["name"]
            self._form.values[self._list] = ""
            self._form.choices[self._list] = {}
        elif tag == "option":
            self._choice = given.get("value", "")
            if "selected" in given:
                self._form.values[self._list] = self._choice

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "option":
            self._choice = None

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._choice is not None and data.strip():
            self._form.choices[self._list][data.strip()] = self._choice

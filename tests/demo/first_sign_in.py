"""Exchanges a one-time code for a password by the page for it, as the person who got the code would."""

import re
from http.cookiejar import CookieJar
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

PAGE: Final = "/account/first-sign-in"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_ALERT = re.compile(r'role="alert"[^>]*>(.*?)</', re.DOTALL)
_TIMEOUT_S: Final = 30


class CodeNotTakenError(Exception):
    """The page did not take the code; says what it said."""


def redeem(url: str, *, username: str, code: str, password: str) -> None:
    """Set the password of `username` at the node `url`; raises CodeNotTakenError."""
    opener = build_opener(HTTPCookieProcessor(CookieJar()))
    token = _TOKEN.search(_read(opener, url + PAGE))
    if token is None:
        message = f"no form at {url}{PAGE}"
        raise CodeNotTakenError(message)
    fields = {
        "csrf_token": token[1],
        "username": username,
        "code": code.strip(),
        "password": password,
        "repeated": password,
    }
    try:
        _read(opener, url + PAGE, urlencode(fields).encode())
    except HTTPError as error:
        said = _ALERT.search(error.read().decode(errors="replace"))
        message = f"{url}{PAGE} answered {error.code}: {said[1].strip() if said else error.reason}"
        raise CodeNotTakenError(message) from error


def _read(opener: OpenerDirector, url: str, data: bytes | None = None) -> str:
    with opener.open(url, data, timeout=_TIMEOUT_S) as answer:
        return str(answer.read().decode())

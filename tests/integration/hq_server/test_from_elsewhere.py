"""Who works over the Internet has the same pages and rights through a proxy, and their real address in the log."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest
import waitress
from flask import Flask
from sqlalchemy import select

from hq_server.app import create_app
from shared.audit.models import AuditEntry
from shared.auth.models import UserSession
from shared.errors import SetupError
from shared.web.context import EXTENSION
from shared.web.proxy import TrustedProxy
from tests.integration.hq_server.conftest import PASSWORD, make_app, sign_in

NAME, AWAY, PROXY_HOST = "crm.example.com", "203.0.113.7", "127.0.0.1"
DOCS = Path(__file__).parents[3] / "docs" / "operations.md"


def rules_of_the_page() -> dict[str, str]:
    """What the nginx configuration in docs/operations.md sets on each request."""
    (block,) = re.findall(r"```nginx\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return dict(re.findall(r"proxy_set_header (\S+) (\S+);", block))


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on as nginx would with that configuration; `away` is whom it says it heard from."""

    protocol_version = "HTTP/1.1"
    target: int
    away = AWAY

    def _pass_on(self) -> None:
        earlier = self.headers.get("X-Forwarded-For")
        known = {
            "$host": self.headers["Host"],
            "$scheme": "https",
            "$proxy_add_x_forwarded_for": f"{earlier}, {self.away}" if earlier else self.away,
        }
        headers = dict(self.headers) | {name: known[value] for name, value in rules_of_the_page().items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with closing(HTTPConnection(PROXY_HOST, self.target, timeout=10)) as line:
            line.request(self.command, self.path, body or None, headers)
            answer = line.getresponse()
            content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _pass_on  # noqa: N815 - the base class's names

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


class Away:
    """A browser far away: keeps cookies as one does over HTTPS, and may lie about where it is."""

    def __init__(self, port: int, **headers: str) -> None:
        self.port, self.headers = port, {"Host": NAME, **headers}
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, **form: str) -> tuple[int, str, list[str]]:
        headers = {**self.headers, "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if form:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Referer": f"https://{NAME}{path}",
            }
        with closing(HTTPConnection(PROXY_HOST, self.port, timeout=10)) as line:
            line.request("POST" if form else "GET", path, urlencode(form) if form else None, headers)
            answer = line.getresponse()
            page = answer.read().decode()
        set_ = [value for name, value in answer.getheaders() if name.lower() == "set-cookie"]
        self.cookies |= dict(one.partition(";")[0].split("=", 1) for one in set_)
        return answer.status, page, set_

    def sign_in(self, username: str, password: str = PASSWORD) -> int:
        page = self.ask("/account/sign-in")[1]
        token = re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
        return self.ask("/account/sign-in", csrf_token=token, username=username, password=password)[0]


@contextmanager
def running(server: Any, run: Any, stop: Any) -> Iterator[Any]:
    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stop()
        thread.join(10)


@pytest.fixture
def behind(database, clock, tmp_path) -> Flask:
    """Head office's app as it is set up behind a proxy."""
    plain = make_app(database, clock, tmp_path)
    sign_in(plain, database)
    runtime = plain.extensions[EXTENSION]
    settings = replace(runtime.settings, behind_proxy=True, allowed_hosts=(NAME,))
    return create_app(replace(runtime, settings=settings))


@pytest.fixture
def proxy(behind: Flask) -> Iterator[int]:
    """The port of a proxy in front of a real server."""
    server = waitress.create_server(
        behind, host=PROXY_HOST, port=0, threads=2, clear_untrusted_proxy_headers=False
    )
    handler = type("Here", (Proxy,), {"target": server.effective_port})
    front = ThreadingHTTPServer((PROXY_HOST, 0), handler)
    with (
        running(server, server.run, server.close),
        running(front, front.serve_forever, front.shutdown),
    ):
        yield front.server_port
    front.server_close()


def test_who_works_from_elsewhere_signs_in_and_the_log_has_their_real_address(proxy, database):
    away = Away(proxy, **{"X-Forwarded-For": "10.0.0.1", "X-Real-Ip": "10.0.0.1"})

    assert away.sign_in("zhang") == 303
    status, page, _cookies = away.ask("/organisation/all")

    assert status == 200
    assert "张敏" in page
    with database.reads() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.event == "sign-in.accepted")).all()
        assert entries[-1].terminal == AWAY
        assert AWAY in session.scalars(select(UserSession.terminal)).all()


def test_the_cookie_is_for_https_and_this_host_alone(proxy):
    _status, _page, cookies = Away(proxy).ask("/account/sign-in")

    assert cookies
    assert all(one.startswith("__Host-") and "Secure" in one and "HttpOnly" in one for one in cookies)


def test_a_name_that_is_not_the_nodes_is_refused(proxy):
    assert Away(proxy, Host="elsewhere.example").ask("/account/sign-in")[0] == 421


def test_idle_and_absolute_limits_hold_from_afar(proxy, clock):
    away = Away(proxy)
    away.sign_in("zhang")
    assert away.ask("/organisation/all")[0] == 200

    clock.advance(timedelta(hours=3))
    assert away.ask("/organisation/all")[0] == 303
    away.sign_in("zhang")
    answers = []
    for _ in range(13):
        clock.advance(timedelta(hours=1))
        answers.append(away.ask("/organisation/all")[0])
    assert (answers[0], answers[-1]) == (200, 303)


@pytest.mark.parametrize(
    ("peer", "believed"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.0.2.9", False), ("", False)],
)
def test_only_the_proxys_word_is_believed(peer, believed):
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], _start: Any) -> list[bytes]:
        seen.update(environ)
        return []

    forged = {
        "REMOTE_ADDR": peer,
        "HTTP_X_FORWARDED_FOR": "198.51.100.1",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_FORWARDED_HOST": "other.example",
        "HTTP_FORWARDED": "for=198.51.100.1",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": NAME,
    }
    TrustedProxy(app, ("127.0.0.1", "::1"))(dict(forged), lambda *_: None)

    assert (seen["REMOTE_ADDR"] == "198.51.100.1") is believed
    assert (seen["wsgi.url_scheme"] == "https") is believed
    assert believed or not [name for name in seen if "FORWARDED" in name and not name.startswith("werkzeug")]


def test_a_proxy_may_be_a_network_and_nonsense_is_refused_at_the_start():
    assert TrustedProxy(lambda *_: [], ("10.0.0.0/24",))._is_ours("10.0.0.77")
    with pytest.raises(SetupError):
        TrustedProxy(lambda *_: [], ("the proxy",))

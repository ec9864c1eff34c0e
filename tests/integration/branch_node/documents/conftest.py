"""What tests of documents share: the app of a branch, and small files of each kind."""

import io
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy.orm import sessionmaker

from branch_node.documents.operations import Room, add_documents
from branch_node.documents.sniffing import Checked, check
from shared.db.scope import ScopedSession
from shared.stamp import Stamp
from tests.support.branch import ANA, database, rows, sessions
from tests.support.branch_app import administrator, app, browser, clock, make_user, sign_in

__all__ = [
    "administrator",
    "app",
    "browser",
    "clock",
    "database",
    "make_user",
    "rows",
    "sessions",
    "sign_in",
]
PNG = (
    bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108020000009077 53de".replace(" ", ""))
    + b"\0" * 40
)
PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
WIDE = Room(quota_mb=4096, stored=0)


def checked(content: bytes = PDF, name: str = "contract.pdf") -> Checked:
    """Return a file as it is kept."""
    return check(io.BytesIO(content), name, most_mb=20)


def zipped(*names: str, locked: bool = False) -> bytes:
    """Return a file of several parts; `locked` says of each that it is encrypted."""
    made = io.BytesIO()
    with ZipFile(made, "w") as parts:
        for name in names:
            parts.writestr(name, "x")
    content = made.getvalue()
    if not locked:
        return content
    at = content.index(b"PK\x01\x02") + 8
    return content[:at] + b"\x01" + content[at + 1 :]


@pytest.fixture
def keep(sessions: sessionmaker[ScopedSession]) -> Callable[..., str]:
    """Return a way to keep one document of a customer; it answers with its id."""

    def kept(
        customer_id: str,
        content: bytes = PDF,
        file: str = "contract.pdf",
        *,
        by: Stamp = ANA,
        **values: Any,
    ) -> str:
        with sessions.begin() as session:
            given = {"kind": "contract", **values}
            return add_documents(session, customer_id, [checked(content, file)], given, room=WIDE, by=by)[
                0
            ].id

    return kept

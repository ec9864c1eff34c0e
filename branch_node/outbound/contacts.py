"""The contacts this node has begun with a receiver, in a file outside the database: what tells a node from its copy.

Each cycle begins with a new random id, written to disk before it is sent. HQ goes on only when the
last id it has seen of this branch is one of ours; otherwise somebody else has spoken as this node
since the two were one. A restored database does not rewind the file, so it is not taken for a copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.config import Home
from shared.db.scope import FIRST
from shared.ids import is_id, new_id
from sync_protocol.contract.signing import REPLACES

FILE: Final = "contacts"
# Sent with the first request of a cycle; HQ names the one it misses when these do not reach back enough.
SENT: Final = 20
KEPT: Final = 20_000
TRIM_AT: Final = KEPT + 1_000


@dataclass(frozen=True, slots=True)
class Contact:
    """One cycle's contact: its own id, and ids begun before it, oldest first."""

    id: str
    before: Sequence[str] = ()


def file_of(receiver: str) -> str:
    """Return the name of the file in which a node keeps its contacts with a receiver."""
    return FILE if receiver == FIRST else f"{FILE}.{receiver}"


class ContactBook:
    """The file of contacts with one receiver in a node's home."""

    def __init__(self, home: Home, receiver: str = FIRST) -> None:
        """Read and write a receiver's file in `home`; it need not exist."""
        self._home = home
        self._file = file_of(receiver)

    def begin(self) -> Contact:
        """Write a new contact to disk and return it."""
        lines = self._lines()
        contact = Contact(new_id(), lines[-SENT:])
        if REPLACES in lines:
            contact = Contact(contact.id, (REPLACES, *contact.before))
        self._home.append_line(self._file, contact.id)
        return contact

    def last(self) -> Contact | None:
        """Return the contact begun last, or None: for a request beside the cycles."""
        begun = [line for line in self._lines() if line != REPLACES]
        return Contact(begun[-1]) if begun else None

    def knows(self, contact_id: str) -> bool:
        """Whether a contact was begun by this node, or by what it was copied from."""
        return contact_id in self._lines()

    def accepted(self) -> None:
        """Note that HQ takes this node for the branch: a replacement is done, and old lines may go."""
        lines = self._lines()
        if REPLACES in lines or len(lines) > TRIM_AT:
            kept = [line for line in lines if line != REPLACES][-KEPT:]
            self._home.write_lines(self._file, kept)

    def replace(self) -> None:
        """Declare that this node takes the place of an earlier one, as after a restore."""
        self._home.append_line(self._file, REPLACES)

    def _lines(self) -> list[str]:
        # A line cut off by a power cut was never sent.
        return [line for line in self._home.read_lines(self._file) if line == REPLACES or is_id(line)]

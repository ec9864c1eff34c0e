"""What a file is by its bytes: nobody's word is taken for it, neither the browser's nor that of its name."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Final
from zipfile import BadZipFile, ZipFile

import filetype

from branch_node.documents.errors import (
    FileEmptyError,
    FileFormError,
    FileLockedError,
    FileMacrosError,
    FileMisnamedError,
    FileNameError,
    FileTooLargeError,
)
from branch_node.documents.models import FILE_NAME_LENGTH
from shared.audit.plain import HIDDEN, plain

MB: Final = 1024 * 1024
PIECE: Final = 256 * 1024
HEAD: Final = 8192
_ENCRYPTED_PDF: Final = re.compile(rb"/Encrypt\s*(\d+\s+\d+\s+R|<<)")
_OVERLAP: Final = 64
_OLD_OFFICE: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP: Final = b"PK\x03\x04"
_SHOWN_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of file that is kept; `shown` ones a browser shows by itself, without running anything of them."""

    code: str
    media_type: str
    endings: tuple[str, ...]
    shown: bool = False

    @property
    def is_image(self) -> bool:
        """Whether a page can show it as a picture."""
        return self.shown and self.media_type.startswith("image/")


_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
FORMS: Final = {
    form.code: form
    for form in (
        Form("pdf", "application/pdf", ("pdf",), shown=True),
        Form("jpg", "image/jpeg", ("jpg", "jpeg"), shown=True),
        Form("png", "image/png", ("png",), shown=True),
        Form("webp", "image/webp", ("webp",), shown=True),
        Form("tif", "image/tiff", ("tif", "tiff")),
        Form("heic", "image/heic", ("heic",)),
        Form("docx", f"{_OFFICE}.wordprocessingml.document", ("docx",)),
        Form("xlsx", f"{_OFFICE}.spreadsheetml.sheet", ("xlsx",)),
        Form("ofd", "application/ofd", ("ofd",)),
    )
}
ENDINGS: Final = ",".join(f".{ending}" for form in FORMS.values() for ending in form.endings)
_UNKNOWN: Final = Form("bin", "application/octet-stream", ())


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be kept: its name, what it is, how long, its digest, and where its bytes are read."""

    name: str
    form: Form
    size: int
    digest: str
    stream: IO[bytes]


def form_of(code: str) -> Form:
    """Return a kind of file by its code; of one this version does not know, one that is only downloaded."""
    return FORMS.get(code, _UNKNOWN)


def check(stream: IO[bytes], given_name: str, *, most_mb: int) -> Checked:
    """Read a file to its end and return it when it may be kept; memory stays flat.

    Raises the errors of a file, each with a sentence that names it.
    """
    name = _clean_name(given_name)
    size, digest, locked = _read(stream, name, most_mb)
    form = _sniff(stream, name)
    if locked and form.code == "pdf":
        raise FileLockedError(field="file", name=_shown(name))
    ending = PurePosixPath(name).suffix.removeprefix(".").lower()
    if ending not in form.endings:
        raise FileMisnamedError(field="file", name=_shown(name), real=form.code.upper())
    return Checked(name, form, size, digest, stream)


def _clean_name(given: str) -> str:
    """Return the last part of a name as the database keeps it; raises FileNameError where it hides something."""
    name = unicodedata.normalize("NFC", given.replace("\\", "/").rpartition("/")[2]).strip()
    hidden = any(unicodedata.category(char) in HIDDEN for char in name)
    if hidden or not name.strip(".") or len(name) > FILE_NAME_LENGTH:
        raise FileNameError(field="file", name=_shown(name))
    return name


def _shown(name: str) -> str:
    text = plain(name)
    return text if len(text) <= _SHOWN_NAME else f"{text[:_SHOWN_NAME]}…"


def _read(stream: IO[bytes], name: str, most_mb: int) -> tuple[int, str, bool]:
    """Return how long a file is, its digest, and whether it says of itself, as a PDF does, that it is encrypted."""
    made, size, locked, tail = hashlib.sha256(), 0, False, b""
    stream.seek(0)
    while piece := stream.read(PIECE):
        size += len(piece)
        if size > most_mb * MB:
            raise FileTooLargeError(field="file", name=_shown(name), most=most_mb)
        made.update(piece)
        locked = locked or _ENCRYPTED_PDF.search(tail + piece) is not None
        tail = piece[-_OVERLAP:]
    if size == 0:
        raise FileEmptyError(field="file", name=_shown(name))
    return size, made.hexdigest(), locked


def _sniff(stream: IO[bytes], name: str) -> Form:
    stream.seek(0)
    head = stream.read(HEAD)
    if head.startswith(_ZIP):
        return _in_zip(stream, name)
    if head.startswith(_OLD_OFFICE) and name.lower().endswith(("docx", "xlsx")):
        # What Office makes of a file with a password.
        raise FileLockedError(field="file", name=_shown(name))
    guessed = filetype.guess(head)
    form = FORMS.get(guessed.extension) if guessed else None
    if form is None:
        raise _no_form(name)
    return form


def _in_zip(stream: IO[bytes], name: str) -> Form:
    """Tell what a file of several parts is by its parts; nothing is unpacked."""
    try:
        with ZipFile(stream) as parts:
            entries = parts.infolist()
    except (BadZipFile, ValueError, NotImplementedError, EOFError):
        raise _no_form(name) from None
    names = {entry.filename for entry in entries}
    if any(entry.flag_bits & 1 for entry in entries):
        raise FileLockedError(field="file", name=_shown(name))
    if any(one.endswith("vbaProject.bin") for one in names):
        raise FileMacrosError(field="file", name=_shown(name))
    known = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "OFD.xml": "ofd"}
    found = [code for part, code in known.items() if part in names]
    if len(found) != 1:
        raise _no_form(name)
    return FORMS[found[0]]


def _no_form(name: str) -> FileFormError:
    return FileFormError(field="file", name=_shown(name), forms=", ".join(code.upper() for code in FORMS))

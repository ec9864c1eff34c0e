"""A file is what its bytes say, whatever it is called; every other one gets a sentence that names it."""

import io

import pytest

from branch_node.documents import errors
from branch_node.documents.sniffing import FORMS, MB, PIECE, check
from tests.integration.branch_node.documents.conftest import PDF, PNG, zipped

ISO = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 20
WHOLE = {
    "pdf": PDF,
    "png": PNG,
    "jpg": bytes.fromhex("ffd8ffe000104a46494600") + b"\0" * 40,
    "webp": b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 40,
    "tif": bytes.fromhex("49492a0008000000") + b"\0" * 40,
    "heic": ISO,
    "docx": zipped("[Content_Types].xml", "word/document.xml"),
    "xlsx": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "ofd": zipped("OFD.xml", "Doc_0/Document.xml"),
}
OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600


def _check(content, name, most_mb=1):
    return check(io.BytesIO(content), name, most_mb=most_mb)


def test_every_kind_that_is_kept_is_known_by_its_bytes():
    assert WHOLE.keys() == FORMS.keys()
    found = {code: _check(content, f"扫描件.{code.upper()}") for code, content in WHOLE.items()}
    assert {code: one.form.code for code, one in found.items()} == {code: code for code in FORMS}
    assert all(one.size == len(WHOLE[code]) for code, one in found.items())


@pytest.mark.parametrize(
    ("content", "name", "error"),
    [
        (b"", "empty.pdf", errors.FileEmptyError),
        (PDF + b" " * MB, "huge.pdf", errors.FileTooLargeError),
        (PNG, "contract.pdf", errors.FileMisnamedError),
        (PDF, "contract", errors.FileMisnamedError),
        (b"<html><script>alert(1)</script>", "page.pdf", errors.FileFormError),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "logo.png", errors.FileFormError),
        (b"MZ" + b"\0" * 400, "setup.pdf", errors.FileFormError),
        (zipped("a.txt"), "parts.zip", errors.FileFormError),
        (zipped("word/document.xml")[:40], "broken.docx", errors.FileFormError),
        (zipped("word/document.xml", "word/vbaProject.bin"), "macros.docx", errors.FileMacrosError),
        (zipped("word/document.xml", locked=True), "locked.docx", errors.FileLockedError),
        (OLD_OFFICE, "locked.xlsx", errors.FileLockedError),
        (PDF.replace(b"/Root", b"/Encrypt 5 0 R /Root"), "locked.pdf", errors.FileLockedError),
        (PDF, "invoice\u202efdp.pdf", errors.FileNameError),
        (PDF, "a\0b.pdf", errors.FileNameError),
        (PDF, "合" * 300 + ".pdf", errors.FileNameError),
        (PDF, "..", errors.FileNameError),
        (PDF, "", errors.FileNameError),
    ],
)
def test_what_is_not_kept_is_told_by_its_name_and_why(content, name, error):
    with pytest.raises(error) as told:
        _check(content, name)
    assert "\u202e" not in str(told.value)
    assert len(str(told.value)) < 260


@pytest.mark.parametrize("given", ["../../etc/x.pdf", r"C:\Users\li\x.pdf", "/x.pdf"])
def test_of_a_path_only_the_name_is_kept(given):
    assert _check(PDF, given).name == "x.pdf"


def test_a_lock_is_seen_where_two_pieces_meet():
    ahead = PDF + b" " * (PIECE - len(PDF) - 6)
    with pytest.raises(errors.FileLockedError):
        _check(ahead + b"/Encrypt 12 0 R", "contract.pdf")

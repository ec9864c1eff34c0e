"""Why a file as a whole cannot be read; each says what to do about it."""

from shared.errors import N_, BranchlineError, Kind


class FileError(BranchlineError):
    """The file as a whole cannot be read; nothing of it was taken in."""

    code = "file-unreadable"
    message = N_("This file cannot be read.")


class EmptyFileError(FileError):
    """There is nothing in the file."""

    code = "file-empty"
    message = N_("The file is empty. It needs a first line with the column headings.")


class NotATableError(FileError):
    """The content is neither CSV nor XLSX."""

    code = "file-not-a-table"
    message = N_("This is neither a CSV nor an XLSX file. Save it as one of these in a spreadsheet program.")


class OldWorkbookError(FileError):
    """An .xls file, or a workbook protected by a password."""

    code = "file-old-workbook"
    message = N_(
        "This is an old .xls workbook or one protected by a password. Save it as XLSX without a password."
    )


class BrokenWorkbookError(FileError):
    """The zip or the XML inside is damaged."""

    code = "file-broken-workbook"
    message = N_("This workbook is damaged. Open it in a spreadsheet program and save it again as XLSX.")


class TooLargeError(FileError):
    """The workbook unpacks to more than we are ready to hold."""

    code = "file-too-large"
    kind = Kind.TOO_LARGE
    message = N_(
        "This workbook holds more than can be read safely. Save the sheet as CSV, which has no such limit."
    )


class TooManyFormulasError(FileError):
    """Formulas all over the sheet: the file was not meant to be taken in as it is."""

    code = "file-formulas"
    message = N_(
        "More than %(limit)s cells of the sheet are formulas. Paste the sheet as values, then save it."
    )


class EncodingError(FileError):
    """The bytes are not text in any encoding we read."""

    code = "file-encoding"
    message = N_("The text is neither UTF-8 nor GB18030 (GBK). Save the file as CSV UTF-8.")


class NullBytesError(FileError):
    """The text holds NUL bytes: a binary file, or UTF-16 without its mark."""

    code = "file-null-bytes"
    message = N_("The file holds NUL bytes, so it is not plain text. Save it as CSV UTF-8.")


class BrokenLineError(FileError):
    """The CSV grammar is broken, so what follows cannot be told apart."""

    code = "file-broken-line"
    message = N_(
        "From line %(line)s on the columns cannot be told apart: a quotation mark is missing or misplaced."
    )


class MissingHeadingError(FileError):
    """A column has no heading."""

    code = "heading-missing"
    message = N_("Column %(column)s has no heading. Give it one, or delete the column.")


class DuplicateHeadingError(FileError):
    """Two columns have the same heading."""

    code = "heading-duplicate"
    message = N_("The heading %(heading)s stands more than once. Rename or delete one of the columns.")

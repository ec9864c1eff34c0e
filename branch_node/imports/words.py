"""What the columns of a file are called on screen and in the files that the wizard hands out."""

from branch_node.imports.columns import Kind
from shared.errors import BranchlineError
from shared.i18n import current_language
from shared.i18n import gettext as _
from shared.web.oplog.names import field_word


def column_label(kind: Kind, name: str) -> str:
    """Return what a column is called on screen; in English with its heading, which is what a file has."""
    word = column_word(kind, name)
    if current_language() == "zh_CN" or kind.column(name) is None:
        return word
    told = field_word(name)
    return word if told == name else f"{told} ({name})"


def column_word(kind: Kind, name: str) -> str:
    """Return the heading by which people know a column: of theirs that are read, the one in their language."""
    column = kind.column(name)
    return column.chinese if column is not None and current_language() == "zh_CN" else name


def say_columns(error: BranchlineError, kind: Kind) -> None:
    """Let an error about columns call them as the page does."""
    for param in ("column", "columns", "allowed"):
        if isinstance(given := error.params.get(param), str):
            error.params[param] = _(", ").join(column_word(kind, name) for name in given.split(", "))

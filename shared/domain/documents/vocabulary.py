"""The kinds of papers that every node knows, and what people call a kind."""

from collections.abc import Mapping
from typing import Final

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_
from shared.i18n import gettext as _
from shared.i18n import label

# Stands before a kind where papers are named among other things that a file can hold.
PAPER: Final = "document:"
KIND_LENGTH: Final = 30
IN_FORCE_WORD: Final = N_("%(kind)s in force")
# Kinds that head office has published, by code, in the reader's language.
KindWords = Mapping[str, str]


class DocumentKind(Vocabulary):
    """The kinds every branch knows until head office publishes a list of its own."""

    CONTRACT = ("contract", N_("Contract"), "合同")
    LICENCE = ("licence", N_("Licence"), "执照")
    IDENTITY = ("identity", N_("Identity paper"), "身份证件")
    PHOTO = ("photo", N_("Photo"), "照片")
    LETTER = ("letter", N_("Letter"), "信函")
    OTHER = ("other", N_("Other paper"), "其他文件")


def is_sensitive(kind: str) -> bool:
    """Tell whether papers of this kind are identity papers, whatever head office calls its further kinds of them."""
    return kind == DocumentKind.IDENTITY or kind.startswith(f"{DocumentKind.IDENTITY.value}-")


def own_words() -> dict[str, str]:
    """Return the kinds that every node knows with their words."""
    return {kind.value: label(kind) for kind in DocumentKind}


def kind_of(name: str) -> str | None:
    """Return the kind of papers that is named, or None: nothing of papers is."""
    kind = name.removeprefix(PAPER)
    return kind if name.startswith(PAPER) and 0 < len(kind.strip()) <= KIND_LENGTH else None


def kind_word(kind: str, told: KindWords) -> str:
    """Return what a kind of papers is called: as head office says, as the program does, or its code."""
    return told.get(kind) or own_words().get(kind, kind)


def paper_word(name: str, told: KindWords) -> str:
    """Return what a paper of a kind is called where it can count for a file."""
    return _(IN_FORCE_WORD, kind=kind_word(kind_of(name) or name, told))

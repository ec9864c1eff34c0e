"""What the kinds of staff and the duties are called here: head office may have given the kinds other names."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from flask import current_app, g, has_request_context
from sqlalchemy.orm import Session

from shared.domain.published.codes import Code
from shared.i18n import current_language, label
from shared.i18n import gettext as _
from shared.rights.vocabulary import Duty, StaffKind
from shared.web.context import reading

KIND_WORDS: Final = "branchline-kind-words"
KindWords = Callable[[Session], Iterable[Code]]


def kind_label(kind: StaffKind) -> str:
    """Return what people call a kind of staff, in the reader's language."""
    given = _given().get(kind.value)
    word = given.word(current_language()) if given else ""
    return word if word and word != kind.value else label(kind)


def duty_labels(duties: Iterable[str]) -> str:
    """Return what people call duties, in one line; one of a later version by its code."""
    known = ((code, Duty.with_code(code)) for code in duties)
    return _(", ").join(label(duty) if duty else code for code, duty in known)


def kind_choices(kinds: Iterable[StaffKind]) -> list[tuple[str, str]]:
    """Return (code, word) of kinds of staff, for the `select` macro."""
    return [(kind.value, kind_label(kind)) for kind in kinds]


def read_kinds(session: Session) -> None:
    """Read the names head office gave, once a request, in a session that is open anyway."""
    if "kind_words" not in g:
        g.kind_words = {}  # also while they are read: a page that says the database is gone must not ask it again
        read: KindWords | None = current_app.extensions.get(KIND_WORDS)
        if read is not None:
            g.kind_words = {one.code: one for one in read(session)}


def _given() -> Mapping[str, Code]:
    if not has_request_context():
        return {}
    if "kind_words" not in g:
        with reading() as session:
            read_kinds(session)
    return g.kind_words  # type: ignore[no-any-return]

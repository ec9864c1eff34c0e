"""Which language is spoken now, and saying a sentence in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

from babel import Locale
from flask import has_request_context, request
from flask_babel import get_locale
from flask_babel.speaklater import LazyString

from shared.errors import BranchlineError
from shared.i18n.catalogues import LANGUAGES, SOURCE_LANGUAGE, load_catalogue

# Parameters that are themselves sentences of ours; any other parameter is user data and never translated.
SENTENCE_PARAMS: Final = frozenset({"field", "kind", "problem", "reason", "cure"})

_SPOKEN: Final = "branchline_language"
_asked: ContextVar[str | None] = ContextVar("branchline_language", default=None)
_default = SOURCE_LANGUAGE


class Labelled(Protocol):
    """A member of a closed list that carries its English msgid (shared.domain.vocabulary)."""

    @property
    def label(self) -> str:
        """The English msgid."""
        ...


def current_language() -> str:
    """Return the language to speak: what `use_language` asked for, else the request's, else the default."""
    asked = _asked.get()
    if asked is not None:
        return asked
    if not has_request_context():
        return _default
    # A page asks for each word: found out once a request, as the locale itself is.
    kept = request._get_current_object().__dict__  # type: ignore[attr-defined]
    if _SPOKEN not in kept:
        kept[_SPOKEN] = _known(get_locale())
    return str(kept[_SPOKEN])


def set_default_language(language: str) -> None:
    """Speak `language` from now on wherever nobody asked for another (commands and jobs of one process)."""
    global _default  # noqa: PLW0603 - one process is one node, and a node has one language of its own
    _default = language if language in LANGUAGES else SOURCE_LANGUAGE


@contextmanager
def use_language(language: str) -> Iterator[None]:
    """Speak `language` inside the block, requests included; unknown languages mean English."""
    token = _asked.set(language if language in LANGUAGES else SOURCE_LANGUAGE)
    try:
        yield
    finally:
        _asked.reset(token)


def gettext(msg: str, /, **params: object) -> str:
    """Return `msg` in the current language, `%(name)s` filled from `params`; without params % is just %."""
    text = str(load_catalogue(current_language()).gettext(msg)) if msg else ""
    return text % params if params else text


def ngettext(singular: str, plural: str, /, n: int, **params: object) -> str:
    """Return the form of the sentence that fits `n` (also given as `%(n)s` and `%(num)s`)."""
    text = str(load_catalogue(current_language()).ngettext(singular, plural, n))
    return text % {"n": n, "num": n, **params}


def lazy_gettext(msg: str, /, **params: object) -> LazyString:
    """Return a string that is translated each time it is shown; for module level."""
    return LazyString(gettext, msg, **params)


def label(member: Labelled | None) -> str:
    """Return what people call a member of a vocabulary, or nothing for None."""
    return gettext(member.label) if member is not None else ""


def translate_error(error: BranchlineError) -> str:
    """Return an error's sentence in the reader's language."""
    params = {
        name: gettext(value) if name in SENTENCE_PARAMS and isinstance(value, str) else value
        for name, value in error.params.items()
    }
    return gettext(error.message, **params)


def plain_ngettext(singular: str, plural: str, n: int) -> str:
    """Return the form that fits `n` without filling anything in; the template engine does that itself."""
    return str(load_catalogue(current_language()).ngettext(singular, plural, n))


def _known(locale: Locale) -> str:
    # Babel spells zh_CN as zh_Hans_CN since it knows which script China writes.
    full = f"{locale.language}_{locale.territory}"
    return full if full in LANGUAGES else str(locale.language)

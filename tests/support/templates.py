"""Finding text in a page template that would never be translated."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

from jinja2 import Environment, nodes

# Names and spellings that are the same in every language.
SAME_EVERYWHERE: Final = frozenset({"Branchline", "中文", "English", "CSV", "XLSX", "HTTP", "HTTPS", "UTF"})
SPOKEN_ATTRIBUTES: Final = frozenset(
    {"alt", "aria-label", "aria-description", "hx-confirm", "placeholder", "title"}
)
SPOKEN_ARGUMENTS: Final = frozenset(
    {"caption", "description", "empty", "heading", "help", "hint", "label", "title"}
)
SILENT_TAGS: Final = frozenset({"script", "style", "template", "code", "kbd", "pre", "samp"})
# Macros build lists of attributes outside of any tag.
ATTRIBUTE: Final = re.compile(r'[\w:-]+="[^"]*"')
EXPRESSION: Final = "\N{REPLACEMENT CHARACTER}"  # stands where the template inserts a value
ENVIRONMENT: Final = Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True)


def untranslated(source: str) -> list[str]:
    """Return every piece of human text in a template that does not go through gettext."""
    page = Page()
    page.feed(literal_html(source))
    page.close()
    return [*page.found, *spoken_arguments(source)]


def literal_html(source: str) -> str:
    """Return what a template writes as it stands, a mark for each value, without translated blocks."""
    parts: list[str] = []
    words: list[str] = []
    silent = ""
    for _line, kind, value in ENVIRONMENT.lex(source):
        if kind in {"block_begin", "variable_begin"}:
            words = []
            parts.append(EXPRESSION if kind == "variable_begin" else "")
        elif kind == "name":
            words.append(value)
        elif kind == "block_end":
            silent = after_tag(words, silent)
        elif kind == "data" and not silent:
            parts.append(value)
    return "".join(parts)


def after_tag(words: list[str], silent: str) -> str:
    """Return the tag that ends the present silence, or nothing: a block tag made of `words` was read."""
    if words[:1] == ["trans"]:
        return "endtrans"
    if words[:1] == ["block"] and words[1].endswith("_class"):  # names of styles
        return "endblock"
    return "" if words[:1] == [silent] else silent


def spoken_arguments(source: str) -> Iterator[str]:
    """Yield plain strings handed to a macro or a filter under a name that people get to read."""
    tree = ENVIRONMENT.parse(source)
    for keyword in tree.find_all(nodes.Keyword):
        if (
            keyword.key in SPOKEN_ARGUMENTS
            and isinstance(keyword.value, nodes.Const)
            and speaks(keyword.value.value)
        ):
            yield f"{keyword.key}={keyword.value.value!r}"
    for output in tree.find_all(nodes.Output):
        yield from (
            repr(node.value) for node in output.nodes if isinstance(node, nodes.Const) and speaks(node.value)
        )


def speaks(text: object) -> bool:
    """Tell whether a text has words of a language in it."""
    if not isinstance(text, str):
        return False
    for word in SAME_EVERYWHERE:
        text = text.replace(word, "")
    return any(letter.isalpha() for letter in text)


class Page(HTMLParser):
    """Collects the words that a page shows, whoever wrote them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in SILENT_TAGS
        spoken = SPOKEN_ATTRIBUTES | ({"value"} if button(tag, attrs) else set())
        self.found += [f'{name}="{value}"' for name, value in attrs if name in spoken and speaks(value)]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT_TAGS

    def handle_data(self, data: str) -> None:
        text = ATTRIBUTE.sub("", data)
        if not self._silent and speaks(text):
            self.found.append(" ".join(text.split()))


def button(tag: str, attrs: list[tuple[str, str | None]]) -> bool:
    """Tell whether the tag's `value` is what people read on a button."""
    return tag == "input" and dict(attrs).get("type") in {"submit", "button", "reset"}

"""What people call published items and what stands in them, in the reader's language."""

from collections.abc import Mapping
from typing import Any, Final

from shared.domain.documents.vocabulary import PAPER, KindWords, kind_of, paper_word
from shared.domain.offers.rules import LIMITS
from shared.domain.published.codes import Code, asks_word, problem_of, read_codes
from shared.domain.published.policies import POLICIES, Choice, Several
from shared.domain.published.vocabulary import CodeTable, ItemKind
from shared.domain.qualification.checks import NAME as RULE_SET
from shared.domain.qualification.checks import problem_of as rules_problem
from shared.domain.qualification.words import NO_KINDS
from shared.domain.qualification.words import differences as rule_differences
from shared.domain.questions.words import QUESTION_WORDS, question_lines
from shared.errors import N_
from shared.i18n import current_language, label
from shared.i18n import gettext as _

TEXT: Final = N_("Text")
TITLE: Final = N_("Title")
RECALL_WORDS: Final = {
    "title": TITLE,
    "why": N_("Why"),
    "remedy": N_("What is to be done"),
    "from": N_("Called in from"),
    "until": N_("Called in until"),
    "product": N_("Product"),
    "model": N_("Model"),
    "made_from": N_("Made from"),
    "made_until": N_("Made until"),
    "serials": N_("Numbers"),
}
OFFER_WORDS: Final = {
    "title": TITLE,
    "text": N_("What is offered"),
    "from": N_("Valid from"),
    "until": N_("Valid until"),
    "tiers": N_("Value tiers"),
    "stages": N_("Life-cycle stages"),
    "kinds": N_("Kinds of customers"),
}
ANNOUNCEMENT_WORDS: Final = {"title": TITLE, "text": TEXT, "from": N_("Shown from"), "for": N_("For")}
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    ItemKind.OFFER: OFFER_WORDS,
    ItemKind.QUESTION: QUESTION_WORDS,
    ItemKind.RECALL: RECALL_WORDS,
}
RULES_NAME: Final = N_("Qualification of customers")


def kind_word(kind: str) -> str:
    """Return what a kind of item is called; an unknown one by its own name."""
    known = next((one for one in ItemKind if one.value == kind), None)
    return label(known) if known else kind


def item_name(kind: str, name: str, title: str = "") -> str:
    """Return what an item is called: the table's or the policy's word, an announcement's title."""
    if kind == ItemKind.POLICY and name in POLICIES:
        return _(POLICIES[name].label)
    if kind == ItemKind.RULES and name == RULE_SET:
        return _(RULES_NAME)
    if kind in {ItemKind.RECALL, ItemKind.OFFER, ItemKind.QUESTION}:
        return f"{name} {title}".strip()
    table = next((one for one in CodeTable if one.value == name), None)
    if kind == ItemKind.CODE_TABLE and table is not None:
        return label(table)
    return title or name


def code_word(code: Code) -> str:
    """Return a code with the word people read, where it has one."""
    word = code.word(current_language())
    return code.code if word == code.code else f"{code.code} {word}"


def summary(kind: str, name: str, body: Mapping[str, Any], papers: KindWords = NO_KINDS) -> str:
    """Return what an item says in one line, as far as this version of the program understands it."""
    if kind == ItemKind.POLICY and name in POLICIES:
        return policy_value(name, body.get("value"), papers)
    if kind == ItemKind.CODE_TABLE and problem_of(name, body) is None:
        offered = [code for code in read_codes(body) if not code.withdrawn]
        return _("%(count)s codes", count=len(offered))
    if kind == ItemKind.RULES and rules_problem(name, body) is None:
        return _("%(count)s rules", count=len(body["rules"]))
    spoken = "zh" if current_language().startswith("zh") else "en"
    said = {
        ItemKind.RECALL: "remedy",
        ItemKind.QUESTION: spoken,
        ItemKind.ANNOUNCEMENT: "text",
        ItemKind.OFFER: "text",
    }
    text = str(body.get(next((said[one] for one in said if one == kind), ""), ""))
    return next(iter(text.splitlines()), "")


def policy_options(name: str, papers: KindWords) -> list[tuple[str, str]]:
    """Return what a policy of several values offers; of papers those kinds that branches can be asked for."""
    options = POLICIES[name].type
    if not isinstance(options, Several):
        return []
    fields = [(code, _(word)) for code, word in options.options.items() if not kind_of(code)]
    if not options.papers:
        return fields
    return fields + [(f"{PAPER}{kind}", paper_word(f"{PAPER}{kind}", papers)) for kind in papers]


def policy_value(name: str, value: object, papers: KindWords = NO_KINDS) -> str:
    """Return a policy's value as people say it."""
    policy = POLICIES[name]
    if isinstance(policy.type, Choice):
        return _(policy.type.options.get(str(value), str(value)))
    if isinstance(policy.type, Several) and isinstance(value, list):
        words = (
            paper_word(one, papers) if kind_of(one) else _(policy.type.options.get(one, one)) for one in value
        )
        return _(", ").join(words) or _("none of them")
    text = _(", ").join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text} {_(policy.unit)}" if policy.unit else text


def differences(
    kind: str,
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    papers: KindWords = NO_KINDS,
) -> list[tuple[str, str, str]]:
    """Return (what, before, after) for everything that two versions say differently."""
    if kind == ItemKind.CODE_TABLE:
        return _code_differences(name, before, after)
    if kind == ItemKind.RULES and not rules_problem(name, before) and not rules_problem(name, after):
        return rule_differences(before, after, papers)
    if kind == ItemKind.POLICY and name in POLICIES:
        pair = tuple(policy_value(name, body.get("value"), papers) for body in (before, after))
        return [] if pair[0] == pair[1] else [(_("Value"), pair[0], pair[1])]
    words = _WORDS.get(kind, ANNOUNCEMENT_WORDS)
    if kind == ItemKind.OFFER:
        before, after = ({**body, **_limits(body)} for body in (before, after))
    if kind == ItemKind.QUESTION:
        before, after = (dict(question_lines(body)) for body in (before, after))
    found = []
    for key in sorted({*before, *after}):
        pair = _plain(before.get(key)), _plain(after.get(key))
        if pair[0] != pair[1]:
            found.append((_(words[key]) if key in words else key, *pair))
    return found


def offer_lines(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what an offer says besides its title, each under its word."""
    shown = {**body, **_limits(body)}
    return [
        (_(OFFER_WORDS[name]), str(shown[name]))
        for name in OFFER_WORDS
        if name != "title" and shown.get(name)
    ]


def _limits(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the limits of an offer in words."""
    return {
        limit: _(", ").join(label(one) for one in words if one.value in (body.get(limit) or ()))
        for limit, (_column, words) in LIMITS.items()
    }


def _code_differences(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    then, now = _offered(name, before), _offered(name, after)
    added = [(code, _("–"), code_word(now[code])) for code in now if code not in then]
    gone = [(code, code_word(then[code]), _("withdrawn")) for code in then if code not in now]
    changed = [
        (code, _both(then[code]), _both(now[code]))
        for code in now
        if code in then and then[code] != now[code]
    ]
    order = (
        []
        if [one for one in then if one in now] == [one for one in now if one in then]
        else [(_("Order"), _("–"), _("rearranged"))]
    )
    return added + gone + changed + order


def _offered(name: str, body: Mapping[str, Any]) -> dict[str, Code]:
    """Return the codes of a table that forms offer; of one that cannot be read, none."""
    if problem_of(name, body) is not None:
        return {}
    return {code.code: code for code in read_codes(body) if not code.withdrawn}


def _both(code: Code) -> str:
    words = " / ".join(word for word in (code.zh, code.en) if word) or "–"
    return f"{words} ({asks_word(code.asks)})" if code.asks else words


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return str(value) if value not in {None, ""} else "–"

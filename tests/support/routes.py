"""Apps made once a test, without compiling their hundred routes each time: that took a third of making one."""

from collections.abc import Callable
from typing import Any, Final

from werkzeug.routing import Rule

_builders: Final[dict[tuple[Any, ...], Callable[..., tuple[str, str]]]] = {}


def remember_builders() -> None:
    """Let rules of one spelling share the function that werkzeug compiles to build their address.

    It is made from the rule's parts and default values alone, and is handed the rule that calls it.
    """
    compile_builder = Rule._compile_builder

    def remembered(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in _builders:
            _builders[key] = compile_builder(rule, append_unknown)
        return _builders[key]

    Rule._compile_builder = remembered  # type: ignore[method-assign, assignment]

"""The command of an app: it speaks the terminal's language, in its help too."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from shared.cli.outcome import reported
from shared.errors import N_
from shared.i18n import LANGUAGES, gettext, set_default_language

LANGUAGE: Final = click.Option(
    ["--language"],
    expose_value=False,
    metavar="|".join(LANGUAGES),
    help=N_("The language to speak; by default the terminal's."),
)
LOCALE: Final = click.Option(["--locale"], envvar=["BRANCHLINE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"])


class NodeGroup(click.Group):
    """The command of an app: 0 means done, 1 that it will be tried again by itself, 2 that a person is needed.

    `--language` may stand anywhere on the line.
    """

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401
    ) -> click.Context:
        """Choose the language before anything can be said, help included."""
        args = list(args)
        asked = _take_language(args)
        context = click.Context(self, info_name=info_name, parent=parent)
        set_default_language(asked or _language_of(LOCALE.resolve_envvar_value(context)))
        _translate(self)
        return super().make_context(info_name, args, parent, **extra)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Show `--language` among the options."""
        return [LANGUAGE, *super().get_params(ctx)]

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        """Run a command and turn what went wrong into a sentence and an exit code."""
        with reported():
            return super().invoke(ctx)


def _take_language(args: list[str]) -> str | None:
    """Take `--language X` out of the line and return X."""
    for at, argument in enumerate(args):
        if argument == "--":
            break
        if argument == "--language" and at + 1 < len(args):
            value = args[at + 1]
            del args[at : at + 2]
            return _checked(value)
        if argument.startswith("--language="):
            del args[at]
            return _checked(argument.partition("=")[2])
    return None


def _checked(value: str) -> str:
    if value not in LANGUAGES:
        msg = f"{value!r}: {', '.join(LANGUAGES)}"
        raise click.BadParameter(msg, param_hint="--language")
    return value


def _language_of(locale: str | None) -> str:
    """Return the language we speak for a locale such as zh_CN.UTF-8."""
    name = (locale or "").replace("-", "_").partition(".")[0]
    return next((known for known in LANGUAGES if name.partition("_")[0] == known.partition("_")[0]), "en")


def _translate(command: click.Command) -> None:
    """Put a command's help, its options' and its sub-commands' into the current language."""
    for thing in _helped(command):
        msgid = getattr(thing, "branchline_msgid", None) or thing.help
        if msgid:
            thing.branchline_msgid = msgid
            thing.help = gettext(str(msgid))
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _translate(child)


def _helped(command: click.Command) -> Iterator[Any]:
    yield command
    params: Sequence[click.Parameter] = command.params
    yield from (param for param in params if isinstance(param, click.Option))
    if isinstance(command, NodeGroup):
        yield LANGUAGE

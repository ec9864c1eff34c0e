"""`verify-log`: tells whether the operation log is as it was written."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from shared.audit.verification import Finding, KnownHeads, Verdict, Why, verify_log
from shared.cli.context import NodeApp, echo_json, home_option, say
from shared.cli.outcome import exit_with
from shared.errors import N_
from shared.i18n import gettext

BROKEN: Final = 1
SENTENCES: Final = {
    Why.CHANGED: N_("Entry %(seq)s is not as it was written."),
    Why.MISSING: N_("Entry %(seq)s is missing."),
    Why.SWAPPED: N_("Entry %(seq)s and the one after it changed places."),
    Why.CUT: N_("The log was cut: entry %(seq)s and all after it are missing."),
    Why.ADDED: N_("Entry %(seq)s was added behind the end of the log."),
    Why.HEAD: N_("The end of the log (entry %(seq)s) was not written by this node."),
    Why.REWRITTEN: N_("The log was written anew from entry %(seq)s or later."),
}


def verify_command(app: NodeApp) -> click.Command:
    """Return the command for one app."""

    @click.command("verify-log", help=N_("Check that the operation log is as it was written: exit 0 or 1."))
    @home_option(app.home_env)
    @click.option("--json", "as_json", is_flag=True, help=N_("Tell the outcome as JSON."))
    def verify(home: Path, *, as_json: bool, ask_hq: bool = False) -> None:
        runtime = app.open(home)
        app.check_migrated(runtime)
        known = _known(app, runtime, ask=ask_hq)
        with runtime.database.reads() as session:
            verdict = verify_log(session, known=known.heads)
        if as_json:
            echo_json(_document(verdict, known))
        _tell(verdict, known)
        exit_with(0 if verdict.intact else BROKEN)

    if app.ask_heads is None:
        return verify
    asking = click.option("--ask-hq", is_flag=True, help=N_("Also ask head office where the log ended."))
    return asking(verify)


def _known(app: NodeApp, runtime: Any, *, ask: bool) -> KnownHeads:  # noqa: ANN401 - the app's own runtime
    if ask and app.ask_heads is not None:
        return app.ask_heads(runtime)
    return KnownHeads(app.known_heads(runtime)) if app.known_heads is not None else KnownHeads()


def _tell(verdict: Verdict, known: KnownHeads) -> None:
    if verdict.bad is None:
        say(gettext("The log is intact through entry %(seq)s.", seq=verdict.entries))
    else:
        say(_sentence(verdict.bad))
    for head in known.heads:
        say(
            gettext(
                "Compared with entry %(seq)s as known to %(source)s.",
                seq=head.seq,
                source=gettext(head.source),
            )
        )
    if known.missed:
        say(gettext("Not compared with head office: %(reason)s", reason=known.missed))


def _sentence(bad: Finding) -> str:
    told = gettext(SENTENCES[bad.why], seq=bad.seq)
    return told + (" " + gettext("Known from: %(source)s.", source=gettext(bad.source)) if bad.source else "")


def _document(verdict: Verdict, known: KnownHeads) -> dict[str, Any]:
    return {
        "intact": verdict.intact,
        "entries": verdict.entries,
        "digest": verdict.digest,
        "bad": asdict(verdict.bad) if verdict.bad else None,
        "compared": [asdict(head) for head in known.heads],
        "not_compared": known.missed,
    }

"""`restore`: a node made from a backup, by two administrators; by one alone only in an emergency, which is told."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import click
from sqlalchemy.orm import Session

from shared.alarms.operations import raise_alarm
from shared.audit import operations as audit
from shared.auth.witnesses import Account, Claim, count_refusal, prove_two, refused_tries
from shared.cli.context import NodeApp, command_stamp, echo_json, from_stdin, home_option, say
from shared.clock import SystemClock
from shared.config import Home
from shared.db.backup import Manifest, Unpacked, restore_backup
from shared.db.migrations import upgrade
from shared.errors import N_
from shared.i18n import gettext
from shared.jobs.alarms import RESTORED_BY_ONE
from shared.runtime import NodeRuntime
from shared.stamp import Stamp, Via
from shared.twoperson.operations import check_reason

NODE: Final = ("node", "restore")
USERS: Final = "users"
READ: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
TOLD: Final = ("app", "version", "dialect", "made_at", "rows")
# By whose word it is done.
PEOPLE: Final = (
    click.option("--by", "first", metavar="NAME", help=N_("The administrator who restores.")),
    click.option("--second", metavar="NAME", help=N_("Another administrator, who agrees.")),
    click.option("--reason", required=True, help=N_("Why; it stands in the operation log.")),
    click.option(
        "--by-password-file",
        "first_file",
        type=READ,
        help=N_("Read the first one's password from this file."),
    ),
    click.option(
        "--second-password-file",
        "second_file",
        type=READ,
        help=N_("Read the other one's password from this file."),
    ),
    click.option(
        "--emergency",
        is_flag=True,
        help=N_("Without a second person: logged, and an alarm until two close it."),
    ),
)


class Authority(Protocol):
    """By whose word a backup is put in place."""

    def permit(self, backup: Unpacked) -> None:
        """Raise unless the backup may be put in place; nothing has been touched then."""
        ...

    def note(self, session: Session, details: dict[str, object], *, by: Stamp) -> None:
        """Write down in the restored node who it was."""
        ...


@dataclass(slots=True)
class TwoPeople:
    """Two administrators of the backup; wrong tries are counted at `home`, which the backup would replace."""

    home: Home
    claims: tuple[Claim, Claim]
    reason: str
    at: datetime
    proven: tuple[Account, Account] | None = None
    in_vain: int = 0

    def permit(self, backup: Unpacked) -> None:
        """Raise unless both have proven who they are; raises WitnessesRefusedError and TooManyAttemptsError."""
        self.in_vain = len(refused_tries(self.home, at=self.at))
        count_refusal(self.home, at=self.at)
        self.proven = prove_two(backup.rows(USERS), self.claims)

    def note(self, session: Session, details: dict[str, object], *, by: Stamp) -> None:
        """Write down both, each as an act of their own."""
        assert self.proven is not None
        first, second = self.proven
        told = details | {"reason": self.reason, "second": second.username, "refused_before": self.in_vain}
        audit.record(session, "node.restored", subject=("user", first.id), by=_as(first, by), details=told)
        agreed = details | {"asked_by": first.username}
        audit.record(
            session, "node.restore-approved", subject=("user", second.id), by=_as(second, by), details=agreed
        )


@dataclass(frozen=True, slots=True)
class OnePerson:
    """Whoever sits at the machine, because nobody else can be had: an alarm stands until two people close it."""

    reason: str

    def permit(self, backup: Unpacked) -> None:
        """Ask nobody."""

    def note(self, session: Session, details: dict[str, object], *, by: Stamp) -> None:
        """Write it down and raise the alarm."""
        told = details | {"reason": self.reason, "emergency": True}
        audit.record(session, "node.restored", subject=None, by=by, details=told)
        about = details | {"user": by.actor, "terminal": by.terminal, "why": self.reason}
        raise_alarm(session, RESTORED_BY_ONE, NODE, at=by.at, details=about)


def restore_command(app: NodeApp) -> click.Command:
    """Return the command for one app."""

    @click.command(
        "restore",
        help=N_(
            "Make a node from a backup, by two of its administrators; every digest in it is checked first."
        ),
    )
    @click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
    @home_option(app.home_env)
    @_by_whose_word
    @click.option("--force", is_flag=True, help=N_("Move a node that is there aside."))
    @click.option(
        "--database",
        metavar="URL",
        callback=from_stdin,
        help=N_("Put the database here instead of where it was; - reads where from stdin."),
    )
    @click.option("--json", "as_json", is_flag=True, help=N_("Tell what was in the file as JSON."))
    def restore(
        file: Path,
        home: Path,
        *,
        force: bool,
        database: str | None,
        as_json: bool,
        **who: Any,  # noqa: ANN401
    ) -> None:
        now = SystemClock().now()
        authority = _authority(Home(home), at=now, **who)
        restored = restore_backup(
            file,
            Home(home),
            app=app.tables.name,
            now=now,
            force=force,
            database_url=database,
            permit=authority.permit,
        )
        _take_into_use(app, home, file, restored, authority)
        say(gettext("Restored as of %(time)s.", time=restored.made_at))
        if as_json:
            told = {name: getattr(restored, name) for name in TOLD}
            echo_json(told | {"members": len(restored.members)})

    return restore


def _by_whose_word(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(PEOPLE):
        command = option(command)
    return command


def _take_into_use(app: NodeApp, home: Path, file: Path, restored: Manifest, authority: Authority) -> None:
    runtime: NodeRuntime = app.open(home)
    upgrade(runtime.database, app.tables)
    with runtime.database.sessions.begin() as session:
        details: dict[str, object] = {"file": file.name, "made_at": restored.made_at}
        authority.note(session, details, by=command_stamp(runtime))
    for step in (app.after_restore, app.before_use):
        if step is not None:
            step(runtime)


def _authority(
    home: Home,
    *,
    at: datetime,
    first: str | None,
    second: str | None,
    reason: str,
    first_file: Path | None,
    second_file: Path | None,
    emergency: bool,
) -> Authority:
    """Return by whose word it is done, passwords asked for; raises ActReasonError and click's UsageError."""
    said = check_reason(reason)
    if emergency:
        if first or second or first_file or second_file:
            raise click.UsageError(gettext("Either two administrators, or --emergency."))
        return OnePerson(said)
    if not first or not second:
        raise click.UsageError(
            gettext(
                "Two administrators of the backup are needed: --by NAME --second NAME. Alone: --emergency."
            )
        )
    claims = (Claim(first, _password(first, first_file)), Claim(second, _password(second, second_file)))
    return TwoPeople(home, claims, said, at)


def _password(username: str, file: Path | None) -> str:
    if file is not None:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    asked: str = click.prompt(gettext("Password of %(user)s", user=username), hide_input=True, err=True)
    return asked


def _as(account: Account, by: Stamp) -> Stamp:
    return Stamp(by.at, account.username, Via.COMMAND, by.terminal, account.id)

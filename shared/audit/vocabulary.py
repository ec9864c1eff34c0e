"""The closed words of the operation log: what was done, and how it ended."""

from enum import StrEnum
from typing import Final, Self

from shared.errors import N_


class _Word(StrEnum):
    """A word stored as its code and labelled for people."""

    label: str
    chinese: str

    def __new__(cls, code: str, label: str, chinese: str) -> Self:
        """Make the member `code`."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.label = label
        member.chinese = chinese
        return member


class LogAction(_Word):
    """What kind of act an entry tells."""

    CREATE = "create", N_("created"), "新增"
    CHANGE = "change", N_("changed"), "修改"
    DELETE = "delete", N_("deleted"), "删除"
    VIEW = "view", N_("viewed"), "查看"
    EXPORT = "export", N_("exported"), "导出"
    PRINT = "print", N_("printed"), "打印"
    SIGN_IN = "sign_in", N_("signed in"), "登录"
    SIGN_OUT = "sign_out", N_("signed out"), "退出"
    REFUSE = "refuse", N_("refused"), "拒绝"
    SETTING = "setting", N_("changed a setting"), "设置"
    RUN = "run", N_("ran"), "运行"
    ASK = "ask", N_("asked for"), "申请"
    APPROVE = "approve", N_("approved"), "批准"


class LogOutcome(_Word):
    """How an act ended."""

    DONE = "done", N_("done"), "完成"
    REFUSED = "refused", N_("refused"), "拒绝"
    FAILED = "failed", N_("failed"), "失败"


# What an event's verb (behind its dot) means; tests/architecture/test_operation_log.py knows every event in the code.
VERBS: Final = {
    LogAction.CREATE: "placed added version-added created drafted enrolled entered joined registered written",
    LogAction.CHANGE: "released changed closed confirmed contender-accepted corrected decided enrolled-again "
    "lineage-opened merged migrated node-replaced receipts-taken rejoined repair restored share-ended shared signed "
    "taken-back undone unmerged unpacked",
    LogAction.DELETE: "blanked deleted draft-dropped erased erased-again forgotten purged region-dropped removed "
    "retired",
    LogAction.VIEW: "looked-up missed revealed served serving-ended told-elsewhere viewed",
    LogAction.EXPORT: "backed-up downloaded exported packed unsent-exported",
    LogAction.PRINT: "printed",
    LogAction.SIGN_IN: "accepted recovery-code-accepted",
    LogAction.SIGN_OUT: "sign-out",
    LogAction.REFUSE: "refused",
    LogAction.SETTING: "code-issued code-redeemed department-chosen disabled enabled key-announced key-changed "
    "keys-revoked kind-changed manager-chosen password-set published recovery-codes-made region-chosen "
    "rights-granted second-step-enrolled second-step-given-up second-step-reset sessions-ended set "
    "wait-forgotten withdrawn",
    LogAction.RUN: "all-checked-again applied cancelled checked-again done finished ran ran-out running waiting",
    LogAction.ASK: "asked asked-by-hq expired proof-asked proposed request-withdrawn waiver-asked waiver-withdrawn",
    LogAction.APPROVE: "approved restore-approved turned-down waived",
}
_ACTIONS: Final = {verb: action for action, verbs in VERBS.items() for verb in verbs.split()}


def action_of(event: str) -> LogAction:
    """Return what an event (`noun.verb`) means by its verb; a verb nobody listed counts as a change."""
    return _ACTIONS.get(event.rpartition(".")[2].replace("_", "-"), LogAction.CHANGE)


def outcome_of(event: str) -> LogOutcome:
    """Return how an act ended whose caller does not say."""
    return LogOutcome.REFUSED if action_of(event) is LogAction.REFUSE else LogOutcome.DONE


def module_of(event: str) -> str:
    """Return the part of the business an event belongs to: its noun."""
    return event.partition(".")[0].replace("_", "-")

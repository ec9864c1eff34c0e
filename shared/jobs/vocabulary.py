"""How a run of a job can end."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class RunOutcome(Vocabulary):
    """How one run ended; a job itself answers with one of the first four."""

    DONE = "done", N_("done"), "完成"
    NOTHING = "nothing", N_("nothing to do"), "无事可做"
    RETRY = "retry", N_("will try again"), "将重试"
    FAILED = "failed", N_("failed"), "失败"
    STOPPED = "stopped", N_("stopped with its process"), "随进程停止"
    TIMED_OUT = "timed_out", N_("timed out"), "超时"
    LOST = "lost", N_("its process died"), "进程中断"

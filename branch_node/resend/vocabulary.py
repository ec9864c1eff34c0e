"""How far something that is sent once more has come."""

from shared.domain.vocabulary import Vocabulary
from shared.errors import N_


class ResendState(Vocabulary):
    """WAITING for its first turn, RUNNING, DONE: every record has gone, or STOPPED by a person."""

    WAITING = "waiting", N_("waits for its turn"), "等待发送"
    RUNNING = "running", N_("under way"), "进行中"
    DONE = "done", N_("done"), "已完成"
    STOPPED = "stopped", N_("stopped"), "已停止"

"""What the demo says on the terminal, in Chinese and English; plain lines where there is no terminal."""

import time
from threading import Lock
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.demo import words
from tests.demo.show import SECRET, Show

TEXTS: Final = {
    "en": {
        "files": "Making up a company: three branches, their customers, a year of bill lines",
        "hq": "Head office: init, serve, enrol three branches",
        "import": "{code}: importing managers, customers, bill lines and work logs",
        "push": "{code}: pushing everything to head office",
        "serve": "Branches: serve",
        "reuse": "Serving the company kept in this folder",
        "arrive": "Comparing head office with every branch, counts and totals to the cent",
        "ready": "Ready after {seconds:.0f} s. Head office holds {customers:,} customers and {lines:,} bill lines of {branches} branches.",  # noqa: E501
        "columns": ("Where", "Address", "Sign in as", "Password", "Who"),
        "HQ": "Head office",
        "leader": "leader, sums of all branches",
        "analyst": "head office manager, all branches",
        "branch_manager": "branch manager, the whole branch",
        "account_manager": "account manager, own and shared customers",
        "service": "service operator, who is being served",
        "administrator": "system administrator, nothing of the business",
        "second": "An administrator's sign-in takes a second step: add the key {secret} to an authenticator app, or print the code of now: python -m tests.demo --code",  # noqa: E501
        "stop": "Ctrl-C stops everything.",
        "stopping": "Stopping ...",
        "stopped": "Stopped; nothing is left running.",
        "kept": "Kept in {folder}: the same command starts it again.",
        "failed": "The demo could not start. This command failed:",
        "folder": "{folder} is not empty and holds no demo; name another folder.",
    },
    "zh_CN": {
        "files": "编造一家公司：三个分公司、客户、一年的账单明细",
        "hq": "总公司：初始化、启动服务、登记三个分公司",
        "import": "{code}：导入客户经理、客户、账单明细和工作日志",
        "push": "{code}：全部上传到总公司",
        "serve": "分公司：启动服务",
        "reuse": "启动此文件夹中保留的公司",
        "arrive": "核对总公司与各分公司：笔数与金额，精确到分",
        "ready": "{seconds:.0f} 秒就绪。总公司现有 {branches} 个分公司、{customers:,} 个客户、{lines:,} 条账单明细。",
        "columns": ("节点", "网址", "用户名", "密码", "身份"),
        "HQ": "总公司",
        "leader": "总公司领导，各分公司汇总",
        "analyst": "总公司业务管理人员，全部分公司",
        "branch_manager": "分公司主管，本分公司",
        "account_manager": "客户经理，本人及共享客户",
        "service": "客服人员，正在服务的客户",
        "administrator": "系统管理员，不看业务数据",
        "second": "管理员登录需要第二步验证：把密钥 {secret} 加入身份验证器应用，或显示当前验证码：python -m tests.demo --code",  # noqa: E501
        "stop": "按 Ctrl-C 全部停止。",
        "stopping": "正在停止……",
        "stopped": "已停止，没有遗留进程。",
        "kept": "保留在 {folder}：再次运行同一命令即可继续。",
        "failed": "演示未能启动。出错的命令：",
        "folder": "{folder} 不是空的，也不是演示文件夹，请另选一个。",
    },
}


WIDTH: Final = 160  # of the table, whatever the terminal: an address cut short is of no use


class Reporter:
    """Says each step with the seconds since the start; safe to call from several threads."""

    def __init__(self, language: str) -> None:
        """Speak `language`, one of TEXTS."""
        self.texts: dict[str, Any] = TEXTS[language]
        self.console = Console(highlight=False)
        self._begun = time.monotonic()
        self._lock = Lock()

    def step(self, step: str) -> None:
        """Say that a step begins: its name, and the branch's code where it is one branch's."""
        name, _, code = step.partition(" ")
        text = self.texts[name].format(code=code)
        with self._lock:
            self.console.print(f"[{self._seconds():5.1f} s] {text}", markup=False, soft_wrap=True)

    def line(self, name: str, **values: object) -> None:
        """Say one sentence."""
        self.console.print(self.texts[name].format(**values), markup=False, soft_wrap=True)

    def failure(self, error: Exception) -> None:
        """Say which command failed and what it said itself, on stderr."""
        console = Console(stderr=True, highlight=False)
        console.print(self.texts["failed"], style="bold red", markup=False)
        console.print(f"  {error}", markup=False, soft_wrap=True)

    def ready(self, show: Show, status: dict[str, Any]) -> None:
        """Say what runs where, and how to get in."""
        records = [branch["records"] for branch in status["branches"]]
        self.console.print()
        self.line(
            "ready",
            seconds=self._seconds(),
            customers=sum(counts.get("customer", 0) for counts in records),
            lines=sum(counts.get("bill_line", 0) for counts in records),
            branches=len(records),
        )
        self.console.print()
        Console(highlight=False, width=max(WIDTH, self.console.width)).print(self._table(show))
        self.console.print()
        self.line("second", secret=SECRET)

    def _table(self, show: Show) -> Table:
        table = Table(box=None, padding=(0, 3, 0, 0), header_style="bold")
        for column in self.texts["columns"]:
            table.add_column(column, no_wrap=True, overflow="ignore")
        names = {"HQ": self.texts["HQ"]} | {plan.code: f"{plan.code} {plan.name}" for plan in words.BRANCHES}
        for code, node in show.nodes.items():
            where, address = names[code], node.url
            for user in (user for user in show.users if user.node == code):
                who = f"{user.name} ({self.texts[user.kind]})" if user.name else self.texts[user.kind]
                table.add_row(where, address, user.username, user.password, who)
                where = address = ""
        return table

    def _seconds(self) -> float:
        return time.monotonic() - self._begun

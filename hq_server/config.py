"""Settings of the HQ server: config.toml in its home directory, checked when read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.config import LOOPBACK, Home, NodeSettings, check_secret, new_secret
from shared.ids import new_id
from sync_protocol.contract.keys import new_private_key

SESSION_SECRET: Final = "session.key"  # noqa: S105 - the name of a file
NODE_KEY: Final = "hq.key"
DEFAULT_PORT: Final = 8000


@dataclass(frozen=True, slots=True)
class HqSettings(NodeSettings):
    """Settings of HQ; `hq_id` names this server to branches, `push_interval_s` is how often they push.

    After `backup_alarm_days` without a backup there is an alarm; receipts are kept `receipt_retention_days`.
    A branch that is heard from has `feed_alarm_hours` to apply what was published.
    So many branches as `intake_slots` are taken in at once by each process that serves.
    """

    hq_id: str = ""
    push_interval_s: int = 600
    backup_alarm_days: int = 3
    receipt_retention_days: int = 400
    feed_alarm_hours: int = 6
    intake_slots: int = 4


def create_home(path: Path, *, database_url: str | None) -> Home:
    """Make a new home with keys and configuration; what exists already is kept, so it can be run again."""
    home = Home(path)
    home.create()
    if not home.has_key(SESSION_SECRET):
        home.write_key(SESSION_SECRET, new_secret().encode())
    if not home.has_key(NODE_KEY):
        home.write_key(NODE_KEY, new_private_key())
    if not home.exists:
        home.write_config(
            {
                "hq_id": new_id(),
                "database_url": database_url or f"sqlite:///{home.path / 'hq.db'}",
                "host": "127.0.0.1",
                "port": DEFAULT_PORT,
                "timezone": "Asia/Shanghai",
                "language": "zh_CN",
                "currency": "CNY",
                "push_interval_s": 600,
                "allow_plain_http": False,
                "behind_proxy": False,
            }
        )
    return home


def load_settings(path: Path) -> HqSettings:
    """Return the settings of the home at `path`; raises SetupError with what is wrong."""
    home = Home(path)
    values: dict[str, Any] = home.read_config()
    secret = home.read_key(SESSION_SECRET).decode()
    check_secret("keys/session.key", secret)
    known = {key: value for key, value in values.items() if key in HqSettings.__dataclass_fields__}
    hosts = tuple(str(host) for host in known.pop("allowed_hosts", ()))
    proxies = tuple(str(one) for one in known.pop("proxies", LOOPBACK))
    return HqSettings(home=home, secret_key=secret, allowed_hosts=hosts, proxies=proxies, **known)

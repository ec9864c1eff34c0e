"""Settings of a branch node: config.toml in its home directory, checked when read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shared.config import LOOPBACK, Home, NodeSettings, check_secret, new_secret
from shared.db.scope import FIRST
from shared.ids import new_id
from sync_protocol.contract.keys import new_private_key

SESSION_SECRET: Final = "session.key"  # noqa: S105 - the name of a file
NODE_KEY: Final = "node.key"
DEFAULT_PORT: Final = 8100


def key_file(receiver: str) -> str:
    """Return the file of the key that signs what goes to a receiver: one each, so that each is replaced by itself."""
    return NODE_KEY if receiver == FIRST else f"node.{receiver}.key"


@dataclass(frozen=True, slots=True)
class BranchSettings(NodeSettings):
    """Settings of a branch; `node_id` names this node, `push_interval_s` is how often it pushes.

    Batches that head office holds and has backed up are kept `outbox_retention_days`, and earlier ones go when
    the store is over `outbox_cap_mb`. A record type with more than `backlog_above` changes of earlier days sends
    today's first. A document of a customer may have `document_mb`, all of them together `documents_quota_mb`.
    """

    node_id: str = ""
    push_interval_s: int = 600
    outbox_retention_days: int = 30
    outbox_cap_mb: int = 4096
    backlog_above: int = 2_000
    document_mb: int = 20
    documents_quota_mb: int = 4096


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
                "node_id": new_id(),
                "database_url": database_url or f"sqlite:///{home.path / 'branch.db'}",
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


def load_settings(path: Path) -> BranchSettings:
    """Return the settings of the home at `path`; raises SetupError with what is wrong."""
    home = Home(path)
    values: dict[str, Any] = home.read_config()
    secret = home.read_key(SESSION_SECRET).decode()
    check_secret("keys/session.key", secret)
    known = {key: value for key, value in values.items() if key in BranchSettings.__dataclass_fields__}
    hosts = tuple(str(host) for host in known.pop("allowed_hosts", ()))
    proxies = tuple(str(one) for one in known.pop("proxies", LOOPBACK))
    return BranchSettings(home=home, secret_key=secret, allowed_hosts=hosts, proxies=proxies, **known)

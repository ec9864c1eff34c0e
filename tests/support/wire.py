"""Carrying a branch's requests over real HTTP to wherever a test's head office listens."""

from dataclasses import dataclass, replace

from branch_node.outbound.transport import HttpTransport
from branch_node.runtime import Answer, Request
from tests.support.world import HQ_URL


@dataclass
class Wire:
    """Sends what is meant for head office to `url`, a proxy's or a server's; its signature still names head office."""

    url: str

    def __post_init__(self) -> None:
        """Open a connection of its own, kept from request to request."""
        self._http = HttpTransport()

    def send(self, request: Request) -> Answer:
        """Send one request and wait for its answer."""
        headers = {**request.headers, "Host": HQ_URL.removeprefix("http://")}
        return self._http.send(replace(request, url=request.url.replace(HQ_URL, self.url), headers=headers))

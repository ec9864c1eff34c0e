"""Behind a proxy: whose word on where a request came from is believed."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final

from werkzeug.middleware.proxy_fix import ProxyFix

from shared.errors import N_, SetupError

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
FORWARDED: Final = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_FORWARDED",
    "HTTP_X_REAL_IP",
)


class TrustedProxy:
    """Believes the last proxy's `X-Forwarded-*` when it is one of ours; from anybody else they are taken away.

    So nobody in the network who reaches the port directly writes another address than theirs into the operation log,
    or is counted as somebody else when signing in is slowed down.
    """

    def __init__(self, app: WsgiApp, proxies: Sequence[str]) -> None:
        """Stand before `app`; `proxies` are addresses or networks. Raises SetupError for what is neither."""
        self._direct = app
        self._proxied = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self._networks = [_network(one) for one in proxies]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Take one request."""
        if self._is_ours(environ.get("REMOTE_ADDR", "")):
            return self._proxied(environ, start_response)
        for name in FORWARDED:
            environ.pop(name, None)
        return self._direct(environ, start_response)

    def _is_ours(self, given: str) -> bool:
        try:
            address = ip_address(given.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise SetupError(problem=f"proxies: {text}: {N_('neither an address nor a network')}") from None

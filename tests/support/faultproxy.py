"""A bad line as a TCP proxy: between real clients and a real server, below HTTP, where wires misbehave."""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

LOOPBACK: Final = "127.0.0.1"
# slow: 64 kbit/s; half-open: the other side is silent for ever; twice: the server gets the request a second time.
FAULTS: Final = ("late", "slow", "reset", "half-open", "cut-answer", "twice")
# These strike once so many bytes have gone one way; a connection that carries fewer is spared.
STRIKING: Final = frozenset({"reset", "half-open", "cut-answer"})
WITHIN: Final = 4_000
PIECE: Final = 256
BYTES_A_SECOND: Final = 8_000
LATE_S: Final = 0.05
RESET: Final = struct.pack("ii", 1, 0)


@dataclass
class FaultProxy:
    """Carries each connection to `port`, misbehaving in one of `kinds` on a share `rate` of them; seeded.

    `faults` counts those that struck, by kind.
    """

    port: int
    rng: random.Random
    rate: float = 0.5
    kinds: Sequence[str] = FAULTS
    faults: Counter[str] = field(default_factory=Counter)
    bytes_sent: int = 0
    """What clients have sent, the repeated included."""

    def __enter__(self) -> Self:
        """Begin to listen; `self.url` says where."""
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.url = f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up on everybody."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, LOOPBACK, 0)

    async def _hang_up(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        fault = self.rng.choice(self.kinds) if self.rng.random() < self.rate else "none"
        if fault not in STRIKING:
            self.faults[fault] += 1
        server, to_server = await asyncio.open_connection(LOOPBACK, self.port)
        twin = (await asyncio.open_connection(LOOPBACK, self.port))[1] if fault == "twice" else None
        strikes = self.rng.randrange(WITHIN)
        up = self._pump(client, [to_server] + ([twin] if twin else []), fault, strikes)
        down = self._pump(server, [to_client], fault, strikes, answering=True)
        pumps = [self._loop.create_task(pump) for pump in (up, down)]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if fault == "twice":
                await asyncio.wait(pumps, timeout=LATE_S)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for writer in (to_client, to_server, twin):
                if writer is not None:
                    _close(writer, by_reset=fault == "reset")

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sinks: Sequence[asyncio.StreamWriter],
        fault: str,
        strikes: int,
        *,
        answering: bool = False,
    ) -> None:
        """Carry one direction until it ends or the fault strikes."""
        carried = 0
        while piece := await source.read(PIECE):
            carried += len(piece)
            if not answering:
                self.bytes_sent += len(piece)
            if fault == "late":
                await asyncio.sleep(LATE_S)
            elif fault == "slow":
                await asyncio.sleep(len(piece) / BYTES_A_SECOND)
            elif carried > strikes and fault in STRIKING and (answering or fault != "cut-answer"):
                self.faults[fault] += 1
                if fault != "half-open":
                    return
                await asyncio.Event().wait()
            for sink in sinks:
                sink.write(piece)
                with suppress(ConnectionError):
                    await sink.drain()


def _close(writer: asyncio.StreamWriter, *, by_reset: bool) -> None:
    if by_reset:
        line = writer.get_extra_info("socket")
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()
    else:
        writer.close()

"""The way to a backend that may fall silent, as when its machine vanishes: nothing arrives, nothing is broken off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class SilentWay:
    """Carries bytes both ways between a free loopback port and the backend at `there`, as long as it is `open`."""

    def __init__(self, there: str) -> None:
        self.address = ""
        self.open = True
        self._there = there
        self._carrying: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what one connection says and hears, until somebody hangs up."""
        if task := asyncio.current_task():
            self._carrying.add(task)
        host, _, port = self._there.rpartition(":")
        from_there, to_there = await asyncio.open_connection(host, int(port))
        try:
            await asyncio.gather(self._carry(reader, to_there), self._carry(from_there, writer))
        except asyncio.CancelledError:
            return  # the test is over
        finally:
            for end in (writer, to_there):
                end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if self.open:
                    writer.write(data)
                    await writer.drain()
        writer.close()

    async def close(self) -> None:
        """Hang up on everybody."""
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying)


@asynccontextmanager
async def silent_way(there: str) -> AsyncIterator[SilentWay]:
    """To the backend at that address, for as long as the context lasts."""
    way = SilentWay(there)
    server = await asyncio.start_server(way.take, "127.0.0.1", 0)
    way.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield way
    finally:
        server.close()
        await way.close()
        await server.wait_closed()

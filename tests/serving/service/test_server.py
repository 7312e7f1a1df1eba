"""Tests of the service's socket."""

import asyncio
import socket

from serving.service.server import _listening


def test_an_answer_is_sent_at_once():
    """Without TCP_NODELAY its end waits for the client to acknowledge its beginning."""

    async def delays(listener):
        accepted = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(
            lambda _, writer: accepted.set_result(writer), sock=listener
        )
        async with server:
            _, client = await asyncio.open_connection(*listener.getsockname())
            writer = await accepted
            option = writer.get_extra_info("socket").getsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY
            )
            client.close()
            writer.close()
            return not option

    with _listening("127.0.0.1", 0) as listener:
        assert not asyncio.run(delays(listener))

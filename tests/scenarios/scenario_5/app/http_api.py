"""The HTTP API on port 5000, with aiohttp: POST /SERVICE.METHOD, and WAMP over WebSocket on /ws."""

import asyncio
import json
import random
from enum import IntEnum

import nats.errors
from aiohttp import WSMsgType, web

from rpc import connect, pack, unpack

CALL_SECONDS = 13.0  # hello_sleep takes ten


async def answer_call(request: web.Request) -> web.Response:
    data = await request.read()
    try:
        connection = request.app["nats"]
        message = await connection.request(request.match_info["call"], data, timeout=CALL_SECONDS)
    except nats.errors.NoRespondersError:
        return web.json_response([[], {"error": "no such call"}], status=404)
    except (nats.errors.Error, asyncio.TimeoutError) as error:
        return web.json_response([[], {"error": repr(error)}], status=504)
    return web.Response(body=message.data, content_type="application/json")


class Wamp(IntEnum):
    """The messages of WAMP 2 that a page needs; numbers as in its specification."""

    HELLO = 1
    WELCOME = 2
    GOODBYE = 6
    PUBLISH = 16
    PUBLISHED = 17
    SUBSCRIBE = 32
    SUBSCRIBED = 33
    UNSUBSCRIBE = 34
    UNSUBSCRIBED = 35
    EVENT = 36
    CALL = 48
    RESULT = 50


class Session:
    """One page. Its topics and procedures are subjects of NATS."""

    def __init__(self, socket: web.WebSocketResponse, connection):
        self._socket = socket
        self._nats = connection
        self._subscriptions: dict[int, object] = {}
        self._next = 1

    async def send(self, kind: Wamp, *rest) -> None:
        await self._socket.send_str(json.dumps([kind, *rest]))

    async def take(self, kind: int, *rest) -> None:
        if kind == Wamp.HELLO:
            roles = {"roles": {"broker": {}, "dealer": {}}}
            await self.send(Wamp.WELCOME, random.randrange(1, 1 << 53), roles)
        elif kind == Wamp.GOODBYE:
            await self.send(Wamp.GOODBYE, {}, "wamp.close.goodbye_and_out")
        elif kind == Wamp.SUBSCRIBE:
            request, _, topic = rest
            number, self._next = self._next, self._next + 1

            async def forward(message) -> None:
                args, kwargs = unpack(message.data)
                publication = random.randrange(1, 1 << 53)
                await self.send(Wamp.EVENT, number, publication, {}, args, kwargs)

            self._subscriptions[number] = await self._nats.subscribe(topic, cb=forward)
            await self._nats.flush()
            await self.send(Wamp.SUBSCRIBED, request, number)
        elif kind == Wamp.UNSUBSCRIBE:
            request, number = rest
            await self._subscriptions.pop(number).unsubscribe()
            await self.send(Wamp.UNSUBSCRIBED, request)
        elif kind == Wamp.PUBLISH:
            request, options, topic, *call = rest
            await self._nats.publish(topic, pack(*call))
            if options.get("acknowledge"):
                await self.send(Wamp.PUBLISHED, request, random.randrange(1, 1 << 53))
        elif kind == Wamp.CALL:
            request, _, procedure, *call = rest
            message = await self._nats.request(procedure, pack(*call), timeout=CALL_SECONDS)
            await self.send(Wamp.RESULT, request, {}, *unpack(message.data))

    async def end(self) -> None:
        for one in self._subscriptions.values():
            await one.unsubscribe()


async def serve_wamp(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=("wamp.2.json",))
    await socket.prepare(request)
    session = Session(socket, request.app["nats"])
    try:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await session.take(*json.loads(message.data))
    finally:
        await session.end()
    return socket


async def with_nats(app: web.Application):
    app["nats"] = await connect("http-api")
    print("serving", flush=True)
    yield
    await app["nats"].close()


def main() -> None:
    app = web.Application()
    app.cleanup_ctx.append(with_nats)
    app.router.add_get("/ws", serve_wamp)
    app.router.add_post("/{call}", answer_call)
    web.run_app(app, port=5000, print=None)


main()

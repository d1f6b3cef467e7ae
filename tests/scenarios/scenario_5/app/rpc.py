"""Calls over NATS: what the description's `microservice.rpc` does, with nats-py.

A call's subject is SERVICE.METHOD, its data [args, kwargs] in JSON, and so is its answer.
Instances of a service share its calls: they subscribe in one queue group.
"""

import asyncio
import json
import os

import nats

NATS_URL = os.environ.get("NATS_URL", "nats://nats.default:4222")


def rpc(method):
    method.is_rpc = True
    return method


def pack(args=(), kwargs=None) -> bytes:
    return json.dumps([list(args), kwargs or {}]).encode()


def unpack(data: bytes) -> tuple[list, dict]:
    call = json.loads(data or b"[]") or []
    return (call[0] if call else []), (call[1] if len(call) > 1 else {})


async def connect(name: str):
    async def tell(what="disconnected"):
        print(f"nats: {what}", flush=True)

    async def tell_again():
        await tell("connected again")

    return await nats.connect(
        NATS_URL,
        name=name,
        reconnect_time_wait=0.2,
        max_reconnect_attempts=-1,
        ping_interval=5,
        error_cb=tell,
        disconnected_cb=tell,
        reconnected_cb=tell_again,
    )


async def serve(*services) -> None:
    """Answers the calls of these services, for ever."""
    connection = await connect(services[0].name)
    for service in services:
        service.nats = connection
        for name in dir(service):
            method = getattr(service, name)
            if getattr(method, "is_rpc", False):
                subject = f"{service.name}.{name}"
                await connection.subscribe(subject, service.name, cb=_answering(subject, method))
    await connection.flush()
    print("serving", flush=True)
    await asyncio.Event().wait()


def _answering(subject, method):
    async def answer(message):
        print(json.dumps({"call": subject}), flush=True)

        async def call():
            args, kwargs = unpack(message.data)
            try:
                result = pack(*await method(*args, **kwargs))
            except Exception as error:  # whatever it is, the caller should not wait for it
                result = pack([], {"error": repr(error)})
            if message.reply:
                await message.respond(result)

        asyncio.create_task(call())  # a call that sleeps holds up no other

    return answer

"""What server.js does, in Python (grpc.aio): `python server.py PORT NAME`.

Prints the same JSON lines: {listening}, {call, deadline_ms, peer}, {cancelled}, {peak}, {listed}.
It has the health service of grpcio besides; SIGUSR1 makes it unwell, SIGUSR2 well.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from contextlib import contextmanager

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

MESSAGES, SERVICES = grpc.protos_and_services("echo.proto")
PORT, NAME = sys.argv[1:]
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
ALL_BYTES = bytes(range(256))


def tell(**what) -> None:
    print(json.dumps(what), flush=True)


@contextmanager
def begun(context, method: str):
    left = context.time_remaining()
    has = dict(context.invocation_metadata())
    deadline_ms = None if left is None else round(left * 1000)
    tell(call=method, deadline_ms=deadline_ms, peer=has.get("x-epaulet-peer"))
    try:
        yield
    except asyncio.CancelledError:
        tell(cancelled=method)
        raise


def message(**values):
    return MESSAGES.Message(by=NAME, **values)


class Echo(SERVICES.EchoServicer):
    waiting = 0
    peak = 0

    def __init__(self):
        self.flaky = Counter()

    async def Unary(self, request, context):
        with begun(context, "Unary"):
            own = [one for one in context.invocation_metadata() if one[0].startswith("test-")]
            await context.send_initial_metadata(own)
            context.set_trailing_metadata([(f"trailer-{name}", value) for name, value in own])
            request.by = NAME
            return request

    async def Fail(self, request, context):
        with begun(context, "Fail"):
            context.set_trailing_metadata(
                (("grpc-status-details-bin", ALL_BYTES), ("test-word", "why"))
            )
            details = "no such thing: 100 % ünïcode\n"
            await context.abort(grpc.StatusCode.NOT_FOUND, details)

    async def Flaky(self, request, context):
        with begun(context, "Flaky"):
            self.flaky[request.number] += 1
            if self.flaky[request.number] <= request.count:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")
            return message()

    async def Wait(self, request, context):
        with begun(context, "Wait"):
            self.waiting += 1
            if self.waiting > self.peak:
                self.peak = self.waiting
                tell(peak=self.peak)
            try:
                await asyncio.sleep(request.pause_ms / 1000 if request.pause_ms else 3600)
            finally:
                self.waiting -= 1
            return message()

    async def List(self, request, context):
        with begun(context, "List"):
            payload = b"p" * request.bytes
            for number in range(1, request.count + 1):
                if request.pause_ms and number > 1:
                    await asyncio.sleep(request.pause_ms / 1000)
                yield message(number=number, payload=payload)
            tell(listed=request.count, cancelled=False)

    async def Collect(self, requests, context):
        with begun(context, "Collect"):
            count = size = 0
            async for one in requests:
                count, size = count + 1, size + len(one.payload)
            return message(count=count, bytes=size)

    async def Talk(self, requests, context):
        with begun(context, "Talk"):
            async for one in requests:
                one.by = NAME
                yield one


async def main() -> None:
    server = grpc.aio.server(options=UNLIMITED)
    SERVICES.add_EchoServicer_to_server(Echo(), server)
    serving = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(serving, server)
    States = health_pb2.HealthCheckResponse.ServingStatus
    loop = asyncio.get_running_loop()
    changes = {signal.SIGUSR1: States.Value("NOT_SERVING"), signal.SIGUSR2: States.Value("SERVING")}
    for number, state in changes.items():
        loop.add_signal_handler(
            number, lambda state=state: loop.create_task(serving.set("echo", state))
        )
    await serving.set("echo", States.Value("SERVING"))
    server.add_insecure_port(f"[::]:{PORT}")
    await server.start()
    tell(listening=NAME)
    await server.wait_for_termination()


asyncio.run(main())

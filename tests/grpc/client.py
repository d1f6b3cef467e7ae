"""What client.js does, in Python (grpc.aio): `python client.py TARGET CASE [JSON]`.

Plays one case over one channel and prints JSON lines: what happened on the way, and {result} at its
end. A call that failed is {code, details}.
"""

import asyncio
import json
import sys
import time
from collections import Counter

import grpc

MESSAGES, SERVICES = grpc.protos_and_services("echo.proto")
TARGET, CASE = sys.argv[1:3]
OPTIONS = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def tell(**what) -> None:
    print(json.dumps(what), flush=True)


def milliseconds_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def seconds(milliseconds: int | None) -> float | None:
    return milliseconds / 1000 if milliseconds else None


async def status_of(call) -> dict:
    has = dict(await call.trailing_metadata() or ())
    binary = has.get("grpc-status-details-bin")
    return {
        "code": (await call.code()).value[0],
        "details": await call.details(),
        "binary": binary.hex() if binary is not None else None,
        "word": has.get("test-word"),
    }


class Cases:
    def __init__(self, echo):
        self.echo = echo

    async def call(self, method, request, deadline_ms=0, cancel_after=0):
        began = time.monotonic()
        call = getattr(self.echo, method)(
            MESSAGES.Message(**request), timeout=seconds(deadline_ms)
        )
        if cancel_after:
            asyncio.get_running_loop().call_later(cancel_after / 1000, call.cancel)
        try:
            answer = await call
        except (grpc.RpcError, asyncio.CancelledError):
            return {**await status_of(call), "ms": milliseconds_since(began)}
        return {
            "code": 0,
            "answer": {"number": answer.number, "by": answer.by},
            "ms": milliseconds_since(began),
        }

    async def metadata(self):
        """Text and binary metadata, two values of a name, there and back in head and trailers."""
        sent = (
            ("test-text", "first"),
            ("test-text", 'second; with = and "'),
            ("test-all-bin", bytes(range(256))),
            ("test-odd-bin", b"\0"),
            ("test-none-bin", b""),
        )
        call = self.echo.Unary(MESSAGES.Message(number=7), metadata=sent)
        answer = await call

        def same(got, prefix: str) -> bool:
            # Values of one name may be joined by a comma on their way (RFC 9110 section 5.3).
            def values(of, name: str):
                found = [value for key, value in of if key == name]
                return b"".join(found) if name.endswith("-bin") else ", ".join(found)

            got = list(got)
            return all(
                any(key == prefix + name for key, _ in got)
                and values(got, prefix + name) == values(sent, name)
                for name, _ in sent
            )

        return {
            "code": 0,
            "number": answer.number,
            "head": same(await call.initial_metadata(), ""),
            "trailers": same(await call.trailing_metadata(), "trailer-"),
        }

    async def large(self, bytes):
        """A message of `bytes` there and back."""
        block = b"".join((at * 31 & 0xFF ^ at >> 8).to_bytes(1, "big") for at in range(1 << 16))
        payload = (block * (bytes // len(block) + 1))[:bytes]
        answer = await self.echo.Unary(MESSAGES.Message(payload=payload))
        return {"code": 0, "same": answer.payload == payload}

    async def list(self, request, cancel_at=None, deadline_ms=0):
        """Messages of List must come in order."""
        call = self.echo.List(MESSAGES.Message(**request), timeout=seconds(deadline_ms))
        return await self._drain(call, cancel_at)

    async def collect(self, count, bytes):
        """`count` messages of `bytes`."""

        async def messages():
            for number in range(1, count + 1):
                yield MESSAGES.Message(number=number, payload=b"c" * bytes)

        answer = await self.echo.Collect(messages())
        return {"code": 0, "answer": {"count": answer.count, "bytes": answer.bytes}}

    async def talk(self, count):
        """The next message is sent when the last was answered."""
        call = self.echo.Talk()
        answered = 0
        for number in range(1, count + 1):
            await call.write(MESSAGES.Message(number=number))
            answered += (await call.read()).number == number
        await call.done_writing()
        in_order = answered == count and await call.read() is grpc.aio.EOF
        return {**await status_of(call), "count": answered, "in_order": in_order}

    async def crowd(self, count, pause_ms):
        """`count` calls of Wait at once: how often each code and why, and who answered how often."""
        request = MESSAGES.Message(pause_ms=pause_ms)
        calls = [self.echo.Wait(request) for _ in range(count)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        codes = Counter([(await call.code()).value[0] for call in calls])
        why = Counter([await call.details() for call in calls]).most_common(3)
        by = Counter(one.by for one in answers if not isinstance(one, BaseException))
        return {"codes": codes, "why": why, "by": by}

    async def _drain(self, call, cancel_at):
        began = time.monotonic()
        count, in_order = 0, True
        try:
            async for one in call:
                count += 1
                in_order = in_order and one.number == count
                tell(got=one.number)
                if count == cancel_at:
                    call.cancel()
        except (grpc.RpcError, asyncio.CancelledError):
            pass
        told = {"count": count, "in_order": in_order, "ms": milliseconds_since(began)}
        return {**await status_of(call), **told}


async def main() -> None:
    async with grpc.aio.insecure_channel(TARGET, options=UNLIMITED) as channel:
        cases = Cases(SERVICES.EchoStub(channel))
        tell(result=await getattr(cases, CASE)(**OPTIONS))


asyncio.run(main())

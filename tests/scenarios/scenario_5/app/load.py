"""Calls greeting_service.hello for so long: `load.py SECONDS`.

Each call is made once more if it fails, as a careful client does. Prints a JSON line at the end:
calls, those that needed the second try, and what failed for good.
"""

import asyncio
import json
import sys
import time

import aiohttp

URL = "http://http-api.default:5000/greeting_service.hello"
CALLERS = 4
TRY_SECONDS = 4.0
PAUSE_SECONDS = 1.0  # before the second try: services find another NATS server meanwhile


async def attempt(session, name: str) -> str:
    """Empty if the answer was right."""
    try:
        async with session.post(URL, data=json.dumps([[name]])) as answer:
            text = await answer.text()
            right = answer.status == 200 and json.loads(text) == [[f"Hello, {name} "], {}]
            return "" if right else f"{answer.status} {text[:200]}"
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        return repr(error)


async def main() -> None:
    result = {"calls": 0, "again": [], "failed": [], "slowest_ms": 0}
    end = time.monotonic() + float(sys.argv[1])

    async def caller(number: int) -> None:
        timeout = aiohttp.ClientTimeout(total=TRY_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while time.monotonic() < end:
                name = f"{number}-{result['calls']}"
                begin = time.monotonic()
                why = await attempt(session, name)
                if why:
                    result["again"].append(why)
                    await asyncio.sleep(PAUSE_SECONDS)
                    why = await attempt(session, name)
                if why:
                    result["failed"].append(why)
                result["calls"] += 1
                took = round((time.monotonic() - begin) * 1000)
                result["slowest_ms"] = max(result["slowest_ms"], took)
                await asyncio.sleep(0.01)

    print(json.dumps({"calling": CALLERS}), flush=True)
    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    print(json.dumps({"load": result}), flush=True)


asyncio.run(main())

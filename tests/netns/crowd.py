"""Many peers that misbehave, in a process of their own; this file is its script too:

    crowd.py '{"do": WHAT, "address": A, "port": P, ...}'   until it is stopped; "at it" once it is

Callers: `knock` dials `rate` times a second, asks, and leaves with whatever comes. `trickle` keeps
`count` connections: `text`, of which the first `at_once` bytes together and then one each `every`
seconds. `deaf` keeps `count` connections that send `text` and never read; with `upload`, that send
on and on. What ends is dialled anew. `burst` dials `count` times in a second, each asking once, and
then prints how many ended how, once all have, and in how many seconds they were offered, of which
the machine kept it waiting for a processor for so many. Apps: `bare` listens on `port` and, with `reset`, resets
every connection at once; with `hears` 0 reads nothing; after `life` seconds closes; with `body`
answers what it hears by so many bytes.
"""

import collections
import contextlib
import itertools
import json
import resource
import select
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from priority import go_before_strangers

REQUEST = b"GET / HTTP/1.1\r\nHost: crowd\r\nConnection: close\r\n\r\n"
PROXY_UID = 1337  # what it dials is not redirected
BURST_PATIENCE = 30.0
AT_ONCE = 50  # begun before it looks at what has come
OPEN_MAX = 8000  # who is not heard does not ask for more


@contextlib.contextmanager
def crowd(pod, do: str, address: str = "", port: int = 0, uid: int = 0, **more) -> Iterator:
    """Such a process, at it within the block."""
    here = Path(__file__)
    script = f"{pod.bind(here.parent, 'crowd')}/{here.name}"
    want = {"do": do, "address": address, "port": port, **more}
    process = pod.start(["python3", script, json.dumps(want)], uid=uid, name=f"crowd-{do}")
    process.wait_for_line("at it")
    if do != "burst":  # that one takes nobody's time: what it does is told by others as well
        go_before_strangers(process.pid)
    try:
        yield process
    finally:
        process.stop()


def become_of(process) -> dict:
    """What a burst says at its end: {"200": ..., "reset": ..., "hanging": ..., ...}."""
    process.wait_for(lambda: process.json_lines(), "the burst to end", BURST_PATIENCE + 10)
    return process.json_lines()[0]


def begin_dial(want: dict) -> socket.socket:
    family = socket.AF_INET6 if ":" in want["address"] else socket.AF_INET
    channel = socket.socket(family, socket.SOCK_STREAM)
    channel.setblocking(False)
    channel.connect_ex((want["address"], want["port"]))
    return channel


class Knockers:
    """Connections that ask once; `ended` counts how."""

    def __init__(self, want: dict):
        self.want = want
        self.waiting = selectors.DefaultSelector()
        self.open = 0
        self.ended: collections.Counter[str] = collections.Counter()

    def add(self) -> None:
        self.waiting.register(begin_dial(self.want), selectors.EVENT_WRITE)
        self.open += 1

    def look(self, seconds: float) -> None:
        for key, events in self.waiting.select(max(0.0, seconds)):
            channel = key.fileobj
            try:
                if events & selectors.EVENT_WRITE:
                    channel.send(REQUEST)
                    self.waiting.modify(channel, selectors.EVENT_READ)
                    continue
                data = channel.recv(1 << 14)
                end = data.split()[1].decode() if data.startswith(b"HTTP/1.1 ") else "fin"
            except BlockingIOError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                end = "reset"
            except OSError as error:
                end = type(error).__name__
            self.ended[end] += 1
            self.open -= 1
            self.waiting.unregister(channel)
            channel.close()


def knock(want: dict) -> None:
    """Where it cannot keep its pace it knocks as fast as it can, and does not make up for it."""
    callers = Knockers(want)
    due = time.monotonic()
    print("at it", flush=True)
    while True:
        for _ in range(AT_ONCE):
            if time.monotonic() < due or callers.open >= OPEN_MAX:
                break
            due += 1 / want["rate"]
            callers.add()
        callers.look(0.001 if callers.open >= OPEN_MAX else due - time.monotonic())
        due = max(due, time.monotonic() - 1.0)


def waited_for_processor() -> float:
    """Seconds that this process was ready and did not run, since it began."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


def burst(want: dict) -> None:
    callers, count = Knockers(want), want["count"]
    print("at it", flush=True)
    begin, waited = time.monotonic(), waited_for_processor()
    for number in range(count):
        callers.add()
        if number % AT_ONCE == 0:
            callers.look(begin + number / count - time.monotonic())
    offered, waited = time.monotonic() - begin, waited_for_processor() - waited
    while callers.open and time.monotonic() - begin < BURST_PATIENCE:
        callers.look(0.2)
    told = {"offered": round(offered, 2), "waited": round(waited, 2)}
    told["took"] = round(time.monotonic() - begin, 2)
    print(json.dumps({**callers.ended, **told, "hanging": callers.open}), flush=True)
    time.sleep(3600)


def trickle(want: dict) -> None:
    """Each in its own part of the period: callers who know nothing of each other."""
    text, at_once, count = want["text"].encode(), want["at_once"], want["count"]
    places: list[socket.socket | None] = [None] * count
    sent = [0] * count
    begin = time.monotonic()
    for turn in itertools.count():
        number = turn % count
        time.sleep(max(0.0, begin + want["every"] * turn / count - time.monotonic()))
        if turn == 3 * count:  # all have begun
            print("at it", flush=True)
        channel = places[number]
        if channel is None:
            places[number], sent[number] = begin_dial(want), 0
            continue
        try:
            more = text[sent[number] : sent[number] + (1 if sent[number] else at_once)]
            sent[number] += channel.send(more)
            if channel.recv(1 << 12):
                continue  # an answer; the end comes next
        except BlockingIOError:
            continue
        except OSError:
            pass
        channel.close()
        places[number] = None


def deaf(want: dict) -> None:
    text, upload = want["text"].encode(), want.get("upload", False)
    waiting = select.epoll()
    channels: dict[int, socket.socket] = {}
    asked = 0
    while True:
        while len(channels) < want["count"]:
            channel = begin_dial(want)
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
            channels[channel.fileno()] = channel
            waiting.register(channel, select.EPOLLOUT | select.EPOLLONESHOT)
        for number, events in waiting.poll():
            channel = channels[number]
            if events & (select.EPOLLERR | select.EPOLLHUP):
                channels.pop(number).close()
                continue
            with contextlib.suppress(OSError):  # its end is an event of its own
                asked += 1
                channel.send(text)
                while upload:
                    channel.send(b"x" * (1 << 15))
            waiting.modify(channel, 0)  # of what comes nothing is read, its end alone is seen
            if asked == want["count"]:
                print("at it", flush=True)


def bare(want: dict) -> None:
    listener = socket.create_server(("", want["port"]), backlog=4096)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    ends: collections.deque[tuple[float, socket.socket]] = collections.deque()
    length = want.get("body", 0)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()
    print("at it", flush=True)
    while True:
        for key, events in waiting.select(0.1 if ends else None):
            channel = key.fileobj
            if channel is listener:
                channel, _ = listener.accept()
                channel.setblocking(False)
                if want.get("reset"):
                    linger = struct.pack("ii", 1, 0)
                    channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    channel.close()
                    continue
                ends.append((time.monotonic() + want.get("life", 1e9), channel))
                if want.get("hears", 1):
                    waiting.register(channel, selectors.EVENT_READ)
                continue
            try:
                if events & selectors.EVENT_WRITE:
                    while True:
                        channel.send(b"x" * (1 << 15))
                elif channel.recv(1 << 16):
                    if length:
                        channel.send(head)
                        waiting.modify(channel, selectors.EVENT_WRITE)
                    continue
            except BlockingIOError:
                continue
            except OSError:
                pass
            waiting.unregister(channel)
            channel.close()
        while ends and ends[0][0] < time.monotonic():
            channel = ends.popleft()[1]
            if channel.fileno() >= 0:
                with contextlib.suppress(KeyError):
                    waiting.unregister(channel)
                channel.close()


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    roles = {"knock": knock, "burst": burst, "trickle": trickle, "deaf": deaf, "bare": bare}
    roles[wanted["do"]](wanted)

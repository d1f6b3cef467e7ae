#!/usr/bin/env python3
"""What epaulet-directory costs in a large cluster, with a scripted API server and clients that only read:

    tests/k8s/directory_scale.py [--bin DIR] [--services N] [--endpoints N] [--clients N] [--asked N]

Prints one JSON object: memory and CPU after the lists, with all clients, and after changes; how long a change takes
until the last client knows it; memory and CPU of one real sidecar among the clients, which carries no traffic."""
import argparse
import contextlib
import json
import os
import pathlib
import random
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests/support")]

from scripted_api import ScriptedApi, endpoint, endpoint_slice, pod, service, wait_for  # noqa: E402
from static_directory import Directory, issue  # noqa: E402


def fill(api, services, each):
    for number in range(services):
        name = f"service-{number:05}"
        names = [f"{name}-6f7d8c9b5-{index:05}" for index in range(each)]
        addresses = [f"10.{64 + (number * each + index) // 65536}.{(number * each + index) // 256 % 256}."
                     f"{(number * each + index) % 256}" for index in range(each)]
        api.put(service(name), endpoint_slice(f"{name}-abcde", name, [
            endpoint(address, one) for address, one in zip(addresses, names)]), *(pod(one, name) for one in names))
    api.events.clear()


class Clients:
    """Connections that ask for some services and count what they are told."""

    def __init__(self, directory, count, services, asked):
        self.selector, self.lines = selectors.DefaultSelector(), {}
        context = directory.context()
        for number in range(count):
            names = [f"service-{one:05}.shop" for one in [0, *random.Random(number).sample(range(1, services), asked - 1)]]
            body = json.dumps({"services": names}).encode()
            # An address for each, as pods have.
            source = f"127.{1 + number // 65536}.{number // 256 % 256}.{number % 256}"
            raw = socket.create_connection(("127.0.0.1", directory.port), source_address=(source, 0))
            tls = context.wrap_socket(raw)
            tls.sendall(b"POST /v1/watch HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            tls.setblocking(False)
            self.selector.register(tls, selectors.EVENT_READ)
            self.lines[tls] = 0
            if number % 64 == 63:
                self.read(0)

    def read(self, timeout):
        """What has come: the clients that heard of service-00000."""
        heard = set()
        for key, _ in self.selector.select(timeout):
            try:
                while data := key.fileobj.recv(65536):
                    self.lines[key.fileobj] += data.count(b'"service":')
                    if b'"service":"service-00000.shop"' in data:
                        heard.add(key.fileobj)
            except ssl.SSLWantReadError:
                pass
        return heard

    def settle(self, asked):
        while min(self.lines.values()) < asked:
            self.read(1)
        while self.read(0.3):
            pass


def cost(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    resident = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {"resident_mib": round(resident / 2**20, 1), "cpu_s": (int(fields[11]) + int(fields[12])) / ticks}


@contextlib.contextmanager
def sidecar(binaries, place, directory, asked):
    """`epaulet run` without redirect rules, which dials as many services as a client asks for."""
    identity = issue(binaries, place, "sidecar", "spiffe://cluster.local/ns/shop/sa/web")
    services = "".join(f"  service-{number:05}.shop: {{ ports: {{ 80: http }}, endpoints: {{ directory: service-{number:05}.shop, port: 80 }} }}\n"
                       for number in range(asked))
    (place / "epaulet.yaml").write_text(
        f"workload: {{ service: web.shop }}\nidentity: {{ dir: {identity} }}\ndirectory: {{ url: \"https://127.0.0.1:{directory.port}\", "
        f"identities: [\"spiffe://cluster.local/ns/epaulet-system/sa/epaulet-directory\"] }}\nservices:\n{services}")

    def endpoints():
        with contextlib.suppress(OSError):
            page = urllib.request.urlopen("http://127.0.0.1:15020/metrics", timeout=5).read().decode()
            return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith("epaulet_backend_endpoints{"))
        return 0

    with open(place / "sidecar.log", "w") as log:
        process = subprocess.Popen([binaries / "proxy/epaulet", "run", "--config", place / "epaulet.yaml"], stdout=log, stderr=log)
        try:
            wait_for(lambda: endpoints() >= asked or process.poll() is not None, 60)
            assert process.poll() is None, (place / "sidecar.log").read_text()[-3000:]
            yield process, endpoints
        finally:
            process.kill()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, default=HERE.parents[1] / "build/release")
    for name, default in (("services", 10_000), ("endpoints", 50_000), ("clients", 2_000), ("asked", 10), ("changes", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    result = {key: value for key, value in vars(given).items() if key != "bin"}
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        api = ScriptedApi(pathlib.Path(place), page=250)
        fill(api, given.services, given.endpoints // given.services)
        directory = Directory(pathlib.Path(place), given.bin.resolve(), api)
        with api.running(), directory.running(ready=False):
            wait_for(directory.is_ready, 300)
            result["complete"] = cost(directory.process.pid)
            clients = Clients(directory, given.clients, given.services, given.asked)
            clients.settle(given.asked)
            result["with_clients"] = cost(directory.process.pid)
            own = stack.enter_context(sidecar(given.bin.resolve(), pathlib.Path(place), directory, given.asked))
            result["sidecar"] = {"endpoints": own[1](), **cost(own[0].pid)}
            took = []
            for turn in range(given.changes):
                time.sleep(0.3)  # The pause between two words to a client is over.
                begun = time.monotonic()
                api.put(endpoint_slice("service-00000-abcde", "service-00000", [
                    endpoint("10.64.0.0", "service-00000-6f7d8c9b5-00000", ready=turn % 2 == 1)]))
                heard = set()
                while len(heard) < given.clients:
                    heard |= clients.read(5)
                took.append(time.monotonic() - begun)
            result["after_changes"] = cost(directory.process.pid)
            result["sidecar"]["after_changes"] = cost(own[0].pid)
            result["last_client_knows_ms"] = {"median": round(1000 * statistics.median(took)), "worst": round(1000 * max(took))}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""load.py ADDRESS PORT PATH SECONDS: asks from two threads, a connection each time; prints what came, as JSON."""
import collections
import http.client
import json
import sys
import threading
import time


def main():
    address, port, path, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    counts = collections.Counter()
    end = time.monotonic() + seconds

    def ask():
        while time.monotonic() < end:
            try:
                connection = http.client.HTTPConnection(address, port, timeout=10)
                connection.request("GET", path)
                answer = connection.getresponse()
                counts[f"{answer.status} {answer.read().decode()[:60]}"] += 1
            except OSError as error:
                counts[type(error).__name__] += 1
            except http.client.HTTPException as error:
                counts[type(error).__name__] += 1
            time.sleep(0.02)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(counts))


main()

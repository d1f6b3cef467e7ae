"""`epaulet wait`, which holds an app back where there are no native sidecars: beside a page that is not ready, and one that is."""
import http.server
import subprocess
import threading
import time

from static_injector import free_port


def waiting(binaries, port, *options):
    return subprocess.Popen([binaries / "proxy/epaulet", "wait", "--admin", f"127.0.0.1:{port}", *options], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def page(port, state):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            body = b'{"ready":false,"reasons":["no certificate"]}'
            self.send_response(state["status"] if self.path == "/ready" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_it_ends_when_the_sidecar_is_ready(binaries):
    port, state = free_port(), {"status": 503}
    process = waiting(binaries, port)
    time.sleep(0.5)
    assert process.poll() is None, "nobody listens yet"
    with page(port, state) as server:
        time.sleep(0.5)
        assert process.poll() is None, "it is not ready"
        state["status"] = 200
        ready = time.monotonic()
        assert process.wait(5) == 0, process.stderr.read()
        assert time.monotonic() - ready < 2
        server.shutdown()


def test_it_does_not_wait_for_ever(binaries):
    port = free_port()
    begun = time.monotonic()
    process = waiting(binaries, port, "--seconds=1")
    assert process.wait(10) == 1 and time.monotonic() - begun < 3
    assert "not ready after 1 s" in process.stderr.read()
    with page(port, {"status": 503}) as server:
        process = waiting(binaries, port, "--seconds=1", "--then-go-on")
        assert process.wait(10) == 0
        assert "no certificate" in process.stderr.read()
        server.shutdown()
    assert waiting(binaries, port, "--seconds=0").wait(5) != 0
    assert subprocess.run([binaries / "proxy/epaulet", "wait", "--admin", "x"], capture_output=True).returncode == 2

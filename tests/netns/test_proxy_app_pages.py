"""What the sidecar asks the app for others: the kubelet's probes, and a scraper's metrics."""

import subprocess
import time

from mesh import HEALTH, METRICS, Mesh

from lab import request, wait_until

# HTTP, HTTPS with a certificate of its own, gRPC's health service; /become/N is what that says.
APP = """
const fs = require('fs'), http = require('http');
let serving = 1, metrics = 'app_jobs_total 3\\n', slow = 0, seen = [];
const answer = (request, response) => {
  const [, verb, value] = request.url.split('/');
  if (verb === 'become') serving = Number(value);
  if (verb === 'metrics-are') metrics = decodeURIComponent(value);
  if (verb === 'slow') slow = Number(value);
  if (verb === 'seen') return response.end(JSON.stringify(seen));
  if (verb === 'asked') seen.push(request.rawHeaders);
  if (verb === 'stats') {
    response.setHeader('Content-Type', 'text/plain; version=0.0.4');
    return setTimeout(() => response.end(metrics), slow);
  }
  setTimeout(() => response.end('fine'), verb === 'asked' ? slow : 0);
};
const tls = { key: fs.readFileSync(process.argv[1]), cert: fs.readFileSync(process.argv[2]) };
http.createServer(answer).listen(8080, '::');
require('https').createServer(tls, answer).listen(8443, '::');
const grpc = require('http2').createServer();
grpc.on('stream', (stream, headers) => {
  const body = [];
  stream.on('data', piece => body.push(piece)).on('end', () => {
    const service = Buffer.concat(body).subarray(7).toString();
    const isKnown = service === '' || service === 'orders.Orders';
    const path = headers[':path'] === '/grpc.health.v1.Health/Check';
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': !path ? '12' : isKnown ? '0' : '5' }));
    stream.end(path && isKnown ? Buffer.from([0, 0, 0, 0, 2, 8, serving]) : undefined);
  });
});
grpc.listen(50051, '::', () => console.log('listening'));
"""

CONFIG = """
workload:
  service: api2.default
  ports: { 8080: { tls: strict }, 8443: { tls: strict }, 50051: { tls: strict } }
  probes:
    - { path: /asked/x, port: 8080, headers: [ { name: Host, value: shop.example }, { name: X-Probe, value: a b } ] }
    - { path: /asked/y, port: 8443, tls: true }
    - { port: 50051, grpc: {} }
    - { port: 50051, grpc: { service: orders.Orders } }
    - { port: 50051, grpc: { service: other } }
    - { path: /asked/z, port: 8080, timeout: 12s }
    - { path: /asked/z, port: 8080, timeout: 300ms }
    - { path: /asked/y, port: 8080, tls: true }
  metrics: { port: 8080, path: /stats }
identity: { dir: /var/run/epaulet/identity }
"""


def start(lab, binaries, config=CONFIG):
    mesh = Mesh(lab, binaries)
    member = mesh.member("api2", config)
    key, certificate = member.pod.run_dir / "app.key", member.pod.run_dir / "app.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=nobody",
         "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    key.chmod(0o644)
    node = member.pod.start(["node", "-e", APP, "/run/app.key", "/run/app.crt"], uid=1000, name="app")
    node.wait_for_line("listening")
    outside = lab.pod("outside")
    address = member.pod.ipv4

    def tell(path):
        return request(member.pod, "127.0.0.1", 8080, path).body

    def probe(number, timeout=20):
        return request(outside, address, HEALTH, f"/app-health/{number}", timeout=timeout).status

    def page(path="/metrics", headers=()):
        answer = request(outside, address, METRICS, path, headers=list(headers), timeout=40)
        assert answer.status == 200, answer
        return answer.body

    return member, tell, probe, page


def test_probes_are_asked_as_the_kubelet_would(lab, binaries):
    _, tell, probe, _ = start(lab, binaries)
    assert probe(0) == 200
    seen = tell("/seen")
    assert '"Host","shop.example","X-Probe","a b","User-Agent","epaulet"' in seen, seen
    assert probe(1) == 200, "by HTTPS, with a certificate that nobody knows"
    assert probe(7) == 503, "no TLS there"
    assert [probe(2), probe(3), probe(4)] == [200, 200, 503]
    tell("/become/2")
    assert [probe(2), probe(3), probe(4)] == [503, 503, 503], "NOT_SERVING"
    tell("/become/1")
    assert probe(2) == 200
    for number in range(100):  # Nothing is left over of a connection that was used once.
        assert probe(2) == 200, number
    tell("/slow/10500")
    begun = time.monotonic()
    assert probe(6) == 504 and time.monotonic() - begun < 5
    assert probe(5) == 200 and time.monotonic() - begun > 10, "as long as it may take"


def test_metrics_of_the_app_stand_behind_ours(lab, binaries):
    member, tell, _, page = start(lab, binaries)
    merged = page()
    assert "\napp_jobs_total 3\n" in merged and "\nepaulet_app_metrics_up 1\n" in merged, merged[-900:]
    assert "app_jobs_total" not in page("/stats/prometheus")
    tell("/metrics-are/" + "epaulet_ready%200%0Aapp_jobs_total%204%0A")
    merged = page()
    assert "\napp_jobs_total 4\n" in merged and "\nepaulet_ready 1\n" in merged, merged[-900:]
    assert "\nepaulet_ready 0\n" not in merged and "\nepaulet_app_metrics_left_out 1\n" in merged
    tell("/metrics-are/%3Chtml%3E")
    merged = page()
    assert "\nepaulet_ready 1\n" in merged and "\nepaulet_app_metrics_up 0\n" in merged
    assert 'epaulet_app_metrics_scrapes_total{result="malformed"} 1' in merged and "<html>" not in merged
    assert member.wait_logged(event="app_metrics_failing")["reason"] == "malformed"
    tell("/metrics-are/app_jobs_total%205%0A")
    assert "\napp_jobs_total 5\n" in page()
    member.wait_logged(event="app_metrics_back")
    tell("/slow/3000")
    begun = time.monotonic()
    merged = page(headers=[("X-Prometheus-Scrape-Timeout-Seconds", "1")])
    assert time.monotonic() - begun < 2.5, "the scraper waits no longer"
    assert "\nepaulet_ready 1\n" in merged and 'result="timeout"} 1' in merged
    # A reload: from somewhere else, or from nowhere.
    member.replace("config/api2.yaml", CONFIG.replace("  metrics: { port: 8080, path: /stats }\n", ""))
    wait_until(lambda: "epaulet_app_metrics_up" not in page(), "the reload", 8)

"""What the kubelet, a scraper and the doctor see of meshed pods on a cluster."""
import base64
import json
import subprocess
import time
import urllib.parse

import cluster
from cluster import WORK, get, kubectl, request, rollout, wait_until
from chart_recording import objects_in as objects
from static_chart import MONITORING, of_kind
from static_helm import render

SYSTEM = "epaulet-system"

# HTTP that wants its host and a header, HTTPS with a certificate of its own, gRPC's health service; metrics.
APP = """
const { execFileSync } = require('child_process'), http = require('http'), { X509Certificate } = require('crypto');
const wants = r => r.headers.host === 'shop.example' && r.headers['x-probe'] === 'kubelet';
let serving = 1;
http.createServer((request, response) => {
  console.log(JSON.stringify({ url: request.url, host: request.headers.host }));
  if (request.url === '/metrics') return response.end('# TYPE app_jobs_total counter\\napp_jobs_total 3\\nepaulet_ready 0\\n');
  response.statusCode = wants(request) ? 200 : 400;
  response.end();
}).listen(8080, '::');
const tls = { key: Buffer.from(process.env.KEY, 'base64'), cert: Buffer.from(process.env.CERTIFICATE, 'base64') };
require('https').createServer(tls, (request, response) => response.end('fine')).listen(8443, '::');
const grpc = require('http2').createServer();
grpc.on('stream', (stream, headers) => {
  console.log(JSON.stringify({ grpc: headers[':path'] }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.on('error', () => 0).resume().on('end', () => stream.end(Buffer.from([0, 0, 0, 0, 2, 8, serving])));
});
grpc.listen(50051, '::');
process.on('SIGUSR2', () => { serving = 2; });
"""


def _app(world):
    key, certificate = world.folder / "probed.key", world.folder / "probed.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=nobody",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    container = {
        "name": "app", "image": "docker.io/local/node:test", "imagePullPolicy": "Never", "command": ["/usr/bin/node", "-e", APP],
        "securityContext": {"runAsUser": 1000},
        "env": [{"name": name, "value": base64.b64encode(path.read_bytes()).decode()}
                for name, path in (("KEY", key), ("CERTIFICATE", certificate))],
        "ports": [{"containerPort": port} for port in (8080, 8443, 50051)],
        "startupProbe": {"httpGet": {"path": "/", "port": 8443, "scheme": "HTTPS"}, "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {"httpGet": {"path": "/alive", "port": 8080, "httpHeaders": [
            {"name": "Host", "value": "shop.example"}, {"name": "X-Probe", "value": "kubelet"}]},
            "periodSeconds": 1, "failureThreshold": 3, "timeoutSeconds": 3},
        "readinessProbe": {"grpc": {"port": 50051}, "periodSeconds": 1, "failureThreshold": 2, "timeoutSeconds": 3},
    }
    template = {"metadata": {"labels": {"app": "probed"},
                             "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
                "spec": {"terminationGracePeriodSeconds": 2, "containers": [container]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "probed", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "probed"}}, "template": template}}


def _log(pod):
    return kubectl("-n", "default", "logs", pod["metadata"]["name"], "-c", "app").stdout


def _is_ready(pod):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])


def probes_by_grpc_https_and_with_headers(world):
    """The kubelet asks the sidecar; all three ports are strict, so it could not ask the app."""
    kubectl("apply", "-f", "-", text=json.dumps(_app(world)))
    rollout("default", "probed")
    pod = cluster.pod_of("default", "probed")
    container = pod["spec"]["containers"][0]
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[name]["httpGet"]["port"] == 15021 and "grpc" not in container[name], container[name]
    time.sleep(5)
    pod = cluster.pod_of("default", "probed")
    status = next(one for one in pod["status"]["containerStatuses"] if one["name"] == "app")
    assert status["ready"] and status["restartCount"] == 0, status
    said = _log(pod)
    assert '"url":"/alive","host":"shop.example"' in said and '"grpc":"/grpc.health.v1.Health/Check"' in said, said[-2000:]
    assert request(pod["status"]["podIP"], "/alive")[0] in (0, 403), "strict"
    # NOT_SERVING is not ready, and a reason to restart nothing.
    cluster.run(["kill", "-USR2", cluster.process_of(pod, "app")])
    wait_until("it is not ready", 20, lambda: not _is_ready(cluster.pod_of("default", "probed")))
    kubectl("-n", "default", "delete", "pod", pod["metadata"]["name"], "--grace-period=1")
    rollout("default", "probed")


SCRAPER = """
apiVersion: v1
kind: ServiceAccount
metadata: { name: prometheus, namespace: default }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: prometheus }
rules: [ { apiGroups: [""], resources: [pods], verbs: [get, list, watch] } ]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: prometheus }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: prometheus }
subjects: [ { kind: ServiceAccount, name: prometheus, namespace: default } ]
"""


def _labels_of(monitor):
    return ",".join(f"{name}={value}" for name, value in monitor["spec"]["selector"]["matchLabels"].items())


def _job_of(monitor, discovery):
    """A PodMonitor of the chart as Prometheus' operator writes it down."""
    meta, spec = monitor["metadata"], monitor["spec"]
    (endpoint,) = spec["podMetricsEndpoints"]
    found = {"role": "pod", "selectors": [{"role": "pod", "label": _labels_of(monitor)}], **discovery}
    if not spec.get("namespaceSelector", {}).get("any"):
        found["namespaces"] = {"names": [meta["namespace"]]}
    return {"job_name": meta["name"], "metrics_path": endpoint["path"], "kubernetes_sd_configs": [found], "relabel_configs": [
        {"source_labels": ["__meta_kubernetes_pod_container_port_name"], "regex": endpoint["port"], "action": "keep"},
        {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)", "action": "drop"},
        *({"source_labels": [f"__meta_kubernetes_{label}"], "target_label": to} for label, to in (
            ("namespace", "namespace"), ("pod_name", "pod"), ("pod_container_name", "container")))]}


def _running(monitor):
    everywhere = monitor["spec"].get("namespaceSelector", {}).get("any")
    where = ["-A"] if everywhere else ["-n", monitor["metadata"]["namespace"]]
    return {pod["metadata"]["name"] for pod in get(*where, "pods", "-l", _labels_of(monitor))["items"]
            if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]}


def _ask_prometheus(query):
    url = "http://127.0.0.1:9190/api/v1/query?" + urllib.parse.urlencode({"query": query})
    said = cluster.run(["curl", "-s", "--max-time", "5", url], check=False).stdout
    if not said.startswith("{"):
        return {}  # It is not ready.
    return {one["metric"].get("pod"): float(one["value"][1]) for one in json.loads(said)["data"]["result"]}


def a_prometheus_finds_and_scrapes_apps_and_sidecars(world):
    """By Kubernetes discovery, with the rights of a service account and what the chart's PodMonitors say."""
    pod = cluster.pod_of("default", "probed")
    notes = pod["metadata"]["annotations"]
    assert (notes["prometheus.io/port"], notes["prometheus.io/path"]) == ("15020", "/metrics"), notes
    kubectl("apply", "-f", "-", text=SCRAPER)
    folder = world.folder / "prometheus"
    folder.mkdir()
    (folder / "token").write_text(kubectl("-n", "default", "create", "token", "prometheus").stdout.strip())
    discovery = {"api_server": "https://127.0.0.1:6443", "authorization": {"credentials_file": str(folder / "token")},
                 "tls_config": {"ca_file": str(WORK / "pki/ca.crt")}}
    chart = objects(render(*MONITORING))
    monitors = of_kind(chart, "PodMonitor")
    (rules,) = of_kind(chart, "PrometheusRule")  # One that it cannot read ends it.
    (folder / "rules.json").write_text(json.dumps(rules["spec"]))
    (folder / "prometheus.json").write_text(json.dumps({  # JSON is YAML.
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s"}, "rule_files": ["rules.json"],
        "scrape_configs": [_job_of(monitor, discovery) for monitor in monitors]}))
    wanted = {name for monitor in monitors for name in _running(monitor)}
    assert any(name.startswith("api2-") for name in wanted) and any(name.startswith("epaulet-directory-") for name in wanted), wanted
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            [*cluster.IN, WORK / "bin/prometheus", f"--config.file={folder / 'prometheus.json'}",
             f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:9190"], stdout=log, stderr=log)
    try:
        wait_until("the app's metric", 30, lambda: pod["metadata"]["name"] in _ask_prometheus("app_jobs_total"), 0.5)
        wait_until("all are up", 30, lambda: set(_ask_prometheus("up == 1")) == wanted, 0.5)
        print(f"  {len(wanted)} targets up", flush=True)
        assert set(_ask_prometheus("epaulet_app_metrics_up == 1")) == {pod["metadata"]["name"]}
        assert _ask_prometheus("epaulet_ready")[pod["metadata"]["name"]] == 1, "the app's word for it is left out"
        # One that comes is found, and one that goes is forgotten.
        kubectl("-n", "default", "scale", "deployment/api2", "--replicas=2")
        rollout("default", "api2")
        both = {name for monitor in monitors for name in _running(monitor)}
        assert len(both) == len(wanted) + 1, (both, wanted)
        wait_until("the new one is up", 30, lambda: set(_ask_prometheus("up == 1")) == both, 0.5)
        kubectl("-n", "default", "scale", "deployment/api2", "--replicas=1")
        wait_until("it is forgotten", 60, lambda: len(_ask_prometheus("up")) == len(wanted), 0.5)
    except Exception:
        print((folder / "log").read_text()[-3000:], _ask_prometheus("up"))
        raise
    finally:
        server.terminate()
        server.wait()
    kubectl("delete", "-f", "-", text=SCRAPER)


def doctor(world, *arguments):
    """Exit code and findings, as `LEVEL about: what`."""
    done = cluster.run([world.doctor, *arguments, "--json", "--kubectl", WORK / "bin/kubectl", "--kubeconfig",
                        WORK / "pki/admin.kubeconfig"], check=False)
    assert done.stdout, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert all("remedy" in one for one in findings if one["level"] != "ok"), findings
    return done.returncode, "\n".join(f"{one['level']} {one['about']}: {one['what']}" for one in findings)


def the_doctor_finds_a_mesh_that_is_well(world):
    code, said = doctor(world, "check")
    assert code == 0 and "failure" not in said, said
    for line in ("ok cluster: Kubernetes v1.34", "ok clocks: 1 nodes", "ok epaulet-identity: 1 replicas", "ok epaulet-injector: 1",
                 "ok epaulet-directory: 1", "ok rights: epaulet-identity", "ok mesh CA: the issuer is valid until",
                 "ok webhook TLS: caBundle verifies", "ok webhook: the API server asks", "ok namespaces: 1 are labelled",
                 "with a sidecar are ready"):
        assert line in said, (line, said)
    code, said = doctor(world, "before")
    assert code == 0 and "failure" not in said, said
    pod = world.api()["metadata"]["name"]
    inside = kubectl("-n", "default", "exec", pod, "-c", "epaulet", "--", "/usr/local/bin/epaulet", "doctor", "pod")
    for word in ("redirect", "sidecar", "certificate", "clock", "directory"):
        assert f"ok       {word}" in inside.stdout, inside.stdout


def the_doctor_finds_what_is_broken(world):
    # A pod from before its namespace was labelled, and a label that selects nothing.
    kubectl("create", "namespace", "early")
    kubectl("create", "namespace", "typo")
    kubectl("label", "namespace", "typo", "epaulet.io/inject=on")
    kubectl("-n", "early", "run", "bare", "--image=docker.io/local/pause:test", "--image-pull-policy=Never")
    kubectl("label", "namespace", "early", "epaulet.io/inject=enabled", "pod-security.kubernetes.io/enforce=baseline")
    # A webhook whose bundle is another's.
    config = get("mutatingwebhookconfiguration", "epaulet-injector")
    bundle = config["webhooks"][0]["clientConfig"]["caBundle"]
    other = base64.b64encode((world.folder / "ca/ca.pem").read_bytes()).decode()
    patch = [{"op": "replace", "path": f"/webhooks/{i}/clientConfig/caBundle", "value": other} for i in (0, 1)]
    kubectl("patch", "mutatingwebhookconfiguration", "epaulet-injector", "--type=json", "-p", json.dumps(patch))
    # An issuer that is not below the roots.
    wrong = world.folder / "wrong-ca"
    subprocess.run([world.certs, "init", "--dir", wrong, "--trust-domain", "cluster.local", "--issuer"], check=True,
                   capture_output=True)
    secret = get("-n", SYSTEM, "secret", "epaulet-ca")
    for name in ("issuer.pem", "issuer.key"):
        secret["data"][name] = base64.b64encode((wrong / name).read_bytes()).decode()
    kubectl("-n", SYSTEM, "create", "secret", "generic", "wrong-ca",
            *(f"--from-literal={name}={base64.b64decode(text).decode()}" for name, text in secret["data"].items()))
    try:
        code, said = doctor(world, "check", "--ca-secret", "wrong-ca")
        assert code == 1, said
        for line in ("failure pods: should be in the mesh and have no sidecar: early/bare",
                     'failure namespaces: typo has the label epaulet.io/inject: "on"',
                     "failure namespaces: early enforces the Pod Security level baseline",
                     "failure webhook TLS: the API server does not take the injector's certificate",
                     "failure mesh CA: issuer.pem does not lead to ca.pem"):
            assert line in said, (line, said)
        # A pod that the injector refuses (the API server cannot even ask it now).
        kubectl("-n", "default", "create", "deployment", "late", "--image=docker.io/local/pause:test")
        wait_until("it is told", 20, lambda: "failure refused: default/late-" in doctor(world, "check")[1], 1)
        kubectl("-n", "default", "create", "job", "late", "--image=docker.io/local/pause:test")
        wait_until("it is told", 20, lambda: "failure refused: Job default/late got no pod at" in doctor(world, "check")[1], 1)
    finally:
        kubectl("patch", "mutatingwebhookconfiguration", "epaulet-injector", "--type=json",
                "-p", json.dumps([{**one, "value": bundle} for one in patch]))
        kubectl("-n", "default", "delete", "deployment,job", "late", "--ignore-not-found")
        kubectl("-n", "default", "delete", "events", "--field-selector", "involvedObject.kind=Job,involvedObject.name=late")
        kubectl("delete", "namespace", "early", "typo", "--wait=false")
        kubectl("-n", SYSTEM, "delete", "secret", "wrong-ca")
    # Nobody is asked any more: the webhook is gone.
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-injector", "--replicas=0")
    wait_until("it is told", 30, lambda: "epaulet-injector: none of 0 replicas" in doctor(world, "check")[1], 1)
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-injector", "--replicas=1")
    rollout(SYSTEM, "epaulet-injector")
    time.sleep(1)

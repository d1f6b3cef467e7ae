"""How pods and API servers end on a cluster: nothing is lost, and nobody waits for long."""
import json
import subprocess
import sys
import time

import cluster
from cluster import get, kubectl, pod_of, request, rollout, wait_until

# Most apps end at SIGTERM at once; LATE: this one goes on for three seconds, and asks others meanwhile.
FRONT = """
const http = require('http');
const ask = () => new Promise(done => http.get('http://back.default/', answer => {
  answer.resume().on('end', () => done(answer.statusCode));
}).on('error', error => done(error.code)));
http.createServer(async (_, response) => {
  const status = await ask();
  response.statusCode = status === 200 ? 200 : 500;
  response.end(status === 200 ? 'Hello World!' : 'back: ' + status);
}).listen(8080, '::');
process.on('SIGTERM', async () => {
  if (!process.env.LATE) process.exit(0);
  const counts = {}, end = Date.now() + 3000;
  while (Date.now() < end) {
    const status = await ask();
    counts[status] = (counts[status] || 0) + 1;
    await new Promise(done => setTimeout(done, 50));
  }
  console.log(JSON.stringify({ late: counts }));
  process.exit(0);
});
"""
BACK = """
require('http').createServer((_, response) => response.end('fine')).listen(8080, '::');
process.on('SIGTERM', () => process.exit(0));
"""
FRONT_MESH = """
access: [ { name: public, paths: [/**], allow: [anyone] } ]
services: { back.default: { ports: { 80: http }, endpoints: { directory: back.default, port: 80 } } }
"""
BACK_MESH = """
roles: { front: [ { identity: "spiffe://cluster.local/ns/default/sa/front" } ] }
access: [ { name: front, paths: [/**], allow: [front] } ]
"""


def _deployment(name, program, mesh, **env):
    container = {"name": "app", "image": "docker.io/local/node:test", "imagePullPolicy": "Never",
                 "command": ["/usr/bin/node", "-e", program], "securityContext": {"runAsUser": 1000},
                 "env": [{"name": key, "value": value} for key, value in env.items()],
                 "ports": [{"containerPort": 8080}], "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1}}
    annotations = {"epaulet.io/config": f"{name}-mesh", "epaulet.io/permissive-ports": "8080" if name == "front" else ""}
    meta = {"name": name, "namespace": "default"}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**meta, "name": f"{name}-mesh"}, "data": {"epaulet.yaml": mesh}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta,
         "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}, "annotations": annotations},
                         "spec": {"serviceAccountName": name, "terminationGracePeriodSeconds": 20, "containers": [container]}}}}]


def _apply(late):
    items = _deployment("front", FRONT, FRONT_MESH, **({"LATE": "1"} if late else {})) + _deployment("back", BACK, BACK_MESH)
    kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    for name in ("front", "back"):
        rollout("default", name)


def load(name, path, seconds):
    virtual = get("-n", "default", "service", name)["spec"]["clusterIP"]
    return subprocess.Popen([*cluster.IN, sys.executable, cluster.HERE / "load.py", virtual, "80", path, str(seconds)],
                            stdout=subprocess.PIPE, text=True)


def counts_of(process):
    counts = json.loads(process.communicate(timeout=90)[0])
    print(f"  {counts}", flush=True)
    return counts


def _pods(name):
    return {one["metadata"]["name"] for one in get("-n", "default", "pods", "-l", f"app={name}")["items"]}


def apps_that_end_at_sigterm_lose_no_request_in_a_rolling_restart(_):
    _apply(late=False)
    wait_until("hello", 20, lambda: request(pod_of("default", "front")["status"]["podIP"], "/")[0] == 200)
    old = _pods("front") | _pods("back")
    asking = load("front", "/", 40)
    time.sleep(2)
    kubectl("-n", "default", "rollout", "restart", "deployment/front", "deployment/back")
    for name in ("front", "back"):
        rollout("default", name)
    wait_until("the old pods are gone", 30, lambda: not (old & (_pods("front") | _pods("back"))))
    counts = counts_of(asking)
    good = counts.pop("200 Hello World!")
    assert good > 100 and not counts, (good, counts)


def an_app_that_ends_late_is_served_until_it_is_gone(_):
    _apply(late=True)
    pod = pod_of("default", "front")["metadata"]["name"]
    following = subprocess.Popen([*cluster.IN, cluster.WORK / "bin/kubectl", "--kubeconfig", cluster.WORK / "pki/admin.kubeconfig",
                                  "-n", "default", "logs", "-f", pod, "-c", "app"], stdout=subprocess.PIPE, text=True)
    asking = load("front", "/", 15)
    begun = time.monotonic()
    kubectl("-n", "default", "delete", "pod", pod)  # and waits until it is gone
    took = time.monotonic() - begun
    (late,) = [json.loads(line)["late"] for line in following.communicate(timeout=30)[0].splitlines() if "late" in line]
    print(f"  the pod was gone after {took:.1f} s; its app asked late: {late}", flush=True)
    assert set(late) == {"200"} and late["200"] > 20, late
    assert took < 12, "5 s for callers, 3 s of the app's own, and nothing behind that"
    counts = counts_of(asking)
    assert set(counts) == {"200 Hello World!"}, counts
    kubectl("-n", "default", "delete", "deployment,service,configmap,serviceaccount", "front", "back", "front-mesh", "back-mesh",
            "--ignore-not-found")


def while_the_api_server_is_away_all_goes_on_and_its_return_is_noticed(world):
    from rows import HELLO, address, hello, metric_of
    pod = world.api()
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=1")
    where = address(pod)
    cluster.script("api-down")
    try:
        begun = time.monotonic()
        while time.monotonic() - begun < 6:
            assert request(where, "/hello")[0::2] == (200, HELLO)
            time.sleep(0.2)
    finally:
        cluster.script("api-up")
    assert hello(world) == (200, HELLO)
    # What changes afterwards is told: a second pod gets a certificate, and callers hear of it.
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=2")
    rollout("default", "api2")
    endpoints = 'epaulet_backend_endpoints{backend="api2.default"}'
    wait_until("two endpoints", 40, lambda: metric_of(world.api(), endpoints) == 2)
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=1")
    wait_until("one endpoint", 20, lambda: metric_of(world.api(), endpoints) == 1)
    wait_until("one pod", 40, lambda: len(get("-n", "default", "pods", "-l", "app=api2")["items"]) == 1)
    assert hello(world) == (200, HELLO)

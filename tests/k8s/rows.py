"""What must be true of epaulet on a cluster, row by row."""
import base64
import json
import os
import re
import signal
import subprocess
import sys
import time

import cluster
import rows_cni
from cluster import ClusterError, get, helm, kubectl, pod_of, request, rollout, wait_until
from lab import Issuer
from rows_apps import (doctor, a_prometheus_finds_and_scrapes_apps_and_sidecars, probes_by_grpc_https_and_with_headers,
                       the_doctor_finds_a_mesh_that_is_well, the_doctor_finds_what_is_broken)
from rows_bounds import a_limit_range_and_a_quota_hold_for_our_containers_too, the_meshs_own_configuration_reaches_new_pods
from rows_ends import (an_app_that_ends_late_is_served_until_it_is_gone,
                       apps_that_end_at_sigterm_lose_no_request_in_a_rolling_restart,
                       while_the_api_server_is_away_all_goes_on_and_its_return_is_noticed)
from rows_more import (a_cron_jobs_jobs_complete, a_namespaces_own_config_map_is_for_all_its_pods,
                       a_pod_that_turns_unready_is_left_within_a_moment, a_new_pod_without_any_directory_starts_by_dns, an_init_container_has_the_mesh_before_the_app,
                       headless_and_external_services_and_probes_by_exec_and_tcp, of_two_directories_one_may_go_under_load,
                       the_systems_pods_start_whatever_their_labels_say, the_webhooks_certificate_rotates_and_no_pod_is_refused,
                       tokens_for_others_and_bound_to_nobody_are_refused)
from rows_routes import (a_bad_route_is_refused_alone_and_what_was_good_stays, a_grpc_route_matches_methods,
                         an_http_route_splits_and_matches)

SYSTEM = "epaulet-system"
HELLO = "Hello World!"
MANIFESTS = cluster.HERE / "manifests"
CHART = cluster.HERE.parents[1] / "k8s/chart"
VALUES = ["--set", "image.repository=docker.io/local/epaulet", "--set", "image.tag=test", "--set", "image.pullPolicy=Never",
          "--set", "identity.replicas=1", "--set", "injector.replicas=1",
          "--set", "directory.replicas=1"]


class Skipped(Exception):
    pass


class World:
    def __init__(self, folder, binaries):
        self.folder = folder
        self.certs = binaries / "certs-tool/epaulet-certs"
        self.doctor = binaries / "k8s/doctor/epaulet-doctor"
        self.portal = Issuer(folder, "https://portal.example", "portal-1")
        self.forger = Issuer(folder, "https://portal.example", "not-the-portals")

    def install(self):
        """As NOTES.txt says; the root's key stays here."""
        kubectl("apply", "-f", MANIFESTS / "coredns.yaml")
        # Server-side: the definitions are too long for the annotation that apply would write.
        kubectl("apply", "--server-side", "-f", cluster.WORK / "gateway-api")
        kubectl("create", "namespace", SYSTEM)
        ca = self.folder / "ca"
        subprocess.run([self.certs, "init", "--dir", ca, "--trust-domain", "cluster.local", "--issuer"], check=True,
                       capture_output=True)
        files = [f"--from-file={ca / name}" for name in ("ca.pem", "issuer.pem", "issuer.key")]
        kubectl("-n", SYSTEM, "create", "secret", "generic", "epaulet-ca", *files)
        rollout("kube-system", "coredns")
        helm("install", "epaulet", CHART, "-n", SYSTEM, *VALUES)
        rollout(SYSTEM, "epaulet-identity")
        rollout(SYSTEM, "epaulet-injector")
        rollout(SYSTEM, "epaulet-directory")
        # The API server learns of webhooks within a second or so.
        time.sleep(1)

    def api(self):
        return pod_of("default", "api")

    def api2(self):
        return pod_of("default", "api2")


def address(pod):
    return pod["status"]["podIP"]


def log_of(pod, container):
    """Lines that are JSON."""
    text = kubectl("-n", pod["metadata"]["namespace"], "logs", pod["metadata"]["name"], "-c", container).stdout
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def explain(pod, identifier=None):
    argv = ["-n", pod["metadata"]["namespace"], "exec", pod["metadata"]["name"], "-c", "epaulet", "--",
            "/usr/local/bin/epaulet", "explain", "--json"]
    return kubectl(*argv, *([identifier] if identifier else [])).stdout


def app_requests(pod):
    """All but the probes that the sidecar asks."""
    return [one for one in all_app_requests(pod) if ["User-Agent", "epaulet"] not in one["headers"]]


def all_app_requests(pod):
    return [line["app_request"] for line in log_of(pod, "app") if "app_request" in line]


def hello(world):
    status, _, body = request(address(world.api()), "/hello")
    return status, body


def a_labelled_namespace_is_in_the_mesh(world):
    kubectl("label", "namespace", "default", "epaulet.io/inject=enabled")
    kubectl("apply", "-f", MANIFESTS / "api.yaml")
    rollout("default", "api")
    pod = world.api()
    init = pod["spec"]["initContainers"]
    assert [one["name"] for one in init] == ["epaulet-init", "epaulet"], init
    assert init[1]["restartPolicy"] == "Always"
    security = init[1]["securityContext"]
    assert security["runAsUser"] == 1337 and security["readOnlyRootFilesystem"], security
    assert security["capabilities"] == {"drop": ["ALL"]}, security
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}, security
    mounted = {mount["mountPath"] for mount in init[1]["volumeMounts"]}
    assert "/var/run/secrets/kubernetes.io/serviceaccount" not in mounted, mounted
    started = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    ready = pod["status"]["initContainerStatuses"][1]["state"]["running"]["startedAt"]
    assert pod["status"]["initContainerStatuses"][1]["ready"] and ready <= started, (ready, started)


def its_certificate_is_its_service_accounts(world):
    events = [line for line in log_of(_identity_pod(), "identity")
              if line.get("event") == "signed"]
    assert any(line["identity"] == "spiffe://cluster.local/ns/default/sa/api" for line in events), events


def _identity_pod():
    (pod,) = get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-identity")["items"]
    return pod


def row_1_before_api2_exists(world):
    status, body = hello(world)
    assert (status, body) == (500, "Internal error contacting api2"), (status, body)
    said = explain(world.api())
    assert "never_had_endpoint" in said, said


def row_2_with_api2_up(world):
    (world.folder / "portal.jwks.json").write_text(world.portal.jwks())
    kubectl("-n", "default", "create", "configmap", "api2-mesh", f"--from-file=epaulet.yaml={MANIFESTS / 'api2-mesh.yaml'}",
            f"--from-file={world.folder / 'portal.jwks.json'}")
    kubectl("apply", "-f", MANIFESTS / "api2.yaml")
    rollout("default", "api2")
    wait_until("hello", 6, lambda: hello(world) == (200, HELLO))
    (served,) = [line for line in log_of(world.api2(), "epaulet") if line.get("path") == "/respond" or (
        line.get("direction") == "inbound" and line.get("status") == 200)][:1] or [None]
    assert served and "spiffe://cluster.local/ns/default/sa/api" in json.dumps(served), served


def row_3_from_outside_without_credentials(world):
    before = len(app_requests(world.api2()))
    status, headers, _ = request(address(world.api2()), "/respond")
    assert status == 401, status
    assert "internal" in explain(world.api2(), headers["x-request-id"])
    assert len(app_requests(world.api2())) == before


def row_4_from_outside_with_a_token(world):
    def ask(token):
        return request(address(world.api2()), "/respond", [("Authorization", f"Bearer {token}")])[0]

    assert ask(world.portal.token("api2", "u", role="user")) == 403
    assert ask(world.portal.token("api2", "a", lifetime=-3600, role="admin")) == 401
    assert ask(world.forger.token("api2", "a", role="admin")) == 401
    assert ask(world.portal.token("api2", "a", role="admin")) == 200


def row_5_forged_headers_change_nothing(world):
    before = len(app_requests(world.api2()))
    forged = "spiffe://cluster.local/ns/default/sa/api"
    for fields in ([("x-epaulet-identity", forged), ("x-epaulet-roles", "admin")],
                   [("x-forwarded-client-cert", f"URI={forged}")], [("X_Epaulet_Identity", forged)]):
        assert request(address(world.api2()), "/respond", fields)[0] == 401, fields
    assert len(app_requests(world.api2())) == before


def row_6_names_and_ports(world):
    pod = world.api()["metadata"]["name"]
    program = ("const d=require('dns').promises,h=require('http');const get=u=>new Promise((y,n)=>h.get(u,r=>{let b='';"
               "r.on('data',c=>b+=c).on('end',()=>y(r.statusCode+' '+b))}).on('error',e=>y(e.code)));(async()=>{"
               "for(const u of ['http://api2.default/respond','http://api2.default.svc.cluster.local/respond','http://api2/respond',"
               "'http://nosuch.default/'])console.log(u,await get(u))})()")
    said = kubectl("-n", "default", "exec", pod, "-c", "app", "--", "/usr/bin/node", "-e", program).stdout.splitlines()
    answers = dict(line.split(" ", 1) for line in said)
    for name in ("api2.default", "api2.default.svc.cluster.local", "api2"):
        assert answers[f"http://{name}/respond"] == f"200 {HELLO}", answers
    assert answers["http://nosuch.default/"] == "ENOTFOUND", answers


def metric_of(pod, name):
    page = request(address(pod), "/metrics", port=15020)[2]
    (value,) = [line.rsplit(" ", 1)[1] for line in page.splitlines() if line.startswith(name)] or [None]
    return value and float(value)


def _endpoints_page(world):
    return kubectl("-n", "default", "exec", world.api()["metadata"]["name"], "-c", "app", "--", "/usr/bin/node", "-e",
                   "require('http').get({port:15000,path:'/endpoints',headers:{Host:'localhost:15000'}},r=>r.pipe(process.stdout))").stdout


def the_directory_tells_the_pods(world):
    assert metric_of(world.api(), "epaulet_directory_connected") == 1
    endpoints = 'epaulet_backend_endpoints{backend="api2.default"}'
    assert metric_of(world.api(), endpoints) == 1
    said = _endpoints_page(world)
    assert f"{address(world.api2())}:8080" in said, "the pod itself, not the ClusterIP: " + said
    # This server has WatchList.
    (directory,) = get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-directory")["items"]
    page = request(address(directory), "/metrics", port=15026)[2]
    for kind in ("services", "endpointslices", "pods"):
        assert f'epaulet_directory_streamed_lists_total{{objects="{kind}"}} 1' in page, page
    # A second pod, and it alone when the first is not ready any more.
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=2")
    rollout("default", "api2")
    wait_until("two endpoints", 10, lambda: metric_of(world.api(), endpoints) == 2)
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=1")
    wait_until("one endpoint", 10, lambda: metric_of(world.api(), endpoints) == 1)
    wait_until("one pod", 30, lambda: len(get("-n", "default", "pods", "-l", "app=api2")["items"]) == 1)
    assert hello(world) == (200, HELLO)


def zones_and_hints_of_a_service_reach_the_sidecars(world):
    (node,) = get("nodes")["items"]
    kubectl("label", "node", node["metadata"]["name"], "topology.kubernetes.io/zone=eu-1a")
    for wish in ("PreferClose", None):
        kubectl("-n", "default", "patch", "service", "api2", "-p", json.dumps({"spec": {"trafficDistribution": wish}}))
        hints = {"eu-1a": [f"{address(world.api2())}:8080"]} if wish else None

        def is_told():
            page = json.loads(_endpoints_page(world))
            (backend,) = [one for one in page["backends"] if one["backend"] == "api2.default"]
            return page.get("zone") == "eu-1a" and backend.get("hints") == hints and backend["zones"] == {
                "eu-1a": [f"{address(world.api2())}:8080"]} and backend.get("locality", {}).get("by") == ("hints" if wish else None)

        wait_until(f"hints: {hints}", 40, is_told)
        assert hello(world) == (200, HELLO)
    kubectl("label", "node", node["metadata"]["name"], "topology.kubernetes.io/zone-")


def the_address_of_a_service_leads_into_the_mesh(world):
    (cluster_ip,) = get("-n", "default", "service", "api2")["spec"]["clusterIPs"]
    before = len(app_requests(world.api2()))
    kubectl("-n", "default", "exec", world.api()["metadata"]["name"], "-c", "app", "--", "/usr/bin/node", "-e",
            f"require('http').get('http://{cluster_ip}/respond', r => r.pipe(process.stdout))")
    wait_until("its request", 5, lambda: len(app_requests(world.api2())) == before + 1)
    told = [one for one in app_requests(world.api2())[before:]]
    assert any("spiffe://cluster.local/ns/default/sa/api" in value for _, value in told[0]["headers"]), told


def without_the_directory_sidecars_go_on(world):
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-directory", "--replicas=0")
    wait_until("nobody connected", 30, lambda: metric_of(world.api(), "epaulet_directory_connected") == 0)
    assert hello(world) == (200, HELLO)
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-directory", "--replicas=1")
    rollout(SYSTEM, "epaulet-directory")
    wait_until("connected", 30, lambda: metric_of(world.api(), "epaulet_directory_connected") == 1)


def probes_ask_the_app_through_the_sidecar(world):
    """The readiness of api2 is by HTTP on a path that the access rules do not open to the kubelet."""
    pod = world.api2()
    probe = pod["spec"]["containers"][0]["readinessProbe"]["httpGet"]
    assert probe["port"] == 15021 and re.fullmatch("/app-health/[0-9a-f]{32}/0", probe["path"]), probe
    # The kubelet alone knows where.
    assert request(address(pod), probe["path"], port=15021)[0] == 200
    for guess in ("/app-health/0", f"/app-health/{'0' * 32}/0"):
        assert request(address(pod), guess, port=15021)[0] == 404, guess
    assert any(one["url"] == "/respond" and ["User-Agent", "epaulet"] in one["headers"] for one in all_app_requests(pod))
    # An app that stops answering is not ready any more; only who is outside its namespace can stop a first process.
    os.kill(cluster.process_of(pod, "app"), signal.SIGSTOP)
    wait_until("api2 is not ready", 30, lambda: not _is_ready(world.api2()))
    kubectl("-n", "default", "delete", "pod", pod["metadata"]["name"], "--grace-period=1")
    rollout("default", "api2")
    wait_until("hello", 10, lambda: hello(world) == (200, HELLO))


def _is_ready(pod):
    return any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])


def a_config_map_is_reloaded(world):
    patch = {"data": {"epaulet.yaml": (MANIFESTS / "api2-mesh.yaml").read_text().replace("name: internal", "name: changed")}}
    kubectl("-n", "default", "patch", "configmap", "api2-mesh", "--type=merge", "-p", json.dumps(patch))
    # The kubelet looks at ConfigMaps once a minute, or when something of the pod changes.
    kubectl("-n", "default", "annotate", "pod", world.api2()["metadata"]["name"], "touched=now")
    wait_until("the new rule", 100, lambda: any(line.get("event") == "config_applied" for line in log_of(world.api2(), "epaulet")), 1)
    assert hello(world) == (200, HELLO)
    _, headers, _ = request(address(world.api2()), "/respond")
    assert "changed" in explain(world.api2(), headers["x-request-id"])


def a_job_completes(world):
    manifest = """
apiVersion: batch/v1
kind: Job
metadata: { name: caller, namespace: default }
spec:
  backoffLimit: 0
  template:
    metadata: { annotations: { epaulet.io/config: api-mesh-job } }
    spec:
      serviceAccountName: api
      restartPolicy: Never
      terminationGracePeriodSeconds: 2
      containers:
        - name: app
          image: docker.io/local/node:test
          imagePullPolicy: Never
          securityContext: { runAsUser: 1000 }
          command: [/usr/bin/node, -e, "fetch('http://api2.default/respond').then(async r => { console.log(await r.text()); process.exit(r.ok ? 0 : 1) })"]
"""
    config = get("-n", "default", "configmap", "api-mesh")["data"]["epaulet.yaml"]
    services = config[config.index("services:"):]
    path = world.folder / "job.yaml"
    path.write_text(services)
    kubectl("-n", "default", "create", "configmap", "api-mesh-job", f"--from-file=epaulet.yaml={path}")
    kubectl("apply", "-f", "-", text=manifest)
    done = kubectl("-n", "default", "wait", "--for=condition=complete", "job/caller", "--timeout=60s", check=False)
    assert done.returncode == 0, kubectl("-n", "default", "describe", "pods", "-l", "job-name=caller").stdout
    assert HELLO in kubectl("-n", "default", "logs", "job/caller", "-c", "app").stdout


def a_rolling_restart_of_both_loses_no_request(world):
    for name in ("api", "api2"):
        kubectl("-n", "default", "scale", f"deployment/{name}", "--replicas=2")
    for name in ("api", "api2"):
        rollout("default", name)
    virtual = get("-n", "default", "service", "api")["spec"]["clusterIP"]
    load = subprocess.Popen([*cluster.IN, sys.executable, cluster.HERE / "load.py", virtual, "80", "/hello", "30"],
                            stdout=subprocess.PIPE, text=True)
    time.sleep(2)
    kubectl("-n", "default", "rollout", "restart", "deployment/api", "deployment/api2")
    for name in ("api", "api2"):
        rollout("default", name)
    counts = json.loads(load.communicate(timeout=60)[0])
    print(f"  {counts}", flush=True)
    good = counts.pop(f"200 {HELLO}")
    assert good > 100 and not counts, (good, counts)
    for name in ("api", "api2"):
        kubectl("-n", "default", "scale", f"deployment/{name}", "--replicas=1")
    wait_until("one of each", 60, lambda: len(get("-n", "default", "pods", "-l", "app in (api, api2)")["items"]) == 2)


def a_broken_config_map_is_told_at_its_place(world):
    path = world.folder / "broken.yaml"
    path.write_text("acces:\n  - { name: all, allow: [anyone] }\n")
    kubectl("-n", "default", "create", "configmap", "broken-mesh", f"--from-file=epaulet.yaml={path}")
    overrides = {"metadata": {"annotations": {"epaulet.io/config": "broken-mesh"}}}
    kubectl("-n", "default", "run", "broken", "--image=docker.io/local/pause:test", "--image-pull-policy=Never", "--port=8080",
            f"--overrides={json.dumps(overrides)}")
    text = wait_until("the sidecar's words", 30, lambda: kubectl(
        "-n", "default", "logs", "broken", "-c", "epaulet", check=False).stdout.strip())
    assert 'config/broken-mesh/epaulet.yaml:1:1: unknown key "acces"; did you mean "access"?' in text, text
    statuses = get("-n", "default", "pod", "broken")["status"]["containerStatuses"]
    assert "waiting" in statuses[0]["state"], "the app does not start without its sidecar"
    kubectl("-n", "default", "delete", "pod", "broken", "--grace-period=0", "--force")


def without_the_identity_service_old_pods_go_on_and_new_ones_wait(world):
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-identity", "--replicas=0")
    wait_until("the identity service is gone", 30, lambda: not get(
        "-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-identity")["items"])
    assert hello(world) == (200, HELLO)
    old = world.api2()["metadata"]["name"]
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=2")
    new = wait_until("a second pod", 10, lambda: [one for one in get("-n", "default", "pods", "-l", "app=api2")["items"]
                                                  if one["metadata"]["name"] != old])[0]["metadata"]["name"]
    time.sleep(4)
    statuses = get("-n", "default", "pod", new)["status"]["containerStatuses"]
    assert "waiting" in statuses[0]["state"], statuses
    assert hello(world) == (200, HELLO)
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-identity", "--replicas=1")
    rollout(SYSTEM, "epaulet-identity")
    rollout("default", "api2")
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=1")
    wait_until("one again", 30, lambda: len(get("-n", "default", "pods", "-l", "app=api2")["items"]) == 1)


def metrics_are_where_the_annotations_say(world):
    for pod, name in ((world.api(), "epaulet_requests_total"), (_identity_pod(), "epaulet_identity_can_sign 1")):
        notes = pod["metadata"]["annotations"]
        assert notes["prometheus.io/scrape"] == "true", notes
        status, _, body = request(address(pod), notes["prometheus.io/path"], port=int(notes["prometheus.io/port"]))
        assert status == 200 and name in body, body[:500]


def a_skipped_port_is_open_and_a_port_is_strict_by_default(world):
    patch = {"spec": {"template": {"metadata": {"annotations": {"epaulet.io/skip-inbound-ports": "8080",
                                                                "epaulet.io/permissive-ports": None}}}}}
    kubectl("-n", "default", "patch", "deployment", "api2", "--type=merge", "-p", json.dumps(patch))
    rollout("default", "api2")
    assert request(address(world.api2()), "/respond")[2] == HELLO, "everybody gets past the sidecar"
    probe = world.api2()["spec"]["containers"][0]["readinessProbe"]["httpGet"]
    assert probe["path"] == "/respond", probe
    patch["spec"]["template"]["metadata"]["annotations"] = {"epaulet.io/skip-inbound-ports": None}
    kubectl("-n", "default", "patch", "deployment", "api2", "--type=merge", "-p", json.dumps(patch))
    rollout("default", "api2")
    status, headers, _ = request(address(world.api2()), "/respond")
    assert status == 403, f"strict, as ports are by default: {status}"
    # The pod that ends takes no mesh TLS, and kube-proxy may lead there for a moment yet.
    wait_until("hello", 10, lambda: hello(world) == (200, HELLO))


def where_there_are_no_native_sidecars(world):
    helm("upgrade", "epaulet", CHART, "-n", SYSTEM, *VALUES, "--set", "injector.sidecar=container")
    rollout(SYSTEM, "epaulet-injector")
    time.sleep(1)
    kubectl("-n", "default", "rollout", "restart", "deployment/api", "deployment/api2")
    for name in ("api", "api2"):
        rollout("default", name)
    pod = world.api()
    assert [one["name"] for one in pod["spec"]["initContainers"]] == ["epaulet-init"]
    assert [one["name"] for one in pod["spec"]["containers"]] == ["epaulet", "app"]
    _the_app_waits_for_the_sidecar_and_jobs_are_warned_of(pod)
    wait_until("hello", 20, lambda: hello(world) == (200, HELLO))


def _the_app_waits_for_the_sidecar_and_jobs_are_warned_of(pod):
    """With a container as the sidecar: its postStart hook holds back what the kubelet starts behind it."""
    name = pod["metadata"]["name"]
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-identity", "--replicas=0")
    wait_until("the identity service is gone", 30, lambda: not get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-identity")["items"])
    kubectl("-n", "default", "scale", "deployment/api", "--replicas=2")
    new = wait_until("a second pod", 10, lambda: [one for one in get("-n", "default", "pods", "-l", "app=api")["items"]
                                                  if one["metadata"]["name"] != name])[0]["metadata"]["name"]
    time.sleep(6)
    states = {one["name"]: one["state"] for one in get("-n", "default", "pod", new)["status"].get("containerStatuses", [])}
    assert "waiting" in states["app"], states
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-identity", "--replicas=1")
    rollout(SYSTEM, "epaulet-identity")
    rollout("default", "api")
    status = get("-n", "default", "pod", new)["status"]
    assert not [one for one in status["containerStatuses"] if one["restartCount"]], status
    events = get("-n", "default", "events", "--field-selector", f"involvedObject.name={new}")["items"]
    assert not [one for one in events if one["reason"] == "FailedPostStartHook"], events
    kubectl("-n", "default", "scale", "deployment/api", "--replicas=1")
    wait_until("one again", 60, lambda: len(get("-n", "default", "pods", "-l", "app=api")["items"]) == 1)
    done = kubectl("-n", "default", "run", "job", "--image=docker.io/local/pause:test", "--restart=Never", "--dry-run=server")
    assert "this pod never completes" in done.stderr, done.stderr


def malformed_annotations_are_refused_by_name(world):
    done = kubectl("-n", "default", "run", "bad", "--image=docker.io/local/node:test",
                   "--annotations=epaulet.io/skip-inbound-ports=http", check=False)
    assert done.returncode != 0 and "epaulet.io/skip-inbound-ports: expected ports" in done.stderr, done.stderr
    outside = kubectl("-n", "default", "run", "outside", "--image=docker.io/local/pause:test",
                      "--image-pull-policy=Never", "--labels=epaulet.io/inject=false")
    assert outside.returncode == 0
    assert "initContainers" not in get("-n", "default", "pod", "outside")["spec"]


def while_the_injector_is_away_no_pod_starts_unmeshed(world):
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-injector", "--replicas=0")
    wait_until("the injector is gone", 30, lambda: not get("-n", SYSTEM, "pods", "-l",
                                                            "app.kubernetes.io/name=epaulet-injector")["items"])
    refused = kubectl("-n", "default", "run", "late", "--image=docker.io/local/pause:test", check=False)
    assert refused.returncode != 0 and "injector.epaulet.io" in refused.stderr, refused.stderr
    assert hello(world) == (200, HELLO), "what runs goes on"
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-injector", "--replicas=1")
    rollout(SYSTEM, "epaulet-injector")


def by_a_cni_plugin_no_container_is_privileged(world):
    rows_cni.install_by_cni(CHART, VALUES)
    rows_cni.look_at_pod_by_cni()
    wait_until("hello", 20, lambda: hello(world) == (200, HELLO))
    served = [line for line in log_of(world.api2(), "epaulet") if line.get("direction") == "inbound" and line.get("status") == 200]
    assert "spiffe://cluster.local/ns/default/sa/api" in json.dumps(served), served
    code, said = doctor(world, "check")
    assert code == 0 and "ok epaulet-cni: ready on 1 nodes" in said, said


def a_cni_plugin_leaves_others_alone_and_says_what_is_wrong(world):
    rows_cni.outside_the_mesh_and_wrong()


def a_cni_plugin_is_updated_without_a_gap(world):
    rows_cni.update_without_a_gap()


def on_a_node_without_the_cni_plugin_a_pod_waits(world):
    rows_cni.node_without_the_plugin(lambda: doctor(world, "check"))
    assert hello(world) == (200, HELLO), "pods that run keep their rules"


def an_upgrade_keeps_the_certificate_and_uninstall_leaves_the_apps(world):
    def bundle():
        return get("mutatingwebhookconfiguration", "epaulet-injector")["webhooks"][0]["clientConfig"]["caBundle"]

    before = bundle()
    assert b"BEGIN CERTIFICATE" in base64.b64decode(before)
    helm("upgrade", "epaulet", CHART, "-n", SYSTEM, *VALUES, *rows_cni.CNI, "--set", "proxy.logLevel=debug")
    rollout(SYSTEM, "epaulet-injector")
    assert bundle() == before
    helm("uninstall", "epaulet", "-n", SYSTEM, "--wait")
    done = kubectl("get", "mutatingwebhookconfiguration", "epaulet-injector", check=False)
    assert done.returncode != 0
    rows_cni.node_is_clean()
    assert hello(world) == (200, HELLO), "sidecars keep what they have"


def the_plain_manifests_are_valid(world):
    text = kubectl("kustomize", CHART.parent / "manifests").stdout
    kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", text=text)


ROWS = [a_labelled_namespace_is_in_the_mesh, its_certificate_is_its_service_accounts, row_1_before_api2_exists,
        row_2_with_api2_up, row_3_from_outside_without_credentials, row_4_from_outside_with_a_token,
        row_5_forged_headers_change_nothing, row_6_names_and_ports, the_directory_tells_the_pods, zones_and_hints_of_a_service_reach_the_sidecars,
        the_address_of_a_service_leads_into_the_mesh,
        without_the_directory_sidecars_go_on, a_new_pod_without_any_directory_starts_by_dns, of_two_directories_one_may_go_under_load,
        while_the_api_server_is_away_all_goes_on_and_its_return_is_noticed, an_http_route_splits_and_matches, a_grpc_route_matches_methods,
        a_bad_route_is_refused_alone_and_what_was_good_stays, probes_ask_the_app_through_the_sidecar,
        probes_by_grpc_https_and_with_headers, a_prometheus_finds_and_scrapes_apps_and_sidecars,
        the_doctor_finds_a_mesh_that_is_well, the_doctor_finds_what_is_broken,
        a_config_map_is_reloaded, the_meshs_own_configuration_reaches_new_pods, a_job_completes, an_init_container_has_the_mesh_before_the_app, a_cron_jobs_jobs_complete,
        a_namespaces_own_config_map_is_for_all_its_pods, headless_and_external_services_and_probes_by_exec_and_tcp,
        tokens_for_others_and_bound_to_nobody_are_refused, a_limit_range_and_a_quota_hold_for_our_containers_too,
        a_pod_that_turns_unready_is_left_within_a_moment,
        a_rolling_restart_of_both_loses_no_request, apps_that_end_at_sigterm_lose_no_request_in_a_rolling_restart,
        an_app_that_ends_late_is_served_until_it_is_gone, a_broken_config_map_is_told_at_its_place,
        without_the_identity_service_old_pods_go_on_and_new_ones_wait, metrics_are_where_the_annotations_say,
        a_skipped_port_is_open_and_a_port_is_strict_by_default, malformed_annotations_are_refused_by_name,
        while_the_injector_is_away_no_pod_starts_unmeshed, the_systems_pods_start_whatever_their_labels_say,
        the_webhooks_certificate_rotates_and_no_pod_is_refused, where_there_are_no_native_sidecars,
        by_a_cni_plugin_no_container_is_privileged, a_cni_plugin_leaves_others_alone_and_says_what_is_wrong,
        a_cni_plugin_is_updated_without_a_gap, on_a_node_without_the_cni_plugin_a_pod_waits,
        an_upgrade_keeps_the_certificate_and_uninstall_leaves_the_apps,
        the_plain_manifests_are_valid]

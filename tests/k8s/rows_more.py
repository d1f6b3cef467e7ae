"""More of what apps of a cluster do, and of what strangers try."""
import json
import subprocess
import threading
import time

import cluster
from cluster import get, kubectl, request, rollout, wait_until
from rows_ends import counts_of, load

SYSTEM = "epaulet-system"
NODE = {"image": "docker.io/local/node:test", "imagePullPolicy": "Never", "securityContext": {"runAsUser": 1000}}
ASK = ("fetch('http://api2.default/respond').then(async r => { console.log(await r.text()); process.exit(r.ok ? 0 : 1) },"
       " e => { console.log(e.cause || e); process.exit(1) })")


def _asks(name):
    return {**NODE, "name": name, "command": ["/usr/bin/node", "-e", ASK]}


def _apply(*objects):
    kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def _config(name, text, namespace="default"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": {"epaulet.yaml": text}}


def _dials_api2():
    text = get("-n", "default", "configmap", "api-mesh")["data"]["epaulet.yaml"]
    return text[text.index("services:"):]


def _pod(name, spec, namespace="default", **meta):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, **meta},
            "spec": {"serviceAccountName": "api", "restartPolicy": "Never", "terminationGracePeriodSeconds": 2, **spec}}


def _ended(name, seconds=60):
    def phase():
        return get("-n", "default", "pod", name)["status"]["phase"] in ("Succeeded", "Failed")

    wait_until(f"{name} has ended", seconds, phase)
    status = get("-n", "default", "pod", name)["status"]
    assert status["phase"] == "Succeeded", kubectl("-n", "default", "logs", name, "--all-containers", check=False).stdout[-3000:]


def an_init_container_has_the_mesh_before_the_app(world):
    _apply(_config("asks-mesh", _dials_api2()),
           _pod("asks", {"initContainers": [_asks("migrate")], "containers": [_asks("app")]}, annotations={"epaulet.io/config": "asks-mesh"}))
    _ended("asks")
    for container in ("migrate", "app"):
        assert "Hello World!" in kubectl("-n", "default", "logs", "asks", "-c", container).stdout, container
    order = [one["name"] for one in get("-n", "default", "pod", "asks")["spec"]["initContainers"]]
    assert order == ["epaulet-init", "epaulet", "migrate"], order
    kubectl("-n", "default", "delete", "pod", "asks")


def a_cron_jobs_jobs_complete(world):
    pod = _pod("x", {"containers": [_asks("app")]})
    template = {"metadata": {"annotations": {"epaulet.io/config": "asks-mesh"}}, "spec": pod["spec"]}
    _apply({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly", "namespace": "default"},
            "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"backoffLimit": 0, "template": template}}}})
    kubectl("-n", "default", "create", "job", "nightly-now", "--from=cronjob/nightly")
    begun = time.monotonic()
    done = kubectl("-n", "default", "wait", "--for=condition=complete", "job/nightly-now", "--timeout=60s", check=False)
    assert done.returncode == 0, kubectl("-n", "default", "describe", "pods", "-l", "job-name=nightly-now").stdout[-3000:]
    print(f"  complete after {time.monotonic() - begun:.1f} s", flush=True)
    assert "Hello World!" in kubectl("-n", "default", "logs", "job/nightly-now", "-c", "app").stdout
    kubectl("-n", "default", "delete", "cronjob", "nightly")


def a_namespaces_own_config_map_is_for_all_its_pods(world):
    """`epaulet`, and a pod that names none."""
    kubectl("create", "namespace", "team")
    kubectl("label", "namespace", "team", "epaulet.io/inject=enabled")
    kubectl("-n", "team", "create", "serviceaccount", "api")
    _apply(_config("epaulet", _dials_api2(), "team"), _pod("asks", {"containers": [_asks("app")]}, "team"))
    wait_until("it has ended", 60, lambda: get("-n", "team", "pod", "asks")["status"]["phase"] in ("Succeeded", "Failed"))
    said = kubectl("-n", "team", "logs", "asks", "-c", "app").stdout
    # Dialled by its name, in the mesh: api2 hears who it is, and lets accounts of `default` alone in.
    assert "Hello" not in said, said
    records = [json.loads(line) for line in kubectl("-n", "default", "logs", world.api2()["metadata"]["name"], "-c", "epaulet").stdout.splitlines()
               if "spiffe://cluster.local/ns/team/sa/api" in line]
    assert any(one.get("status") == 403 for one in records), records or said
    kubectl("delete", "namespace", "team", "--wait=false")


def tokens_for_others_and_bound_to_nobody_are_refused(world):
    """What the identity service says to whoever shows a token that is not a pod's of our audience."""
    (service,) = get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-identity")["items"]
    pod = world.api()["metadata"]["name"]
    key, request_file = world.folder / "stranger.key", world.folder / "stranger.csr"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/", "-addext",
                    "subjectAltName=URI:spiffe://cluster.local/ns/default/sa/api", "-keyout", key, "-out", request_file],
                   check=True, capture_output=True)

    def sign(*options):
        token = kubectl("-n", "default", "create", "token", "api", *options).stdout.strip()
        return cluster.run(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "-H", f"Authorization: Bearer {token}",
                            "-H", "Content-Type: application/pkcs10", "--data-binary", f"@{request_file}",
                            f"https://{service['status']['podIP']}:15014/v1/sign"], check=False).stdout

    bound = ("--bound-object-kind=Pod", f"--bound-object-name={pod}")
    ours = "--audience=epaulet-identity"
    codes = {"a pod's, for us": sign(ours, *bound), "for the API server": sign(*bound),
             "for others": sign("--audience=vault", *bound), "bound to no pod": sign(ours)}
    print(f"  {codes}", flush=True)
    assert codes.pop("a pod's, for us") == "200", codes
    assert set(codes.values()) <= {"401", "403"}, codes


def the_systems_pods_start_whatever_their_labels_say(world):
    """Also while the injector is away: the cluster must be able to mend itself."""
    kubectl("label", "namespace", "kube-system", "epaulet.io/inject=enabled")
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-injector", "--replicas=0")
    try:
        wait_until("the injector is gone", 30, lambda: not get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-injector")["items"])
        kubectl("-n", "kube-system", "run", "labelled", "--image=docker.io/local/pause:test", "--image-pull-policy=Never",
                "--labels=epaulet.io/inject=true")
        assert "initContainers" not in get("-n", "kube-system", "pod", "labelled")["spec"]
    finally:
        kubectl("-n", "kube-system", "delete", "pod", "labelled", "--ignore-not-found", "--grace-period=0", "--force")
        kubectl("label", "namespace", "kube-system", "epaulet.io/inject-")
        kubectl("-n", SYSTEM, "scale", "deployment/epaulet-injector", "--replicas=1")
        rollout(SYSTEM, "epaulet-injector")
        time.sleep(1)


def of_two_directories_one_may_go_under_load(world):
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-directory", "--replicas=2")
    rollout(SYSTEM, "epaulet-directory")
    asking = load("api", "/hello", 12)
    time.sleep(1)
    victim = get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-directory")["items"][0]["metadata"]["name"]
    kubectl("-n", SYSTEM, "delete", "pod", victim, "--grace-period=0", "--force")
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=2")
    rollout("default", "api2")
    from rows import metric_of
    wait_until("two endpoints", 20, lambda: metric_of(world.api(), 'epaulet_backend_endpoints{backend="api2.default"}') == 2)
    counts = counts_of(asking)
    assert set(counts) == {"200 Hello World!"}, counts
    kubectl("-n", "default", "scale", "deployment/api2", "--replicas=1")
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-directory", "--replicas=1")
    rollout(SYSTEM, "epaulet-directory")
    wait_until("one pod", 40, lambda: len(get("-n", "default", "pods", "-l", "app=api2")["items"]) == 1)


def a_new_pod_without_any_directory_starts_by_dns(world):
    """Where the backend has `dns` and `tls.identities` beside `directory`, as the README says."""
    fallback = """
services:
  api2.default:
    ports: { 80: http }
    endpoints: { directory: api2.default, dns: api2.default.svc.cluster.local, port: 80 }
    tls: { identities: ["spiffe://cluster.local/ns/default/sa/api2"] }
"""
    kubectl("-n", SYSTEM, "scale", "deployment/epaulet-directory", "--replicas=0")
    try:
        wait_until("no directory", 30, lambda: not get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-directory")["items"])
        _apply(_config("dns-mesh", fallback), _pod("lone", {"containers": [
            {**_asks("app"), "command": ["/usr/bin/node", "-e", f"setTimeout(() => {ASK}, 4000)"]}]}, annotations={"epaulet.io/config": "dns-mesh"}))
        _ended("lone")
        assert "Hello World!" in kubectl("-n", "default", "logs", "lone", "-c", "app").stdout
    finally:
        kubectl("-n", "default", "delete", "pod", "lone", "--ignore-not-found")
        kubectl("-n", SYSTEM, "scale", "deployment/epaulet-directory", "--replicas=1")
        rollout(SYSTEM, "epaulet-directory")


def headless_and_external_services_and_probes_by_exec_and_tcp(world):
    """One strict pod behind a headless Service, which somebody dials by it and by an ExternalName."""
    mesh = 'access: [ { name: all, paths: [/**], allow: [anyone] } ]\n'
    program = "require('http').createServer((_, r) => r.end('strict')).listen(8080, '::')"
    container = {**NODE, "name": "app", "command": ["/usr/bin/node", "-e", program], "ports": [{"containerPort": 8080}],
                 "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
                 "livenessProbe": {"exec": {"command": ["/usr/bin/node", "-e", "process.exit(0)"]}, "periodSeconds": 5, "timeoutSeconds": 5},
                 "lifecycle": {"preStop": {"httpGet": {"path": "/bye", "port": 8080}}}}
    spec = {"serviceAccountName": "api2", "containers": [container], "terminationGracePeriodSeconds": 2}
    dials = """
services:
  bare.default: { ports: { 8080: http }, endpoints: { directory: bare.default, port: 8080 } }
"""
    ask = "fetch('http://bare.default:8080/').then(async r => { console.log(await r.text()); process.exit(r.ok ? 0 : 1) }, e => { console.log(e.cause || e); process.exit(1) })"
    _apply(_config("bare-mesh", mesh), _config("bare-dials", dials),
           {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bare", "namespace": "default"},
            "spec": {"clusterIP": "None", "selector": {"app": "bare"}, "ports": [{"name": "http", "port": 8080}]}},
           {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "namespace": "default", "labels": {"app": "bare"},
                                                            "annotations": {"epaulet.io/config": "bare-mesh"}}, "spec": spec})
    kubectl("-n", "default", "wait", "--for=condition=Ready", "pod/bare", "--timeout=60s")
    pod = get("-n", "default", "pod", "bare")
    app = pod["spec"]["containers"][0]
    assert app["readinessProbe"]["httpGet"]["port"] == 15021 and "tcpSocket" not in app["readinessProbe"], app["readinessProbe"]
    assert "exec" in app["livenessProbe"] and app["lifecycle"]["preStop"]["httpGet"]["port"] == 15021, app
    assert request(pod["status"]["podIP"], "/")[0] == 403, "strict, for the kubelet as for everybody"
    _apply(_pod("bare-asks", {"containers": [{**NODE, "name": "app", "command": ["/usr/bin/node", "-e", ask]}]},
                annotations={"epaulet.io/config": "bare-dials"}))
    _ended("bare-asks")
    assert "strict" in kubectl("-n", "default", "logs", "bare-asks", "-c", "app").stdout
    # The app's own hook is found by nobody without the secret, and called at the end.
    assert request(pod["status"]["podIP"], "/app-health/1", port=15021)[0] == 404
    kubectl("-n", "default", "delete", "pod", "bare", "bare-asks")
    kubectl("-n", "default", "delete", "service", "bare")


def _served(address):
    """The certificate that the injector shows."""
    said = cluster.run(["timeout", "5", "openssl", "s_client", "-connect", f"{address}:15017"], text="", check=False).stdout
    begin = said.find("-----BEGIN CERTIFICATE-----")
    return said[begin:said.find("-----END CERTIFICATE-----")] if begin >= 0 else ""


def the_webhooks_certificate_rotates_and_no_pod_is_refused(world):
    """One is created (without being kept) again and again while the new certificate is on its way."""
    from rows import CHART, VALUES
    (injector,) = get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-injector")["items"]
    where, name = injector["status"]["podIP"], injector["metadata"]["name"]
    before = _served(where)
    assert before, "it serves one"
    results, stop = [], threading.Event()

    def create():
        while not stop.is_set():
            done = kubectl("-n", "default", "run", "tried", "--image=docker.io/local/pause:test", "--dry-run=server", "-o",
                           "jsonpath={.spec.initContainers[*].name}", check=False)
            results.append(done.stdout if done.returncode == 0 else done.stderr)

    thread = threading.Thread(target=create)
    thread.start()
    try:
        for word in ("first", "second"):
            cluster.helm("upgrade", "epaulet", CHART, "-n", SYSTEM, *VALUES, "--set", f"injector.certificate.rotate={word}")
            # The kubelet looks at Secrets once a minute, or when something of the pod changes.
            for i in range(100):
                kubectl("-n", SYSTEM, "annotate", "pod", name, f"touched={word}{i}", "--overwrite")
                time.sleep(1)
                if _served(where) not in ("", before):
                    break
            now = _served(where)
            assert now not in ("", before), f"the {word} rotation does not arrive"
            before = now
            time.sleep(1)
    finally:
        stop.set()
        thread.join()
    wrong = [one for one in results if one.split() != ["epaulet-init", "epaulet"]]
    print(f"  {len(results)} pods were created meanwhile", flush=True)
    assert not wrong and len(results) > 20, wrong[:3]
    # An upgrade that asks for nothing keeps it.
    cluster.helm("upgrade", "epaulet", CHART, "-n", SYSTEM, *VALUES, "--set", "injector.certificate.rotate=second")
    time.sleep(2)
    assert _served(where) == before


def a_pod_that_turns_unready_is_left_within_a_moment(world):
    """From the condition that is written to the pod until its caller's sidecar has one endpoint less, all between included."""
    from rows import metric_of
    program = "require('http').createServer((_, r) => r.end('gate')).listen(8080, '::')"
    container = {**NODE, "name": "app", "command": ["/usr/bin/node", "-e", program], "ports": [{"containerPort": 8080}]}
    dials = "services: { gate.default: { ports: { 8080: http }, endpoints: { directory: gate.default, port: 8080 } } }"
    gated = [_pod(f"gate-{i}", {"containers": [container], "readinessGates": [{"conditionType": "test/open"}], "restartPolicy": "Always"},
                  labels={"app": "gate"}) for i in (1, 2)]
    _apply(_config("gate-dials", dials), *gated,
           {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "gate", "namespace": "default"},
            "spec": {"selector": {"app": "gate"}, "ports": [{"name": "http", "port": 8080}]}},
           _pod("gate-caller", {"containers": [container]}, annotations={"epaulet.io/config": "gate-dials"}))
    kubectl("-n", "default", "wait", "--for=condition=Ready", "pod/gate-caller", "--timeout=90s")
    caller = get("-n", "default", "pod", "gate-caller")

    def turn(number, is_open):
        patch = {"status": {"conditions": [{"type": "test/open", "status": "True" if is_open else "False"}]}}
        kubectl("-n", "default", "patch", "pod", f"gate-{number}", "--subresource=status", "--type=strategic", "-p", json.dumps(patch))

    def knows(count):
        begun = time.monotonic()
        wait_until(f"{count} endpoints", 60, lambda: metric_of(caller, 'epaulet_backend_endpoints{backend="gate.default"}') == count, 0.01)
        return round(1000 * (time.monotonic() - begun))

    wait_until("both run", 90, lambda: all(get("-n", "default", "pod", f"gate-{i}")["status"]["phase"] == "Running" for i in (1, 2)))
    for number in (1, 2):
        turn(number, True)
    knows(2)
    took = []
    for _ in range(5):
        turn(2, False)
        took.append(knows(1))
        turn(2, True)
        knows(2)
    print(f"  from unready to the caller's sidecar: {sorted(took)} ms", flush=True)
    assert min(took) < 5000, took
    kubectl("-n", "default", "delete", "pod", "gate-1", "gate-2", "gate-caller", "--wait=false")
    kubectl("-n", "default", "delete", "service", "gate")

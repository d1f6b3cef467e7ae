"""The redirect rules by a CNI plugin: no container of the mesh has a right, and no pod runs without rules."""
import json
import time

import cluster
from cluster import get, helm, kubectl, pod_of, rollout, wait_until

SYSTEM = "epaulet-system"
BIN, LISTS = cluster.WORK / "cni-bin", cluster.WORK / "cni"
LIST = LISTS / "10-test.conflist"
CNI = ["--set", f"cni.enabled=true,cni.binDir={BIN},cni.confDir={LISTS}"]


def plugins():
    return [one["type"] for one in json.loads(LIST.read_text())["plugins"]]


def run_pause(name, **metadata):
    overrides = {"metadata": metadata, "spec": {"terminationGracePeriodSeconds": 1}}
    kubectl("-n", "default", "run", name, "--image=docker.io/local/pause:test", "--image-pull-policy=Never", "--port=8080",
            f"--overrides={json.dumps(overrides)}")


def phase(name):
    return get("-n", "default", "pod", name)["status"]["phase"]


def init_log(name):
    return kubectl("-n", "default", "logs", name, "-c", "epaulet-init", check=False).stdout


def install_by_cni(chart, values):
    helm("upgrade", "epaulet", chart, "-n", SYSTEM, *values, *CNI)
    rollout(SYSTEM, "epaulet-cni", kind="daemonset")
    rollout(SYSTEM, "epaulet-injector")
    assert plugins()[-1] == "epaulet-cni", plugins()
    # A Pod Security level that refuses NET_ADMIN.
    kubectl("label", "--overwrite", "namespace", "default", "pod-security.kubernetes.io/enforce=baseline")
    time.sleep(1)
    kubectl("-n", "default", "rollout", "restart", "deployment/api", "deployment/api2")
    for name in ("api", "api2"):
        rollout("default", name)


def look_at_pod_by_cni():
    pod = pod_of("default", "api")
    init, sidecar = pod["spec"]["initContainers"][:2]
    assert (init["name"], sidecar["name"]) == ("epaulet-init", "epaulet")
    for container in (init, sidecar):
        security = container["securityContext"]
        assert security["capabilities"] == {"drop": ["ALL"]} and security["runAsNonRoot"] is True, security
    assert init["args"][:2] == ["redirect", "confirm"], init["args"]
    assert "the rules are there for ipv4" in init_log(pod["metadata"]["name"])
    inside = kubectl("-n", "default", "exec", pod["metadata"]["name"], "-c", "epaulet", "--", "/usr/local/bin/epaulet", "doctor", "pod")
    assert "ok       redirect" in inside.stdout and "by cni" in inside.stdout, inside.stdout


def outside_the_mesh_and_wrong():
    run_pause("plain", labels={"epaulet.io/inject": "false"})
    wait_until("a pod outside the mesh runs", 30, lambda: phase("plain") == "Running")
    # Anybody may write the annotation; what is wrong with it, the pod's events say.
    run_pause("wrong", labels={"epaulet.io/inject": "false"}, annotations={"epaulet.io/redirect": '["--uid=many"]'})
    said = wait_until("the plugin's words", 30, lambda: "epaulet-cni: pod default/wrong: the annotation epaulet.io/redirect" in kubectl(
        "-n", "default", "describe", "pod", "wrong").stdout)
    assert said and phase("wrong") == "Pending"
    kubectl("-n", "default", "delete", "pod", "plain", "wrong", "--grace-period=0", "--force")


def update_without_a_gap():
    """While one pod of the DaemonSet follows another, the entry stays."""
    (old,) = [one["metadata"]["name"] for one in get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-cni")["items"]]
    kubectl("-n", SYSTEM, "rollout", "restart", "daemonset/epaulet-cni")

    def is_done():
        assert plugins()[-1] == "epaulet-cni", "a pod that starts now would be without rules"
        pods = get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-cni")["items"]
        return len(pods) == 1 and pods[0]["metadata"]["name"] != old and all(
            one["ready"] for one in pods[0]["status"].get("containerStatuses", [{"ready": False}]))

    wait_until("another one is ready", 90, is_done, 0.05)


def node_without_the_plugin(doctor):
    """The DaemonSet keeps off the node, and whoever wrote the list of plugins has written it anew."""
    def select(nodes):
        patch = {"spec": {"template": {"spec": {"nodeSelector": nodes}}}}
        kubectl("-n", SYSTEM, "patch", "daemonset", "epaulet-cni", "--type=merge", "-p", json.dumps(patch))

    select({"nowhere": "here"})
    wait_until("nobody keeps it", 60, lambda: not get("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-cni")["items"])
    assert plugins()[-1] == "epaulet-cni", "the DaemonSet is there: it stays"
    content = json.loads(LIST.read_text())
    content["plugins"].pop()
    half = LISTS / "half"
    half.write_text(json.dumps(content))
    half.rename(LIST)
    time.sleep(1)  # The runtime looks at the folder.
    run_pause("early")
    wait_until("epaulet-init says why", 60, lambda: "nobody has installed the mesh's rules" in init_log("early"))
    assert "DaemonSet epaulet-cni on this node is ready" in init_log("early")
    pod = get("-n", "default", "pod", "early")
    assert "waiting" in pod["status"]["containerStatuses"][0]["state"], pod["status"]
    code, said = doctor()
    assert code == 1 and "failure epaulet-cni: it is not ready on node1" in said, said
    assert "failure pods: the redirect rules of default/early are not installed" in said, said
    select(None)
    rollout(SYSTEM, "epaulet-cni", kind="daemonset")
    wait_until("the entry is back", 30, lambda: plugins()[-1] == "epaulet-cni")
    time.sleep(1)
    kubectl("-n", "default", "delete", "pod", "early", "--grace-period=0", "--force")
    run_pause("early")
    wait_until("its successor runs", 60, lambda: phase("early") == "Running")
    kubectl("-n", "default", "delete", "pod", "early", "--grace-period=0", "--force")


def node_is_clean():
    wait_until("the entry is gone", 60, lambda: plugins() == ["bridge", "portmap"])
    wait_until("its files are gone", 10, lambda: not (BIN / "epaulet-cni.d").exists())
    assert (BIN / "epaulet-cni").exists(), "a runtime may ask it of pods that end"
    assert [path.name for path in LISTS.iterdir()] == [LIST.name]

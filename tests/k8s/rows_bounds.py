"""What namespaces and the mesh say of all their pods."""
import json

from cluster import get, helm, kubectl, rollout, wait_until


def a_limit_range_and_a_quota_hold_for_our_containers_too(world):
    """LimitRanger gives our containers its defaults, and the API server asks the injector again after that."""
    kubectl("create", "namespace", "bounded")
    kubectl("label", "namespace", "bounded", "epaulet.io/inject=enabled")
    kubectl("-n", "bounded", "apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "bound"},
         "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}},
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "bound"}, "spec": {"hard": {"limits.cpu": "20"}}}]}))
    wait_until("its service account", 30, lambda: kubectl("-n", "bounded", "get", "serviceaccount", "default", check=False).returncode == 0)
    wait_until("its quota is counted", 30, lambda: "hard" in get("-n", "bounded", "resourcequota", "bound").get("status", {}))
    done = kubectl("-n", "bounded", "run", "app", "--image=docker.io/local/pause:test", "--image-pull-policy=Never", "--dry-run=server", "-o",
                   "json", check=False)
    assert done.returncode == 0, done.stderr
    pod = json.loads(done.stdout)
    ours = pod["spec"]["initContainers"]
    assert [one["name"] for one in ours] == ["epaulet-init", "epaulet"], ours
    for one in ours:
        assert one["resources"]["limits"]["cpu"] == "1" and one["resources"]["limits"]["memory"] == "256Mi", one
        assert not [mount for mount in one["volumeMounts"] if "serviceaccount" in mount["mountPath"]], one["volumeMounts"]
    kubectl("delete", "namespace", "bounded", "--wait=false")


def the_meshs_own_configuration_reaches_new_pods(world):
    from rows import CHART, SYSTEM, VALUES

    def upgrade(*more):
        helm("upgrade", "epaulet", CHART, "-n", SYSTEM, *VALUES, *more)
        rollout(SYSTEM, "epaulet-injector")
        # The API server has a connection to the old one as long as that serves it.
        pods = ("-n", SYSTEM, "pods", "-l", "app.kubernetes.io/name=epaulet-injector")
        wait_until("the old injector has left", 60, lambda: len(get(*pods)["items"]) == 1)
        kubectl("-n", "default", "rollout", "restart", "deployment/api2")
        rollout("default", "api2")  # Its sidecar has read what it got, else it were not ready.
        return world.api2()

    pod = upgrade("--set", "proxy.config=limits: { connections: 500 }")
    said, args = pod["metadata"]["annotations"].get("epaulet.io/mesh-config"), pod["spec"]["initContainers"][1]["args"]
    pod = upgrade()
    assert said == "limits: { connections: 500 }", said
    assert "/etc/epaulet/pod/mesh.yaml" in args, args
    assert "epaulet.io/mesh-config" not in pod["metadata"]["annotations"]

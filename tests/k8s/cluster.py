"""The test cluster from Python: starts it, speaks to it, and to pods as somebody outside the mesh."""
import json
import os
import pathlib
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
SCRIPT = HERE / "cluster/cluster.sh"
WORK = pathlib.Path(os.environ.get("EPAULET_K8S_WORK") or
                    pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "epaulet-kubernetes")
NAMESPACE = os.environ.get("EPAULET_K8S_NS", "epkube")
IN = ["nsenter", f"--net=/run/netns/{NAMESPACE}"]


class ClusterError(Exception):
    pass


def script(*arguments, **settings):
    done = subprocess.run([SCRIPT, *arguments], text=True, **settings)
    if done.returncode != 0:
        raise ClusterError(f"cluster.sh {arguments[0]} failed")


def run(argv, text=None, check=True):
    done = subprocess.run([*IN, *map(str, argv)], input=text, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise ClusterError(f"{' '.join(map(str, argv))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def kubectl(*arguments, text=None, check=True):
    return run([WORK / "bin/kubectl", "--kubeconfig", WORK / "pki/admin.kubeconfig", *arguments], text, check)


def helm(*arguments, check=True):
    return run([WORK / "bin/helm", "--kubeconfig", WORK / "pki/admin.kubeconfig", *arguments], check=check)


def get(*arguments):
    return json.loads(kubectl("get", *arguments, "-o", "json").stdout)


def rollout(namespace, name, seconds=90, kind="deployment"):
    done = kubectl("-n", namespace, "rollout", "status", f"{kind}/{name}", f"--timeout={seconds}s", check=False)
    if done.returncode == 0:
        return
    pods = kubectl("-n", namespace, "describe", "pods", check=False).stdout
    raise ClusterError(f"{namespace}/{name} does not roll out: {done.stdout}{done.stderr}\n{pods[-6000:]}")


def pod_of(namespace, app):
    """The newest that is not on its way out."""
    pods = [pod for pod in get("-n", namespace, "pods", "-l", f"app={app}")["items"]
            if "deletionTimestamp" not in pod["metadata"]]
    return max(pods, key=lambda pod: pod["metadata"]["creationTimestamp"])


def process_of(pod, container):
    """The first process of a container, as the node counts."""
    (status,) = [one for one in pod["status"]["containerStatuses"] if one["name"] == container]
    identifier = status["containerID"].removeprefix("containerd://")
    tasks = run(["ctr", "-a", WORK / "containerd.sock", "-n", "k8s.io", "task", "ls"]).stdout.splitlines()
    return int(next(line.split()[1] for line in tasks if line.startswith(identifier)))


def wait_until(what, seconds, condition, pause=0.2):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise ClusterError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def request(address, path, headers=(), port=8080):
    """Plain HTTP from the node, which is outside the mesh: status, headers, body."""
    argv = ["curl", "-s", "-i", "--max-time", "10", f"http://{address}:{port}{path}"]
    for name, value in headers:
        argv += ["-H", f"{name}: {value}"]
    head, _, body = run(argv, check=False).stdout.partition("\n\n")  # As text, which has no \r.
    lines = head.split("\n")
    status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/") else 0
    fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    return status, {name.lower(): value for name, value in fields.items()}, body

"""`epaulet-cni` as a container runtime calls it: a real plugin, real namespaces, the files of our image.

The network is the lab's, so what the plugin is told of the plugin before it is written here.
"""

import importlib.util
import json
import os
import subprocess
from pathlib import Path

from backends import BACKENDS, NFT
from lab import PROXY_UID, kernel, wait_until
from test_redirect import APP_PORT, APP_UID, app_in, dial, proxy_in, redirect, result_of

ANNOTATIONS = "io.kubernetes.cri.pod-annotations"
LIST = {"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "bridge", "isGateway": True}]}


def image_build():
    place = Path(__file__).resolve().parents[2] / "k8s/image/build.py"
    spec = importlib.util.spec_from_file_location("image_build", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Node:
    """What the DaemonSet has left on a node: a folder of plugins and one of lists."""

    def __init__(self, lab, binaries):
        self.lab = lab
        self.plugins, self.lists = lab.directory / "plugins", lab.directory / "lists"
        for folder in (self.plugins, self.lists, lab.directory / "image"):
            folder.mkdir()
        (self.lists / "10-net.conflist").write_text(json.dumps(LIST))
        build = binaries.epaulet.parents[1]
        programs = ("k8s/cni/epaulet-cni", "k8s/cni/epaulet-cni-launcher")
        image_build().fill(lab.directory / "image", build, False, programs)
        self.places = ["--plugins", self.plugins, "--lists", self.lists]
        self.program = build / "k8s/cni/epaulet-cni"
        self.keep()

    def keep(self):
        argv = [self.program, "node", *self.places, "--image", self.lab.directory / "image"]
        argv += ["--daemon-set", "epaulet-system/epaulet-cni", "--kubernetes-api", "127.0.0.1:1"]
        argv += ["--kubernetes-credentials", "/nowhere"]
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as keeper:
            status = [self.program, "status", *self.places]
            wait_until(lambda: subprocess.run(status, capture_output=True).returncode == 0, "entry", 30)
            keeper.terminate()
        assert keeper.returncode == 0, "nobody answers, so all stays"

    def call(self, command, pod, rules=None, netns=None):
        """Standard output and exit code of the plugin that the list names, as a runtime starts it."""
        chosen = json.loads((self.lists / "10-net.conflist").read_text())
        entry = chosen["plugins"][-1]
        assert entry["capabilities"] == {ANNOTATIONS: True}, entry
        notes = {"kubernetes.io/config.source": "api"}
        if rules is not None:
            notes["epaulet.io/redirect"] = rules if isinstance(rules, str) else json.dumps(rules)
        self.result = {
            "cniVersion": chosen["cniVersion"],
            "interfaces": [{"name": "eth0", "sandbox": f"/run/netns/{pod.netns}"}],
            "ips": [{"address": f"{pod.ipv4}/24", "interface": 0}],
            "dns": {},
        }
        config = {"cniVersion": chosen["cniVersion"], "name": chosen["name"], **entry}
        config |= {"runtimeConfig": {ANNOTATIONS: notes}, "prevResult": self.result}
        env = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": "c1",
            "CNI_IFNAME": "eth0",
            "CNI_NETNS": netns or str(kernel.NETNS_DIR / pod.netns),
            "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart",
            "CNI_PATH": str(self.plugins),
            "PATH": "/nowhere",
        }
        argv = [self.plugins / entry["type"]]
        done = subprocess.run(argv, env=env, input=json.dumps(config), capture_output=True, text=True)
        return done.stdout, done.returncode

    def add(self, pod, rules=None):
        said, code = self.call("ADD", pod, rules)
        assert code == 0, said
        assert json.loads(said) == self.result, said

    def failure(self, command, pod, rules=None, netns=None):
        said, code = self.call(command, pod, rules, netns)
        assert code != 0, said
        told = json.loads(said)
        return told["code"], f"{told['msg']}; {told.get('details', '')}"


def confirm(pod, binaries, *options, uid=65534):
    """As `epaulet-init` does where a CNI plugin installs the rules: without any right."""
    (pod.run_dir / "epaulet").mkdir(exist_ok=True)
    (pod.run_dir / "epaulet").chmod(0o777)
    program = f"{pod.bind(binaries.epaulet.parent, 'epaulet-bin')}/{binaries.epaulet.name}"
    return pod.run([program, "redirect", "confirm", *options], uid=uid, check=False)


def rules_of(pod):
    return [backend.name for backend in BACKENDS if backend.has_ours(pod)]


def test_a_pod_of_the_mesh_gets_its_rules_from_outside(lab, binaries):
    node = Node(lab, binaries)
    pod, neighbour = lab.pod("pod"), lab.pod("neighbour")
    pod.run(["ip", "link", "set", "lo", "down"])  # The runtime may not have come to it yet.
    rules = ["--exclude-inbound-port=9000", "--exclude-outbound-port=9001"]
    node.add(pod, rules)
    assert rules_of(pod) == [NFT.name]
    said = confirm(pod, binaries, *rules)
    assert said.returncode == 0 and "the rules are there for ipv4 and ipv6" in said.stdout, said
    result = result_of(pod)
    assert (result["ok"], result["backend"], result["arguments"]) == (True, "cni", rules), result
    proxy_in(pod)
    app_in(pod, 9000)
    app_in(neighbour)
    app_in(neighbour, 9001)
    for index in range(2):
        assert dial(pod, "tcp", neighbour.addresses[index], APP_PORT)["name"] == "proxy"
        assert dial(pod, "tcp", neighbour.addresses[index], 9001)["name"] == "app"
        assert dial(neighbour, "tcp", pod.addresses[index], APP_PORT)["name"] == "proxy"
        assert dial(neighbour, "tcp", pod.addresses[index], 9000)["name"] == "app"
    # The proxy listens now, and all is as well as before.
    assert redirect(pod, binaries, "verify").returncode == 0
    assert confirm(pod, binaries).returncode == 0
    assert node.call("CHECK", pod, rules) == ("", 0)
    NFT.delete(pod, 0)
    code, why = node.failure("CHECK", pod, rules)
    assert code == 102 and "pod shop/cart: the mesh's rules do not do what they should" in why, why
    assert node.call("DEL", pod, rules) == ("", 0)


def test_a_pod_outside_the_mesh_is_left_alone(lab, binaries):
    node, pod = Node(lab, binaries), lab.pod("pod")
    node.add(pod)
    assert rules_of(pod) == []
    said = confirm(pod, binaries)
    assert said.returncode == 1 and "DaemonSet epaulet-cni on this node is ready" in said.stderr, said
    assert "240.0.0.1:80 does not lead to 127.0.0.1:15001" in said.stderr, said.stderr
    assert result_of(pod)["ok"] is False and "nobody has installed" in result_of(pod)["error"]


def test_who_is_not_redirected_cannot_confirm(lab, binaries):
    pod = lab.pod("pod")
    redirect(pod, binaries, "install")
    assert confirm(pod, binaries, uid=APP_UID).returncode == 0
    said = confirm(pod, binaries, uid=PROXY_UID)
    assert said.returncode == 1 and "user 1337 is not redirected" in said.stderr, said.stderr
    pod.resolv_conf.write_text("nameserver 127.0.0.53\n")
    said = confirm(pod, binaries)
    assert said.returncode == 1 and "127.0.0.53" in said.stderr, said.stderr


def test_a_pod_whose_rules_cannot_be_installed_is_not_started(lab, binaries):
    node, pod = Node(lab, binaries), lab.pod("pod")
    code, why = node.failure("ADD", pod, ["--uid=many"])
    assert code == 101 and "pod shop/cart: the annotation epaulet.io/redirect: " in why and "--uid" in why, why
    code, why = node.failure("ADD", pod, ["--virtual-v4=10.88.0.0/16"])
    assert code == 101 and "is no option that an injector writes" in why, why
    current = node.plugins / "epaulet-cni.d/current"
    for program in (current / "usr/sbin").glob("*"):
        program.unlink()
    code, why = node.failure("ADD", pod, [])
    assert code == 102 and "neither `nft` nor `iptables-restore` is installed" in why, why
    assert rules_of(pod) == []
    node.add(pod)  # Others do not suffer.


def test_without_its_files_it_says_so_and_pods_that_end_go(lab, binaries):
    node, pod = Node(lab, binaries), lab.pod("pod")
    os.rename(node.plugins / "epaulet-cni.d", node.plugins / "elsewhere")
    code, why = node.failure("ADD", pod, [])
    assert code == 100 and "its files, epaulet-cni.d beside it, cannot be entered" in why, why
    assert "DaemonSet epaulet-cni" in why, why
    assert node.call("DEL", pod) == ("", 0)
    os.rename(node.plugins / "elsewhere", node.plugins / "epaulet-cni.d")
    for wrong in ("/proc/self/ns/net", "/nowhere", "/dev/null"):
        code, why = node.failure("ADD", pod, [], netns=wrong)
        assert code == 100 and "the pod's network (CNI_NETNS) cannot be entered" in why, (wrong, why)
    said, code = node.call("VERSION", pod, netns="/nowhere")
    assert code == 0 and "1.0.0" in json.loads(said)["supportedVersions"], said

"""epaulet-cni as the process that a DaemonSet runs on each node, before a scripted API server."""
import concurrent.futures
import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import time

from static_doctor import api_server

DAEMON_SET = "/apis/apps/v1/namespaces/epaulet-system/daemonsets/epaulet-cni"
THERE = {"metadata": {"name": "epaulet-cni", "namespace": "epaulet-system"}}
LIST = {"cniVersion": "0.4.0", "name": "net", "plugins": [{"type": "bridge"}, {"type": "portmap"}]}


class Node:
    def __init__(self, place, binaries):
        self.place, self.plugins, self.lists = place, place / "bin", place / "net.d"
        self.program = binaries / "k8s/cni/epaulet-cni"
        image = place / "image/usr/local/bin"
        for folder in (self.plugins, self.lists, image):
            folder.mkdir(parents=True)
        for name in ("epaulet-cni", "epaulet-cni-launcher"):
            shutil.copy(self.program.with_name(name), image)
        self.list = self.lists / "10-net.conflist"
        self.list.write_text(json.dumps(LIST))

    def types(self):
        return [one["type"] for one in json.loads(self.list.read_text())["plugins"]]

    def status(self):
        return subprocess.run([self.program, "status", "--plugins", self.plugins, "--lists", self.lists],
                              capture_output=True, text=True)

    @contextlib.contextmanager
    def kept(self, options):
        """Until it is ready; ends it at the end, and gives what it has said then."""
        log = self.place / "log"
        argv = [self.program, "node", "--plugins", self.plugins, "--lists", self.lists, "--image", self.place / "image",
                "--daemon-set", "epaulet-system/epaulet-cni", *options]
        with open(log, "w") as file, subprocess.Popen(argv, stderr=file) as process:
            self.log = log
            try:
                until(lambda: '"files_written"' in log.read_text(), "it has begun")
                yield process
            finally:
                process.terminate()
        assert process.returncode == 0, log.read_text()
        self.said = [json.loads(line) for line in log.read_text().splitlines()]

    def says(self, event):
        return f'"{event}"' in self.log.read_text()

    def events(self):
        return [line["event"] for line in self.said]


def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_the_entry_is_put_back_and_stays_while_a_successor_comes(place, binaries):
    node = Node(place, binaries)
    assert node.status().returncode == 1 and "cannot run" in node.status().stderr
    with api_server(place, {DAEMON_SET: THERE}) as options, node.kept(options):
        until(lambda: node.status().returncode == 0, "ready")
        assert node.types() == ["bridge", "portmap", "epaulet-cni"]
        # The network plugin's own installer comes along and writes its list as a whole.
        half = node.lists / "new.tmp"
        half.write_text(json.dumps(LIST))
        half.rename(node.list)
        until(lambda: "epaulet-cni" in node.types(), "it is put back", 20)
        # Another list comes first now.
        (node.lists / "00-first.conflist").write_text(json.dumps(LIST))
        until(lambda: "epaulet-cni" in (node.lists / "00-first.conflist").read_text(), "the list that counts", 20)
        # Nobody can make head or tail of it: told, and mended as soon as it is.
        (node.lists / "00-first.conflist").write_text("{")
        until(lambda: node.status().returncode == 1, "not ready", 20)
        until(lambda: '"entry_missing"' in (place / "log").read_text(), "the keeper's own look", 20)
        (node.lists / "00-first.conflist").unlink()
        until(lambda: node.status().returncode == 0, "ready again", 20)
    assert "epaulet-cni" in node.types(), "another pod of the DaemonSet takes over"
    assert node.events()[-1] == "stays" and "entry_missing" in node.events(), node.said
    (place / "later").mkdir()
    with api_server(place / "later", {DAEMON_SET: THERE}) as options, node.kept(options):
        until(lambda: node.status().returncode == 0, "the successor is ready")
    assert len(list((node.plugins / "epaulet-cni.d").iterdir())) == 2, "one folder, and the link to it"


def is_cleaned(place, binaries, going):
    place.mkdir()
    node = Node(place, binaries)
    documents = {DAEMON_SET: 503}
    with api_server(place, documents) as options, node.kept(options):
        until(lambda: node.says("cannot_ask"), "it has asked")
        assert node.status().returncode == 0, "it is ready without"
        documents[DAEMON_SET] = THERE
        until(lambda: node.says("can_ask"), "it asks again")
        if going is None:
            del documents[DAEMON_SET]
        else:
            documents[DAEMON_SET] = going
    assert node.types() == ["bridge", "portmap"], (going, node.said)
    assert not (node.plugins / "epaulet-cni.d").exists() and (node.plugins / "epaulet-cni").exists()
    assert list(node.lists.iterdir()) == [node.list]
    # A runtime that still remembers it ends pods as before.
    done = subprocess.run([node.plugins / "epaulet-cni"], env={"CNI_COMMAND": "DEL"}, input="{}", text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (0, ""), done


def test_the_node_is_clean_when_the_daemon_set_goes(place, binaries):
    going = ({"metadata": {"name": "epaulet-cni", "deletionTimestamp": "2026-01-01T00:00:00Z"}}, None, 403, 401)
    with concurrent.futures.ThreadPoolExecutor() as pool:  # a refusal is believed seconds later
        for done in [pool.submit(is_cleaned, place / f"{number}", binaries, one) for number, one in enumerate(going)]:
            done.result()


def test_an_api_server_that_is_away_changes_nothing(place, binaries):
    node = Node(place, binaries)
    with api_server(place, {DAEMON_SET: THERE}) as options:
        with node.kept([*options[:1], "127.0.0.1:1", *options[2:]]):
            until(lambda: node.status().returncode == 0, "ready")
    assert "epaulet-cni" in node.types() and node.events()[-1] == "stays", node.said
    (warning,) = [line for line in node.said if line["event"] == "cannot_ask"]
    assert "stays on the node" in warning["remedy"], warning
    # Without the right to ask, a refusal at the end means nothing, either.
    (place / "again").mkdir()
    with api_server(place / "again", {DAEMON_SET: 403}) as options, node.kept(options):
        until(lambda: node.status().returncode == 0, "ready")
    assert "epaulet-cni" in node.types() and node.events()[-1] == "stays", node.said


def test_pods_that_start_do_not_wait_for_an_api_server(place, binaries):
    node = Node(place, binaries)
    begun = time.monotonic()
    # As before kube-proxy's rules are there: nobody answers.
    with api_server(place, {}) as options, socket.create_server(("127.0.0.1", 0)) as silent:
        with node.kept([options[0], f"127.0.0.1:{silent.getsockname()[1]}", *options[2:]]):
            until(lambda: node.status().returncode == 0, "ready")
            # It asks all the time: whenever the network plugin's installer writes its list anew, the entry is back at once.
            longest = 0
            for _ in range(14):
                half = node.lists / "new.tmp"
                half.write_text(json.dumps(LIST))
                half.rename(node.list)
                written = time.monotonic()
                until(lambda: "epaulet-cni" in node.types(), "it is put back")
                longest = max(longest, time.monotonic() - written)
                time.sleep(0.5)
            assert longest < 1, f"{longest:.1f} s"
    assert time.monotonic() - begun < 25, "nor does its own end, for long"
    assert node.events()[-1] == "stays", node.said


def test_a_list_that_may_still_name_the_plugin_keeps_its_files(place, binaries):
    node = Node(place, binaries)
    documents = {DAEMON_SET: THERE}
    with api_server(place, documents) as options, node.kept(options):
        until(lambda: node.status().returncode == 0, "ready")
        # Somebody writes a list in place at this moment, with what he has read before.
        (node.lists / "20-other.conflist").write_text('{"plugins": [{"type": "x"}, {"type": "epaulet-cni"}')
        del documents[DAEMON_SET]
    assert node.types() == ["bridge", "portmap"], node.said
    assert (node.plugins / "epaulet-cni.d/current/usr/local/bin/epaulet-cni").exists(), "its pods would not start"
    assert node.events()[-1] == "files_stay" and "20-other.conflist" in node.said[-1]["detail"], node.said


def test_a_node_that_cannot_be_written_is_told(place, binaries):
    node = Node(place, binaries)
    shutil.rmtree(node.plugins)
    node.plugins.write_text("in the way")
    done = subprocess.run([node.program, "node", "--plugins", node.plugins, "--lists", node.lists, "--image", place / "image",
                           "--daemon-set", "a/b", "--kubernetes-api", "127.0.0.1:1"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and '"files_missing"' in done.stderr and "cni.binDir" in done.stderr, done.stderr
    assert node.types() == ["bridge", "portmap"]
    assert pathlib.Path(node.plugins).read_text() == "in the way"

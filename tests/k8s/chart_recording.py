#!/usr/bin/env python3
"""What helm made of the chart, kept as JSON, so that the core suite looks at renderings without helm (a Go program).

    tests/k8s/chart_recording.py      records all that static_chart.py asks for; needs helm, and kubectl or PyYAML

It fails when the chart's sources are others than those that were recorded. `static_helm.py`, in the k8s suite, renders
each again with a real helm and compares.
"""
import hashlib
import json
import pathlib
import subprocess
import sys

import cluster

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "k8s/chart"
PLAIN = ROOT / "k8s/manifests/epaulet.yaml"
PATH = pathlib.Path(__file__).with_suffix(".json")
KUBERNETES = "1.34.4"
GENERATED = "GENERATED"  # instead of what each rendering draws anew


class Skipped(Exception):
    pass


def digest():
    """Of all files that the chart is made of, and of the plain manifests, which are rendered from it."""
    summed = hashlib.sha256()
    for path in sorted([*(path for path in CHART.rglob("*") if path.is_file()), PLAIN]):
        summed.update(f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return summed.hexdigest()


def helm(*arguments):
    path = cluster.WORK / "bin/helm"
    if not path.exists():
        raise Skipped("there is no helm: tests/k8s/cluster/cluster.sh build makes it")
    return subprocess.run([path, *arguments], capture_output=True, text=True)


def template(*options):
    return helm("template", "epaulet", CHART, "-n", "epaulet-system", "--kube-version", KUBERNETES, *options)


def objects_in(text):
    """As JSON, by kubectl, which reads YAML as the API server does and asks nobody; without one by PyYAML."""
    kubectl = cluster.WORK / "bin/kubectl"
    if not kubectl.exists():
        try:
            import yaml
        except ImportError:
            raise Skipped("there is neither kubectl nor PyYAML") from None
        return [one for one in yaml.safe_load_all(text) if one]
    done = subprocess.run([kubectl, "patch", "--local", "--type=merge", "-p", "{}", "-f", "-", "-o", "json"],
                          input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    decoder, found, rest = json.JSONDecoder(), [], done.stdout.lstrip()
    while rest:
        one, end = decoder.raw_decode(rest)
        found.append(one)
        rest = rest[end:].lstrip()
    return found


def without_what_is_drawn(found):
    for one in found:
        if one["kind"] == "Secret":
            one["data"] = {key: GENERATED for key in one["data"]}
            one["metadata"]["annotations"]["epaulet.io/made"] = GENERATED
        for webhook in one.get("webhooks", []):
            if len(webhook["clientConfig"].get("caBundle", "")) > 100:
                webhook["clientConfig"]["caBundle"] = GENERATED
    return found


def rendering(*options):
    """What helm says: the objects, or the words of its refusal."""
    done = template(*options)
    if done.returncode == 0:
        return without_what_is_drawn(objects_in(done.stdout))
    return done.stderr


class Recording:
    """Each object once, however many renderings have it: {"objects": [...], "renderings": {options: [index] or refusal}},
    the options as a text of JSON."""

    def __init__(self):
        self.document = json.loads(PATH.read_text()) if PATH.exists() else {"chart": "", "objects": [], "renderings": {}}

    def clear(self):
        self.document = {"chart": digest(), "kubernetes": KUBERNETES, "objects": [], "renderings": {}}
        self.is_open = True

    is_open = False

    def of(self, options):
        key = json.dumps(options)
        if self.is_open and key not in self.document["renderings"]:
            said = rendering(*options)
            self.document["renderings"][key] = said if isinstance(said, str) else [self.index_of(one) for one in said]
        assert self.document["chart"] == digest(), (
            "k8s/chart or k8s/manifests/epaulet.yaml has changed since it was recorded: tests/k8s/chart_recording.py records it anew, with helm")
        assert key in self.document["renderings"], f"{key!r} is not recorded: tests/k8s/chart_recording.py"
        return self.document["renderings"][key]

    def index_of(self, one):
        if one not in self.document["objects"]:
            self.document["objects"].append(one)
        return self.document["objects"].index(one)

    def rendered(self, *options):
        said = self.of(options)
        assert not isinstance(said, str), said
        return json.loads(json.dumps([self.document["objects"][index] for index in said]))

    def refused(self, *options):
        said = self.of(options)
        assert isinstance(said, str), "it renders"
        return said

    def write(self):
        document = self.document
        head = {key: value for key, value in document.items() if key not in ("objects", "renderings")}
        lines = json.dumps(head)[1:-1] + ',\n"renderings": {\n'
        lines += ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in document["renderings"].items())
        lines += '\n},\n"objects": [\n' + ",\n".join(json.dumps(one, indent=1) for one in document["objects"]) + "\n]"
        PATH.write_text("{" + lines + "}\n")


RECORDING = Recording()


def record():
    import static_chart

    RECORDING.clear()
    for name, test in list(vars(static_chart).items()):
        if name.startswith("test_") and "binaries" not in test.__code__.co_varnames[:test.__code__.co_argcount]:
            test()
    static_chart.asked_with_programs()
    RECORDING.write()
    print(f"{len(RECORDING.document['renderings'])} renderings, {len(RECORDING.document['objects'])} objects, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    sys.modules["chart_recording"] = sys.modules["__main__"]  # static_chart's too
    record()

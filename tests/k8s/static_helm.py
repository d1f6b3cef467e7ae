"""The chart by a real helm, and the plain manifests by a real kubectl; `tests/k8s/cluster/cluster.sh build` makes both.
Without them nothing is proved, and the tests say skipped; `./dev test` leaves these to `./dev test k8s`, and looks at what
chart_recording.py has kept (static_chart.py)."""
import base64
import json
import shutil
import subprocess

import cluster
import schemas
from chart_recording import CHART, PLAIN, RECORDING, ROOT, Skipped, helm, objects_in, rendering, template
from static_chart import MONITORING


def render(*options):
    done = template(*options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lint():
    done = helm("lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_recorded_is_what_the_chart_renders():
    known = RECORDING.document["objects"]
    assert len(RECORDING.document["renderings"]) > 20
    for key, recorded in RECORDING.document["renderings"].items():
        said = rendering(*json.loads(key))
        assert said == (recorded if isinstance(recorded, str) else [known[index] for index in recorded]), f"{key}: tests/k8s/chart_recording.py"


def test_the_generated_certificate_is_the_services(place):
    found = objects_in(render())
    (secret,) = [one for one in found if one["kind"] == "Secret"]
    (place / "ca").write_bytes(base64.b64decode(secret["data"]["ca.crt"]))
    (place / "crt").write_bytes(base64.b64decode(secret["data"]["tls.crt"]))
    done = subprocess.run(["openssl", "verify", "-CAfile", place / "ca", "-verify_hostname",
                           "epaulet-injector.epaulet-system.svc", place / "crt"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifests_give_sidecars_the_image_that_is_chosen(place):
    if not (cluster.WORK / "bin/kubectl").exists():
        raise Skipped("there is no kubectl: tests/k8s/cluster/cluster.sh build makes it")
    shutil.copytree(ROOT / "k8s/manifests", place / "manifests")
    path = place / "manifests/kustomization.yaml"
    path.write_text(path.read_text().replace("newName: epaulet", "newName: r.example/epaulet").replace("newTag: 0.1.0", "newTag: chosen"))
    done = subprocess.run([cluster.WORK / "bin/kubectl", "kustomize", path.parent], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("r.example/epaulet:chosen") == 4 and "epaulet:0.1.0" not in done.stdout, done.stdout


def test_kubernetes_knows_what_is_rendered(place):
    """kubeconform by Kubernetes' own schemas, without asking anybody; and what the core suite judges by is cut from these."""
    swagger = cluster.WORK / "swagger.json"
    if not swagger.exists():
        raise Skipped("there are no schemas: tests/k8s/cluster/cluster.sh build brings them")
    assert schemas.cut(json.loads(swagger.read_text())) == json.loads(schemas.PATH.read_text()), f"tests/k8s/schemas.py {swagger}"
    (place / "schemas").mkdir()
    schemas.for_kubeconform(place / "schemas")
    options = ("--set=cni.enabled=true,networkPolicy.enabled=true,networkPolicy.apiServers[0]=10.0.0.0/28", *MONITORING)
    texts = [render(), render(*options), (ROOT / "k8s/manifests/epaulet.yaml").read_text()]
    for number, text in enumerate(texts):
        done = kubeconform(place, text)
        assert done.returncode == 0 and "Invalid: 0, Errors: 0" in done.stdout, done.stdout + done.stderr
        assert number != 0 or "Skipped: 0" in done.stdout, done.stdout
    spoilt = texts[0].replace("imagePullPolicy:", "imagePullpolicy:")
    done = kubeconform(place, spoilt)
    assert done.returncode != 0 and "imagePullpolicy" in done.stdout, done.stdout


def kubeconform(place, text):
    path = cluster.WORK / "bin/kubeconform"
    if not path.exists():
        raise Skipped("there is no kubeconform: tests/k8s/cluster/cluster.sh build makes it")
    where = f"{place}/schemas/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    return subprocess.run([path, "-strict", "-summary", "-skip", "PodMonitor,PrometheusRule,Certificate", "-schema-location", where], input=text,
                          capture_output=True, text=True)


def test_the_plain_manifests_are_the_charts():
    """k8s/manifests/epaulet.yaml is what the chart renders: `tests/k8s/static_helm.py` writes it anew."""
    assert plain() == PLAIN.read_text()


def plain():
    text = render("--set=injector.certificate.mode=existing,injector.certificate.secret=epaulet-injector-certificate",
                  "--set=injector.certificate.caBundle=TEFURVI=")  # which ca-bundle.yaml says
    kept = [line for line in text.splitlines()
            if not line.startswith("# Source:") and "helm.sh/chart" not in line and "caBundle:" not in line]
    return "\n".join(kept).replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kustomize") + "\n"


if __name__ == "__main__":
    PLAIN.write_text(plain())

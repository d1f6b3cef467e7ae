"""The Helm chart and the plain manifests, rendered and looked at; `tests/k8s/cluster/cluster.sh build` makes helm.
Without helm nothing is proved, and the tests say skipped; `./dev test` leaves these to `./dev test k8s`."""
import json
import pathlib
import subprocess

import cluster

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "k8s/chart"
KUBERNETES = "1.34.4"
MONITORING = [f"--set=monitoring.{one}.enabled=true" for one in ("podMonitor", "prometheusRule", "dashboard")]


class Skipped(Exception):
    pass


def helm(*arguments):
    path = cluster.WORK / "bin/helm"
    if not path.exists():
        raise Skipped("there is no helm: tests/k8s/cluster/cluster.sh build makes it")
    return subprocess.run([path, *arguments], capture_output=True, text=True)


def render(*options):
    done = helm("template", "epaulet", CHART, "-n", "epaulet-system", "--kube-version", KUBERNETES, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def objects(text):
    """As JSON, by kubectl, which reads YAML as the API server does and asks nobody."""
    done = subprocess.run([cluster.WORK / "bin/kubectl", "patch", "--local", "--type=merge", "-p", "{}", "-f", "-", "-o", "json"],
                          input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(done.stdout.rstrip()):
        one, end = decoder.raw_decode(done.stdout[at:].lstrip())
        at += len(done.stdout[at:]) - len(done.stdout[at:].lstrip()) + end
        found.append(one)
    return found


def of_kind(found, kind):
    return [one for one in found if one["kind"] == kind]


def refused(*options):
    done = helm("template", "epaulet", CHART, "--kube-version", KUBERNETES, *options)
    assert done.returncode != 0, "it renders"
    return done.stderr


def test_lint():
    done = helm("lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rights_are_as_small_as_they_can_be():
    found = objects(render())
    rules = {role["metadata"]["name"]: role["rules"] for role in of_kind(found, "ClusterRole")}
    read = ["list", "watch"]
    assert rules == {
        "epaulet-identity": [{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}],
        "epaulet-directory": [{"apiGroups": [""], "resources": ["services", "pods"], "verbs": read},
                              {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
                              {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes", "grpcroutes"], "verbs": read},
                              {"apiGroups": ["gateway.networking.k8s.io"], "verbs": ["patch"],
                               "resources": ["httproutes/status", "grpcroutes/status"]},
                              {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}]}
    bound = {one["metadata"]["name"]: (one["roleRef"]["name"], [who["name"] for who in one["subjects"]])
             for one in of_kind(found, "ClusterRoleBinding")}
    assert bound == {name: (name, [name]) for name in rules}
    assert not of_kind(found, "Role"), "no other rights"
    for account in of_kind(found, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    for deployment in of_kind(found, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsUser"] == 1337
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                "capabilities": {"drop": ["ALL"]}}
    without = objects(render("--set=directory.enabled=false"))
    assert [role["metadata"]["name"] for role in of_kind(without, "ClusterRole")] == ["epaulet-identity"]
    assert "epaulet-directory" not in json.dumps(without)
    # The injector shows roots to pods; it has no key of the CA.
    (injector,) = [one for one in of_kind(found, "Deployment") if one["metadata"]["name"] == "epaulet-injector"]
    (roots,) = [one for one in injector["spec"]["template"]["spec"]["volumes"] if one["name"] == "roots"]
    assert [item["key"] for item in roots["secret"]["items"]] == ["ca.pem"]


def test_a_cni_plugin_takes_the_place_of_privileged_containers():
    assert "epaulet-cni" not in render()
    found = objects(render("--set=cni.enabled=true,cni.binDir=/home/cni/bin"))
    (role,) = of_kind(found, "Role")
    assert role["rules"] == [{"apiGroups": ["apps"], "resources": ["daemonsets"], "resourceNames": ["epaulet-cni"],
                              "verbs": ["get"]}]
    (daemon,) = of_kind(found, "DaemonSet")
    pod = daemon["spec"]["template"]["spec"]
    assert pod["hostNetwork"] is True, "else it starts by way of the plugin, and cannot mend it"
    assert "hostPID" not in pod and "ports" not in pod["containers"][0] and pod["tolerations"] == [{"operator": "Exists"}]
    (container,) = pod["containers"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}}
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}
    paths = [one["hostPath"]["path"] for one in pod["volumes"] if "hostPath" in one]
    assert paths == ["/home/cni/bin", "/etc/cni/net.d"], paths
    (injector,) = [one for one in of_kind(found, "Deployment") if one["metadata"]["name"] == "epaulet-injector"]
    assert "--redirect=cni" in injector["spec"]["template"]["spec"]["containers"][0]["args"]


def test_the_webhook_fails_closed_and_leaves_the_system_alone():
    (webhooks,) = of_kind(objects(render()), "MutatingWebhookConfiguration")
    assert len(webhooks["webhooks"]) == 2
    for webhook in webhooks["webhooks"]:
        assert webhook["failurePolicy"] == "Fail" and webhook["reinvocationPolicy"] == "IfNeeded"
        assert webhook["clientConfig"]["caBundle"]
        excluded = webhook["namespaceSelector"]["matchExpressions"][0]
        assert excluded["operator"] == "NotIn"
        assert {"kube-system", "epaulet-system"} <= set(excluded["values"])


def test_the_generated_certificate_is_the_services(place):
    import base64
    found = objects(render())
    (secret,) = of_kind(found, "Secret")
    (place / "ca").write_bytes(base64.b64decode(secret["data"]["ca.crt"]))
    (place / "crt").write_bytes(base64.b64decode(secret["data"]["tls.crt"]))
    done = subprocess.run(["openssl", "verify", "-CAfile", place / "ca", "-verify_hostname",
                           "epaulet-injector.epaulet-system.svc", place / "crt"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_other_certificates():
    existing = objects(render("--set=injector.certificate.mode=existing,injector.certificate.secret=mine",
                              "--set=injector.certificate.caBundle=TUlORQ=="))
    assert not of_kind(existing, "Secret")
    (webhooks,) = of_kind(existing, "MutatingWebhookConfiguration")
    assert webhooks["webhooks"][0]["clientConfig"]["caBundle"] == "TUlORQ=="
    assert "name the Secret" in refused("--set=injector.certificate.mode=existing")
    assert "no pod is created" in refused("--set=injector.certificate.mode=existing,injector.certificate.secret=mine")
    assert "name the issuer" in refused("--set=injector.certificate.mode=certManager")
    manager = render("--set=injector.certificate.mode=certManager,injector.certificate.issuerRef.name=ours")
    assert "cert-manager.io/inject-ca-from: epaulet-system/epaulet-injector" in manager and "kind: Certificate" in manager


def test_wrong_values_are_refused():
    for option, word in (("injector.failurePolicy=Maybe", "failurePolicy"), ("identity.replicas=0", "replicas"), ("directory.replicas=0", "replicas"),
                         ("proxy.memoryLimit=lots", "memoryLimit"), ("trustdomain=x", "trustdomain"),
                         ("identity.leafLifetime=1", "leafLifetime"), ("cni.binDir=bin", "binDir"),
                         ("identity.tokenAudience=true", "tokenAudience"), ("identity.tokenAudience=a: b", "tokenAudience"),
                         ("identity.tokenAudience=x #y", "tokenAudience"), ("injector.timeoutSeconds=11", "timeoutSeconds"),
                         ("monitoring.podMonitor.interval=yes", "interval"), ("image.digest=latest", "digest"),
                         ("proxy.imagePullSecrets[0].name=A B", "imagePullSecrets"), ("networkPolicy.apiServers[0]=here", "apiServers")):
        assert word in refused(f"--set={option}"), option


def test_images_by_digest_and_from_registries_that_ask_who_pulls():
    digest = "sha256:" + "0" * 64
    found = objects(render(f"--set=image.repository=r.example/epaulet,image.digest={digest}", "--set=proxy.imagePullSecrets[0].name=pull"))
    images = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in of_kind(found, "Deployment")}
    assert images == {f"r.example/epaulet@{digest}"}, images
    (injector,) = [one for one in of_kind(found, "Deployment") if one["metadata"]["name"] == "epaulet-injector"]
    arguments = injector["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--image=r.example/epaulet@{digest}" in arguments and "--image-pull-secret=pull" in arguments, arguments


def test_a_network_policy_keeps_strangers_out():
    assert not of_kind(objects(render()), "NetworkPolicy")
    found = of_kind(objects(render("--set=networkPolicy.enabled=true")), "NetworkPolicy")
    assert [one["metadata"]["name"] for one in found] == ["epaulet-identity", "epaulet-directory"], found
    for one in found:
        mesh, everybody = one["spec"]["ingress"]
        assert mesh["ports"] == [{"port": "https"}] and everybody == {"ports": [{"port": "status"}]}, one
        assert mesh["from"][0] == {"namespaceSelector": {}, "podSelector": {"matchLabels": {"epaulet.io/meshed": "true"}}}, mesh
    some = of_kind(objects(render("--set=networkPolicy.enabled=true,networkPolicy.apiServers[0]=10.0.0.0/28,directory.enabled=false")),
                   "NetworkPolicy")
    assert [one["metadata"]["name"] for one in some] == ["epaulet-identity", "epaulet-injector"], some
    assert some[1]["spec"]["ingress"][0]["from"] == [{"ipBlock": {"cidr": "10.0.0.0/28"}}]


def test_the_manifests_give_sidecars_the_image_that_is_chosen(place):
    import shutil
    shutil.copytree(ROOT / "k8s/manifests", place / "manifests")
    path = place / "manifests/kustomization.yaml"
    path.write_text(path.read_text().replace("newName: epaulet", "newName: r.example/epaulet").replace("newTag: 0.1.0", "newTag: chosen"))
    done = subprocess.run([cluster.WORK / "bin/kubectl", "kustomize", path.parent], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("r.example/epaulet:chosen") == 4 and "epaulet:0.1.0" not in done.stdout, done.stdout


def test_what_the_injector_is_told_it_takes(binaries):
    """Every argument that the chart makes is one of the program's."""
    options = "--set=cni.enabled=true,proxy.cpuLimit=2,proxy.imagePullSecrets[0].name=pull"
    for deployment in of_kind(objects(render(options)), "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        name = container["command"][0].rsplit("/", 1)[1]
        program = {"epaulet-injector": "k8s/injector/epaulet-injector", "epaulet-certs": "certs-tool/epaulet-certs",
                   "epaulet-directory": "k8s/directory/epaulet-directory"}[name]
        told = subprocess.run([binaries / program, *container["args"]], capture_output=True, text=True, timeout=10)
        # It gets as far as the files, which are not here.
        assert "remedy" in told.stderr and "--help" not in told.stderr, told.stderr
    (daemon,) = of_kind(objects(render("--set=cni.enabled=true")), "DaemonSet")
    (container,) = daemon["spec"]["template"]["spec"]["containers"]
    told = subprocess.run([binaries / "k8s/cni/epaulet-cni", *container["args"], "--plugins", "/dev/null/none"],
                          capture_output=True, text=True, timeout=10)
    assert told.returncode == 1 and "files_missing" in told.stderr, told


def test_the_dashboard_and_the_rules_ask_for_metrics_that_exist():
    import re
    text = render(*MONITORING)
    known = "".join(path.read_text() for folder in ("proxy", "certs-tool", "k8s/injector", "k8s/directory")
                    for path in (ROOT / folder).rglob("*.cc"))
    asked = set(re.findall(r"\bepaulet_[a-z_]+", text))
    assert len(asked) > 8, asked
    missing = [name for name in asked if re.sub("_bucket$", "", name) not in known]
    assert not missing, missing


def test_the_plain_manifests_are_the_charts():
    """k8s/manifests/epaulet.yaml is what the chart renders: `tests/k8s/static_chart.py` writes it anew."""
    assert plain() == (ROOT / "k8s/manifests/epaulet.yaml").read_text()


def plain():
    text = render("--set=injector.certificate.mode=existing,injector.certificate.secret=epaulet-injector-certificate",
                  "--set=injector.certificate.caBundle=TEFURVI=")  # which ca-bundle.yaml says
    kept = [line for line in text.splitlines()
            if not line.startswith("# Source:") and "helm.sh/chart" not in line and "caBundle:" not in line]
    return "\n".join(kept).replace("app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kustomize") + "\n"


if __name__ == "__main__":
    (ROOT / "k8s/manifests/epaulet.yaml").write_text(plain())

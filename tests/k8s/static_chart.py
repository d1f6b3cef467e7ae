"""The Helm chart as helm renders it, by what chart_recording.py has kept of that: without helm."""
import json
import pathlib
import re
import subprocess

from chart_recording import RECORDING

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONITORING = [f"--set=monitoring.{one}.enabled=true" for one in ("podMonitor", "prometheusRule", "dashboard")]
rendered, refused = RECORDING.rendered, RECORDING.refused


def of_kind(found, kind):
    return [one for one in found if one["kind"] == kind]


def test_rights_are_as_small_as_they_can_be():
    found = rendered()
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
    without = rendered("--set=directory.enabled=false")
    assert [role["metadata"]["name"] for role in of_kind(without, "ClusterRole")] == ["epaulet-identity"]
    assert "epaulet-directory" not in json.dumps(without)
    # The injector shows roots to pods; it has no key of the CA.
    (injector,) = [one for one in of_kind(found, "Deployment") if one["metadata"]["name"] == "epaulet-injector"]
    (roots,) = [one for one in injector["spec"]["template"]["spec"]["volumes"] if one["name"] == "roots"]
    assert [item["key"] for item in roots["secret"]["items"]] == ["ca.pem"]


def test_a_cni_plugin_takes_the_place_of_privileged_containers():
    assert "epaulet-cni" not in json.dumps(rendered())
    found = rendered("--set=cni.enabled=true,cni.binDir=/home/cni/bin")
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
    (webhooks,) = of_kind(rendered(), "MutatingWebhookConfiguration")
    assert len(webhooks["webhooks"]) == 2
    for webhook in webhooks["webhooks"]:
        assert webhook["failurePolicy"] == "Fail" and webhook["reinvocationPolicy"] == "IfNeeded"
        assert webhook["clientConfig"]["caBundle"] == "GENERATED"
        excluded = webhook["namespaceSelector"]["matchExpressions"][0]
        assert excluded["operator"] == "NotIn"
        assert {"kube-system", "epaulet-system"} <= set(excluded["values"])


def test_other_certificates():
    existing = rendered("--set=injector.certificate.mode=existing,injector.certificate.secret=mine",
                              "--set=injector.certificate.caBundle=TUlORQ==")
    assert not of_kind(existing, "Secret")
    (webhooks,) = of_kind(existing, "MutatingWebhookConfiguration")
    assert webhooks["webhooks"][0]["clientConfig"]["caBundle"] == "TUlORQ=="
    assert "name the Secret" in refused("--set=injector.certificate.mode=existing")
    assert "no pod is created" in refused("--set=injector.certificate.mode=existing,injector.certificate.secret=mine")
    assert "name the issuer" in refused("--set=injector.certificate.mode=certManager")
    manager = rendered("--set=injector.certificate.mode=certManager,injector.certificate.issuerRef.name=ours")
    (webhooks,) = of_kind(manager, "MutatingWebhookConfiguration")
    assert webhooks["metadata"]["annotations"]["cert-manager.io/inject-ca-from"] == "epaulet-system/epaulet-injector"
    assert of_kind(manager, "Certificate")[0]["spec"]["dnsNames"] == ["epaulet-injector.epaulet-system.svc"]


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
    found = rendered(f"--set=image.repository=r.example/epaulet,image.digest={digest}", "--set=proxy.imagePullSecrets[0].name=pull")
    images = {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in of_kind(found, "Deployment")}
    assert images == {f"r.example/epaulet@{digest}"}, images
    (injector,) = [one for one in of_kind(found, "Deployment") if one["metadata"]["name"] == "epaulet-injector"]
    arguments = injector["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--image=r.example/epaulet@{digest}" in arguments and "--image-pull-secret=pull" in arguments, arguments


def test_a_network_policy_keeps_strangers_out():
    assert not of_kind(rendered(), "NetworkPolicy")
    found = of_kind(rendered("--set=networkPolicy.enabled=true"), "NetworkPolicy")
    assert [one["metadata"]["name"] for one in found] == ["epaulet-identity", "epaulet-directory"], found
    for one in found:
        mesh, everybody = one["spec"]["ingress"]
        assert mesh["ports"] == [{"port": "https"}] and everybody == {"ports": [{"port": "status"}]}, one
        assert mesh["from"][0] == {"namespaceSelector": {}, "podSelector": {"matchLabels": {"epaulet.io/meshed": "true"}}}, mesh
    some = of_kind(rendered("--set=networkPolicy.enabled=true,networkPolicy.apiServers[0]=10.0.0.0/28,directory.enabled=false"),
                   "NetworkPolicy")
    assert [one["metadata"]["name"] for one in some] == ["epaulet-identity", "epaulet-injector"], some
    assert some[1]["spec"]["ingress"][0]["from"] == [{"ipBlock": {"cidr": "10.0.0.0/28"}}]


def test_the_meshs_configuration_is_a_file_of_the_injectors():
    assert "epaulet-mesh" not in json.dumps(rendered())
    found = rendered("--set=proxy.config=egress: deny")
    (config,) = [one for one in of_kind(found, "ConfigMap") if one["metadata"]["name"] == "epaulet-mesh"]
    assert config["data"] == {"mesh.yaml": "egress: deny"}
    (injector,) = [one for one in of_kind(found, "Deployment") if one["metadata"]["name"] == "epaulet-injector"]
    pod = injector["spec"]["template"]["spec"]
    assert "--mesh-config=/etc/epaulet-injector/mesh/mesh.yaml" in pod["containers"][0]["args"]
    assert {"name": "mesh", "configMap": {"name": "epaulet-mesh"}} in pod["volumes"]
    assert {"name": "mesh", "mountPath": "/etc/epaulet-injector/mesh", "readOnly": True} in pod["containers"][0]["volumeMounts"]
    assert "config" in refused("--set=proxy.config=7")


def asked_with_programs():
    return rendered("--set=cni.enabled=true,proxy.cpuLimit=2,proxy.imagePullSecrets[0].name=pull,proxy.config=egress: deny"), rendered("--set=cni.enabled=true")


def test_what_the_injector_is_told_it_takes(binaries):
    """Every argument that the chart makes is one of the program's."""
    programs, cni = asked_with_programs()
    for deployment in of_kind(programs, "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        name = container["command"][0].rsplit("/", 1)[1]
        program = {"epaulet-injector": "k8s/injector/epaulet-injector", "epaulet-certs": "certs-tool/epaulet-certs",
                   "epaulet-directory": "k8s/directory/epaulet-directory"}[name]
        told = subprocess.run([binaries / program, *container["args"]], capture_output=True, text=True, timeout=10)
        # It gets as far as the files, which are not here.
        assert "remedy" in told.stderr and "--help" not in told.stderr, told.stderr
    (daemon,) = of_kind(cni, "DaemonSet")
    (container,) = daemon["spec"]["template"]["spec"]["containers"]
    told = subprocess.run([binaries / "k8s/cni/epaulet-cni", *container["args"], "--plugins", "/dev/null/none"],
                          capture_output=True, text=True, timeout=10)
    assert told.returncode == 1 and "files_missing" in told.stderr, told


def test_the_dashboard_and_the_rules_ask_for_metrics_that_exist():
    text = json.dumps(rendered(*MONITORING))
    known = "".join(path.read_text() for folder in ("proxy", "certs-tool", "k8s/injector", "k8s/directory")
                    for path in (ROOT / folder).rglob("*.cc"))
    asked = set(re.findall(r"\bepaulet_[a-z_]+", text))
    assert len(asked) > 8, asked
    missing = [name for name in asked if re.sub("_bucket$", "", name) not in known]
    assert not missing, missing


def test_all_that_is_rendered_is_what_kubernetes_knows():
    """By Kubernetes' own schemas, cut down to what we use: kinds, members, types and what is required."""
    from schemas import Schemas

    schemas = Schemas()
    seen = set()
    for one in RECORDING.document["objects"]:
        if not schemas.knows(one):
            assert one["apiVersion"] in ("cert-manager.io/v1", "monitoring.coreos.com/v1"), one["apiVersion"]
            continue
        assert not schemas.complaints(one), (one["kind"], one["metadata"]["name"], schemas.complaints(one))
        seen.add(one["kind"])
    assert {"Deployment", "DaemonSet", "MutatingWebhookConfiguration", "NetworkPolicy", "ClusterRole"} <= seen, seen


def test_what_the_injector_makes_of_a_pod_is_what_kubernetes_knows():
    """Its recorded answers, applied to the pods that they are for."""
    from schemas import Schemas

    reviews = ROOT / "tests/unit/injector/reviews"
    schemas = Schemas()
    count = 0
    for path in sorted(reviews.glob("*.answer.json")):
        pod = json.loads(path.with_name(path.name.replace("answer", "review")).read_text())["request"]["object"]
        for step in json.loads(path.read_text())["patch"]:
            _apply(pod, step)
            count += 1
        assert not schemas.complaints(pod), (path.name, schemas.complaints(pod))
    assert count > 20


def _apply(document, step):
    """RFC 6902 as far as the injector uses it."""
    *way, last = [one.replace("~1", "/").replace("~0", "~") for one in step["path"].split("/")[1:]]
    for one in way:
        document = document[int(one)] if isinstance(document, list) else document[one]
    if step["op"] == "remove":
        del document[last]
    else:
        document[int(last) if isinstance(document, list) else last] = step["value"]


def test_schemas_find_what_is_wrong():
    from schemas import Schemas

    schemas = Schemas()
    (deployment,) = [one for one in rendered() if one["kind"] == "Deployment" and one["metadata"]["name"] == "epaulet-injector"]
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    assert not schemas.complaints(deployment)
    for wrong, word in (({"imagePullpolicy": "Never"}, "imagePullpolicy"), ({"args": "serve"}, "args"), ({"ports": [{"containerPort": "80"}]}, "containerPort"),
                        ({"resources": {"limits": {"cpu": True}}}, "cpu"), ({"env": [{"value": "x"}]}, "name")):
        spoilt = json.loads(json.dumps(deployment))
        spoilt["spec"]["template"]["spec"]["containers"] = [{**container, **wrong}]
        said = schemas.complaints(spoilt)
        assert len(said) == 1 and word in said[0], (wrong, said)

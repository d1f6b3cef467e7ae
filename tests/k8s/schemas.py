#!/usr/bin/env python3
"""Objects of Kubernetes by its own schemas: kinds, members, types, and what is required.

    tests/k8s/schemas.py SWAGGER      cuts api/openapi-spec/swagger.json of Kubernetes down to the kinds that we write

What is cut stands in schemas.json; `static_helm.py`, in the k8s suite, cuts again and compares, and asks kubeconform.
"""
import json
import pathlib
import sys

PATH = pathlib.Path(__file__).with_suffix(".json")
KINDS = {("v1", "Pod"), ("v1", "Secret"), ("v1", "Service"), ("v1", "ServiceAccount"), ("v1", "ConfigMap"), ("v1", "Namespace"),
         ("apps/v1", "Deployment"), ("apps/v1", "DaemonSet"), ("policy/v1", "PodDisruptionBudget"),
         ("networking.k8s.io/v1", "NetworkPolicy"), ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
         ("rbac.authorization.k8s.io/v1", "ClusterRole"), ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
         ("rbac.authorization.k8s.io/v1", "Role"), ("rbac.authorization.k8s.io/v1", "RoleBinding")}
REFERENCE = "#/definitions/"
KEPT = ("type", "format", "required", "items", "properties", "additionalProperties", "$ref")


def names_of(definition):
    for each in definition.get("x-kubernetes-group-version-kind", []):
        yield "/".join(filter(None, (each["group"], each["version"]))), each["kind"]


def stripped(schema):
    """Without descriptions and hints. A member may be called as a keyword is."""
    made = {}
    for key in KEPT:
        if key not in schema:
            continue
        value = schema[key]
        if key == "properties":
            value = {name: stripped(member) for name, member in value.items()}
        elif isinstance(value, dict):
            value = stripped(value)
        made[key] = value
    return made


def references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(REFERENCE)
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def cut(swagger):
    """{"version", "kinds": {"apiVersion kind": name}, "definitions": {name: schema}}: the kinds, and what they lead to."""
    kinds = {}
    for name, definition in swagger["definitions"].items():
        for one in names_of(definition):
            if one in KINDS:
                kinds[" ".join(one)] = name
    assert len(kinds) == len(KINDS), KINDS - {tuple(one.split()) for one in kinds}
    definitions, waiting = {}, sorted(kinds.values())
    while waiting:
        name = waiting.pop()
        if name not in definitions:
            definitions[name] = stripped(swagger["definitions"][name])
            waiting += references(definitions[name])
    return {"version": swagger["info"]["version"], "kinds": dict(sorted(kinds.items())), "definitions": dict(sorted(definitions.items()))}


class Schemas:
    def __init__(self):
        self.document = json.loads(PATH.read_text())

    def knows(self, one):
        return f"{one['apiVersion']} {one['kind']}" in self.document["kinds"]

    def complaints(self, one):
        return list(self.look(one, {"$ref": REFERENCE + self.document["kinds"][f"{one['apiVersion']} {one['kind']}"]}, ""))

    def look(self, value, schema, path):
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(REFERENCE)
            if name.endswith(".resource.Quantity"):
                return (yield from self.expect(value, (str, int, float), "a quantity", path))
            return (yield from self.look(value, self.document["definitions"][name], path))
        if schema.get("format") == "int-or-string":
            return (yield from self.expect(value, (str, int), "a number or a text", path))
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            yield from self.look_into(value, schema, path)
        elif kind == "array":
            yield from self.expect(value, (list,), "a list", path)
            for index, item in enumerate(value if isinstance(value, list) else []):
                yield from self.look(item, schema["items"], f"{path}[{index}]")
        elif kind is not None:
            types = {"string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}[kind]
            yield from self.expect(value, types, f"a {kind}", path)

    def look_into(self, value, schema, path):
        if not isinstance(value, dict):
            yield f"{path}: expected an object; found {value!r}"
            return
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name in schema.get("required", []):
            if name not in value:
                yield f"{path}: {name} is missing"
        for name, member in value.items():
            if name in properties:
                if member is not None:  # null stands for "absent"
                    yield from self.look(member, properties[name], f"{path}.{name}")
            elif others:
                yield from self.look(member, others, f"{path}.{name}")
            elif properties:
                yield f"{path}.{name}: there is no such member"

    @staticmethod
    def expect(value, types, words, path):
        if not isinstance(value, types) or isinstance(value, bool) and bool not in types:
            yield f"{path}: expected {words}; found {value!r}"


def for_kubeconform(folder):
    """A schema for each kind, named as kubeconform looks for them, strict as ours."""
    document = json.loads(PATH.read_text())

    def turned(schema):
        if isinstance(schema, list):
            return [turned(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        if str(schema.get("$ref", "")).endswith(".resource.Quantity"):
            return {"oneOf": [{"type": "string"}, {"type": "number"}]}
        if schema.get("format") == "int-or-string":
            return {"oneOf": [{"type": "string"}, {"type": "integer"}]}
        made = {key: turned(value) for key, value in schema.items() if not (key == "format" and isinstance(value, str))}
        if isinstance(made.get("properties"), dict) and "additionalProperties" not in made and isinstance(made.get("type", ""), str):
            made["additionalProperties"] = False
        return made

    for key, name in document["kinds"].items():
        version, kind = key.split()
        group = version.split("/")[0].split(".")[0] + "-" if "/" in version else ""
        schema = {"$ref": REFERENCE + name, "definitions": turned(document["definitions"])}
        (folder / f"{kind.lower()}-{group}{version.split('/')[-1]}.json").write_text(json.dumps(schema))


if __name__ == "__main__":
    made = cut(json.loads(pathlib.Path(sys.argv[1]).read_text()))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(schema)}" for name, schema in made["definitions"].items())
    PATH.write_text(json.dumps({key: made[key] for key in ("version", "kinds")}, indent=1)[:-2] + ',\n "definitions": {\n' + lines + "\n}}\n")
    print(f"{len(made['kinds'])} kinds, {len(made['definitions'])} definitions, {PATH.stat().st_size} bytes")

#!/usr/bin/env python3
"""Makes the image of epaulet without a container engine: an archive that `docker load`, `podman load`,
`ctr images import` and `skopeo` read.

    k8s/image/build.py --bin build/release --out epaulet.tar [--tag registry.example/epaulet:0.1.0]

One layer: our programs, `nft` and `iptables` for `epaulet redirect install`, the libraries that they
need, and nothing else: no shell, no package manager. User 1337. The same files give the same bytes.
"""
import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

PROGRAMS = ("proxy/epaulet", "certs-tool/epaulet-certs", "k8s/injector/epaulet-injector",
            "k8s/directory/epaulet-directory", "k8s/doctor/epaulet-doctor", "k8s/cni/epaulet-cni",
            "k8s/cni/epaulet-cni-launcher")
TOOLS = ["/usr/sbin/nft", "/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi"]
LINKS = {"iptables": "xtables-nft-multi", "ip6tables": "xtables-nft-multi"}
for _command in ("iptables", "ip6tables"):
    for _suffix in ("", "-save", "-restore"):
        for _kind in ("nft", "legacy"):
            LINKS[f"{_command}-{_kind}{_suffix}"] = f"xtables-{_kind}-multi"
        LINKS[f"{_command}{_suffix}"] = "xtables-nft-multi"
EXTENSIONS = "xtables"  # a folder of modules beside the libraries, for iptables
UID = 1337


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def libraries(binary):
    """None of a program that is linked statically, which is an error to ldd."""
    said = subprocess.run(["ldd", str(binary)], capture_output=True, text=True)
    if said.returncode != 0 and "not a dynamic executable" not in said.stderr:
        sys.exit(f"build.py: ldd {binary}: {said.stderr}")
    return [pathlib.Path(found) for found in re.findall(r"(/\S+) \(0x", said.stdout)]


def copy(source, root, target, mode):
    to = root / target.lstrip("/")
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(os.path.realpath(source), to)
    to.chmod(mode)
    return to


def fill(root, binaries, strip, programs=PROGRAMS):
    for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "tmp", "var/run/epaulet"):
        (root / folder).mkdir(parents=True)
    for link, target in (("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")):
        (root / link).symlink_to(target)
    made = [copy(binaries / path, root, f"/usr/local/bin/{pathlib.Path(path).name}", 0o755) for path in programs]
    if strip:
        for program in made:
            run("strip", "--strip-unneeded", str(program))
    made += [copy(tool, root, tool, 0o755) for tool in TOOLS if os.path.exists(tool)]
    for name, target in LINKS.items():
        (root / "usr/sbin" / name).symlink_to(target)
    needed = {library for program in made for library in libraries(program)}
    for library in sorted(needed):
        place = str(library)
        place = "/usr" + place if place.startswith("/lib") else place
        copy(library, root, place, 0o755)
        modules = pathlib.Path(place).parent / EXTENSIONS
        if "libxtables" in library.name and modules.is_dir():
            for module in sorted(modules.iterdir()):
                copy(module, root, str(module), 0o644)
    (root / "etc/passwd").write_text(f"root:x:0:0::/:/none\nepaulet:x:{UID}:{UID}::/:/none\n")
    (root / "etc/group").write_text(f"root:x:0:\nepaulet:x:{UID}:\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    (root / "tmp").chmod(0o1777)


def layer_of(root):
    """Names sorted, no times, no owners, no umask: what is in it is all that counts."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            entry = archive.gettarinfo(path, name)
            entry.mtime = 0
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            if name == "tmp":
                entry.mode = 0o1777
            elif not entry.issym():
                entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            if entry.isfile():
                with open(path, "rb") as file:
                    archive.addfile(entry, file)
            else:
                archive.addfile(entry)
    return out.getvalue()


def put(archive, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def write_image(layer, tag, out, architecture, version):
    config = {
        "architecture": architecture, "os": "linux", "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": f"{UID}:{UID}", "Entrypoint": ["/usr/local/bin/epaulet"], "WorkingDir": "/",
            "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Labels": {"org.opencontainers.image.title": "epaulet", "org.opencontainers.image.version": version,
                       "org.opencontainers.image.licenses": "Apache-2.0"},
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "k8s/image/build.py"}],
    }
    text = json.dumps(config, sort_keys=True).encode()
    name = hashlib.sha256(text).hexdigest() + ".json"
    with tarfile.open(out, "w") as archive:
        put(archive, name, text)
        put(archive, "layer.tar", layer)
        put(archive, "manifest.json", json.dumps([{"Config": name, "RepoTags": [tag], "Layers": ["layer.tar"]}]).encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="build directory")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tag", default="epaulet:latest")
    parser.add_argument("--no-strip", dest="strip", action="store_false")
    arguments = parser.parse_args()
    missing = [path for path in PROGRAMS if not (arguments.bin / path).is_file()]
    if missing or not os.path.exists(TOOLS[0]):
        sys.exit(f"build.py: missing: {', '.join(missing) or TOOLS[0]}; build the programs, install nftables and iptables")
    version = run(str(arguments.bin / "proxy/epaulet"), "version").split()[-1]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        root.mkdir()
        fill(root, arguments.bin, arguments.strip)
        layer = layer_of(root)
    write_image(layer, arguments.tag, arguments.out, machine, version)
    print(f"{arguments.out}: {arguments.tag}, {len(layer) / 1e6:.1f} MB, {len(gzip.compress(layer, 6)) / 1e6:.1f} MB compressed")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Checks what a compiler does not: format, layers, forbidden calls, secrets. `--fix` formats.

Layers: each folder with a CMakeLists.txt that calls epaulet_library(NAME DEPENDENCY...) may include its own
headers and those of its dependencies, taken transitively, and nothing else.
"""
import pathlib
import re
import subprocess
import sys

import fuzz
import links

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE_FOLDERS = ("proxy", "config", "certs-tool", "tests", "benchmarks", "k8s")

# Which folders may include a third-party header; a lint of the design's section 3.
THIRD_PARTY = {
    r"boost/asio": {"proxy/runtime", "proxy/io"},
    r"yaml-cpp/": {"config"},
    r"openssl/": {"proxy/crypto", "proxy/tls"},
    r"prometheus/": {"proxy/telemetry"},
    r"ares\.h|ares_": {"proxy/dns"},
    r"re2/": {"proxy/regex"},
    r"nghttp2/": {"proxy/http/http2", "tests/sim"},  # There the other end, which must not share our code.
}
# Which folders may call something; the reason is in the message.
FORBIDDEN = (
    (r"(steady|system|high_resolution)_clock::now\(", {"proxy/runtime"},
     "only runtime/ reads the clock: take a TimePoint or ask the loop"),
    (r"std::random_device|\bgetrandom\(|\brand\(\)", {"proxy/runtime"},
     "only runtime/ draws entropy: take a Random"),
    (r"\bsleep_for\(|\busleep\(|\bnanosleep\(", set(), "nothing sleeps: wait for an event under a deadline"),
    (r"\bprintf\(.*(password|secret|token)", set(), "secrets are never printed"),
)
# Files that may break a rule, each with its reason.
EXEMPT = {
    # Tools that run once and are no part of a worker: they time their own probes with the real clock.
    "proxy/redirect": "clock",
    "certs-tool": "clock",
    "benchmarks": "clock",
    "tests": "clock",
}


def tracked():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout.split("\n")
    return [name for name in names if name and (ROOT / name).is_file()]


def folder_of(name):
    return str(pathlib.PurePosixPath(name).parent)


def check_format(files, fix):
    sources = [name for name in files if name.endswith((".cc", ".h"))]
    tool = "clang-format-14"
    if fix:
        subprocess.run([tool, "-i", *sources], cwd=ROOT, check=True)
        return []
    found = subprocess.run([tool, "--dry-run", "-Werror", *sources], cwd=ROOT, text=True, capture_output=True)
    places = sorted({line.split(": error:")[0] for line in found.stderr.split("\n") if ": error:" in line})
    by_file = {}
    for place in places:
        by_file.setdefault(place.split(":")[0], place)
    return [f"{place}: not formatted; ./dev lint --fix" for place in by_file.values()]


def libraries():
    """Folder -> (library name, direct dependencies)."""
    found = {}
    for listing in ROOT.glob("**/CMakeLists.txt"):
        relative = listing.parent.relative_to(ROOT).as_posix()
        if relative.startswith(("build", ".")):
            continue
        for call in re.finditer(r"^epaulet_library\(([^)]*)\)", listing.read_text(), re.M):
            words = call.group(1).split()
            found[relative] = (words[0], set(words[1:]))
    return found


def check_layers(files):
    by_folder = libraries()
    folder_by_library = {name: folder for folder, (name, _) in by_folder.items()}
    dependencies = {name: deps for name, deps in by_folder.values()}
    dependencies["settings"] = {"base"}

    def reachable(name, seen):
        for dependency in dependencies.get(name, set()):
            if dependency in dependencies and dependency not in seen:
                seen.add(dependency)
                reachable(dependency, seen)
        return seen

    problems = []
    for name in files:
        folder = folder_of(name)
        if folder not in by_folder or not name.endswith((".cc", ".h")) or name.endswith("/main.cc"):
            continue
        library = by_folder[folder][0]
        allowed = {folder} | {folder_by_library[d] for d in reachable(library, set()) if d in folder_by_library}
        for number, line in enumerate((ROOT / name).read_text().split("\n"), 1):
            include = re.match(r'#include "([^"]+)"', line)
            if not include:
                continue
            target = include.group(1)
            candidates = [f"proxy/{target}", target]
            path = next((c for c in candidates if (ROOT / c).is_file()), None)
            if path is None:
                problems.append(f"{name}:{number}: includes {target}, which is not in the repository")
            elif path.startswith("config/") and path.endswith("settings.h"):
                if "settings" not in reachable(library, set()) and library != "config":
                    problems.append(f"{name}:{number}: {library} does not link settings")
            elif folder_of(path) not in allowed:
                problems.append(f"{name}:{number}: {library} may not include {path}: not among its libraries")
    problems += cycles(dependencies)
    return problems


def cycles(dependencies):
    state, problems = {}, []

    def visit(name, path):
        if state.get(name) == "done" or name not in dependencies:
            return
        if state.get(name) == "open":
            problems.append("libraries depend on each other: " + " -> ".join([*path, name]))
            return
        state[name] = "open"
        for dependency in sorted(dependencies[name]):
            visit(dependency, [*path, name])
        state[name] = "done"

    for name in sorted(dependencies):
        visit(name, [])
    return problems


def check_calls(files):
    problems = []
    for name in files:
        if not name.endswith((".cc", ".h")) or not name.startswith(SOURCE_FOLDERS):
            continue
        folder = folder_of(name)
        exempt = any(folder == prefix or folder.startswith(prefix + "/") for prefix in EXEMPT)
        for number, line in enumerate((ROOT / name).read_text().split("\n"), 1):
            code = line.split("//")[0]
            for pattern, allowed in THIRD_PARTY.items():
                if re.search(rf"#include <({pattern})", line) and folder not in allowed \
                        and not folder.startswith(("tests", "benchmarks")):
                    problems.append(f"{name}:{number}: only {', '.join(sorted(allowed))} may include this")
            for pattern, allowed, why in FORBIDDEN:
                if re.search(pattern, code) and folder not in allowed and not exempt:
                    problems.append(f"{name}:{number}: {why}")
    return problems


def check_coroutines(files):
    """g++ 12 destroys, at the end of a switch, temporaries of await expressions in cases that did not run."""
    problems = []
    for name in files:
        if not name.endswith((".cc", ".h")):
            continue
        text = (ROOT / name).read_text()
        for switch in re.finditer(r"\bswitch \(", text):
            start = end = text.index("{", switch.end())
            depth = 0
            while end < len(text):
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
                if depth == 0:
                    break
            if "co_await" in text[start:end]:
                line = text.count("\n", 0, switch.start()) + 1
                problems.append(f"{name}:{line}: co_await in a switch: g++ 12 miscompiles it; use if")
    return problems


def check_secrets(files):
    problems = []
    for name in files:
        path = ROOT / name
        if path.stat().st_size > 1_000_000:
            problems.append(f"{name}: larger than 1 MB: generate it instead")
            continue
        data = path.read_bytes()
        # In corpora of the fuzzers a key may be asked for by name, but none is one.
        if re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}", data):
            problems.append(f"{name}: holds a private key")
        if name.endswith("package-lock.json") and b'"resolved"' in data:
            problems.append(f"{name}: names where packages were downloaded from; take \"resolved\" out")
    return problems


def check_top_level(files):
    allowed = {"CMakeLists.txt", "CMakePresets.json", "proxy", "config", "certs-tool", "k8s", "benchmarks", "tests",
               "README.md", "LICENSE", "SECURITY.md", "dev", ".ci"}
    tops = {name.split("/")[0] for name in files}
    return [f"{top}: the top level is fixed" for top in sorted(tops - allowed) if not top.startswith(".")]


def main():
    fix = "--fix" in sys.argv[1:]
    files = tracked()
    failed = 0
    checked = 0
    for title, problems in (("format", check_format(files, fix)), ("layers", check_layers(files)),
                            ("calls", check_calls(files)), ("coroutines", check_coroutines(files)),
                            ("documents", links.check()), ("fuzzing", fuzz.check()),
                            ("secrets", check_secrets(files)),
                            ("top level", check_top_level(files))):
        print(f"{'ok  ' if not problems else 'FAIL'} {title}")
        for problem in problems[:50]:
            print(f"     {problem}")
        checked += 1
        failed += bool(problems)
    print(f"lint: {checked - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

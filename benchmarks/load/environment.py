"""What a reader needs to judge a number: machine, kernel, commit, compiler, versions."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def describe(mode: str, bin_dir: pathlib.Path, proxy_core: int, load_cores: set[int]) -> dict:
    build = _build(bin_dir)
    return {
        "mode": mode,
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": _output("git", "-C", str(REPOSITORY), "rev-parse", "HEAD") or "unknown",
        "uncommitted_changes": bool(
            _output("git", "-C", str(REPOSITORY), "status", "--porcelain", "--untracked-files=no")
        ),
        "cpu": _first_match("/proc/cpuinfo", r"^model name\s*:\s*(.+)$"),
        "cores": os.cpu_count(),
        "proxy_core": proxy_core,
        "load_cores": ",".join(map(str, sorted(load_cores))),
        "hypervisor": (
            "yes"
            if re.search(r"\bhypervisor\b", pathlib.Path("/proc/cpuinfo").read_text())
            else "no"
        ),
        "memory_mib": int(_first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)") or 0) // 1024,
        "kernel": f"{platform.system()} {platform.release()} {platform.version()}",
        "system": _first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]+)'),
        "load_average_at_start": load_average(),
        "compiler": build.get("compiler", "unknown"),
        "build_type": build.get("CMAKE_BUILD_TYPE") or "unknown",
        "compiler_flags": build.get("flags", "unknown"),
    }


def load_average() -> float:
    return round(os.getloadavg()[0], 2)


def tool_versions(ghz: pathlib.Path | None) -> dict[str, str]:
    return {
        "wrk": _output("wrk", "-v", any_status=True).splitlines()[0],
        "h2load": _output("h2load", "--version") or "absent",
        "ghz": _output(str(ghz), "--version") if ghz else "not used",
        "nft": _output("nft", "--version"),
        "openssl": _output("openssl", "version"),
    }


def _build(bin_dir: pathlib.Path) -> dict[str, str]:
    """The compiler and its flags as CMake knows them."""
    for directory in (bin_dir, *bin_dir.parents[:3]):
        cache = directory / "CMakeCache.txt"
        if cache.is_file():
            break
    else:
        return {}
    values = dict(re.findall(r"^(CMAKE_[A-Z_]+):\w+=(.*)$", cache.read_text(), re.M))
    kind = values.get("CMAKE_BUILD_TYPE", "")
    names = ("CMAKE_CXX_FLAGS", f"CMAKE_CXX_FLAGS_{kind.upper()}")
    flags = " ".join(values.get(name, "") for name in names).strip()
    compiler = _output(values.get("CMAKE_CXX_COMPILER", "c++"), "--version", any_status=True)
    return {
        "CMAKE_BUILD_TYPE": kind,
        "flags": flags or "(none)",
        "compiler": compiler.splitlines()[0] if compiler else "unknown",
    }


def _output(*argv: str, any_status: bool = False) -> str:
    try:
        done = subprocess.run(argv, text=True, capture_output=True, timeout=10)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip() if any_status or done.returncode == 0 else ""


def _first_match(path: str, pattern: str) -> str:
    found = re.search(pattern, pathlib.Path(path).read_text(), re.M)
    return found.group(1).strip() if found else "unknown"

"""Becomes a process of a pod: `python3 -I -S enter.py '{json}'`, started by `Pod.start`.

A process of its own because a mount namespace and a change of user must happen between fork and
exec, where a threaded Python must not run code. The JSON names: `netns`, `run` (the pod's own
/run), `resolv_conf`, `binds` ([source, target] pairs, mounted read-only), `uid`, `cwd`, `env` and
`argv`.
"""

import errno
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kernel  # noqa: E402  (beside this file; -I keeps it off the path)


def give_resolv_conf(source: str, private_run: str) -> None:
    """Mounts `source` where /etc/resolv.conf leads.

    On many hosts that is a link into /run, of which the pod has its own: then the file goes there.
    """
    target = os.path.realpath("/etc/resolv.conf")
    if target.startswith("/run/"):
        copy = private_run + target[len("/run") :]
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open(source) as text, open(copy, "w") as file:
            file.write(text.read())
        return
    if not os.path.exists(target):
        raise SystemExit("lab: this machine has no /etc/resolv.conf to mount the pod's own over")
    kernel.bind(source, target, read_only=True)


def release_foreign_namespaces() -> None:
    """Drops the copies of other labs' namespaces, which would keep them alive as long as we run."""
    for point in kernel.mount_points():
        if point.startswith(f"{kernel.NETNS_DIR}/"):
            try:
                kernel.unmount(point)
            except OSError as error:
                # Its own lab was faster: with the mount alone, or with its file too.
                if error.errno not in (errno.EINVAL, errno.ENOENT):
                    raise


def main() -> None:
    want = json.loads(sys.argv[1])
    kernel.setns(want["netns"], kernel.CLONE_NEWNET)
    kernel.private_mounts()
    release_foreign_namespaces()
    give_resolv_conf(want["resolv_conf"], want["run"])
    kernel.bind(want["run"], "/run")
    for source, target in want["binds"]:
        kernel.bind(source, target, read_only=True)
    os.chdir(want["cwd"])
    if want["uid"] != 0:
        os.setgroups([])
        os.setresgid(want["uid"], want["uid"], want["uid"])
        os.setresuid(want["uid"], want["uid"], want["uid"])  # drops every capability with it
        kernel.forbid_new_privileges()
    try:
        os.execvpe(want["argv"][0], want["argv"], want["env"])
    except OSError as error:
        raise SystemExit(f"lab: cannot run {want['argv'][0]}: {error.strerror}")


main()

"""The few system calls Python 3.11 does not offer, and what a lab does with namespaces.

Nothing here calls `ip netns`: its `exec` and `-n` remount `/`, which fails in a bare root whose `/`
is no mount point, and its `add` leaves `/run/netns` mounted on itself.
"""

import ctypes
import os
import socket
import threading
from pathlib import Path

NETNS_DIR = Path("/run/netns")

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_RDONLY = 0x1
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2
PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Moves the calling thread into new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def setns(path: str | Path, kind: int) -> None:
    """Moves the calling thread into the namespace that the file stands for."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(fd, kind), f"setns {path}")
    finally:
        os.close(fd)


def mount(source: str | Path, target: str | Path, flags: int, kind: str = "") -> None:
    code = _libc.mount(
        str(source).encode(),
        str(target).encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        None,
    )
    _check(code, f"mount {source} on {target}")


def unmount(target: str | Path) -> None:
    """Lazily: the mount vanishes at once, what still holds it is released later."""
    _check(_libc.umount2(str(target).encode(), MNT_DETACH), f"umount {target}")


def forbid_new_privileges() -> None:
    """No exec after this one gives the process a capability it does not have."""
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def private_mounts() -> None:
    """Gives the process its own mount namespace from which nothing propagates.

    In a bare root `/` need not be a mount point and then cannot be made private itself. setns()
    into one's own mount namespace moves to its true root, which can; the descriptor leads back.
    """
    unshare(CLONE_NEWNS)
    here = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    setns("/proc/self/ns/mnt", CLONE_NEWNS)
    mount("none", "/", MS_REC | MS_PRIVATE)
    os.fchdir(here)
    os.chroot(".")
    os.close(here)


def bind(source: str | Path, target: str | Path, read_only: bool = False) -> None:
    mount(source, target, MS_BIND)
    if read_only:
        mount("none", target, MS_REMOUNT | MS_BIND | MS_RDONLY)


def interfaces() -> list[str]:
    """Those of our own namespace. Not from /sys, which a bare root need not have mounted."""
    return [name for _, name in socket.if_nameindex()]


def mount_points() -> list[str]:
    """Every mount point that this process sees, in the order they were mounted."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4].encode().decode("unicode_escape") for line in lines]


def _in_thread(work):
    """Runs `work` in a thread of its own, because namespaces belong to threads."""
    outcome = {}

    def body():
        try:
            outcome["value"] = work()
        except BaseException as error:  # handed to the caller, whatever it is
            outcome["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def create_netns(name: str) -> None:
    """Makes the network namespace `name`, visible to `ip netns list` and `nsenter --net=`."""
    NETNS_DIR.mkdir(mode=0o755, exist_ok=True)
    path = NETNS_DIR / name
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0))

    def make():
        unshare(CLONE_NEWNET)
        bind("/proc/thread-self/ns/net", path)

    try:
        _in_thread(make)
    except BaseException:
        path.unlink()
        raise


def delete_netns(name: str) -> None:
    """Unmounts and unlinks it; the kernel frees it when its last process and socket are gone."""
    path = NETNS_DIR / name
    try:
        unmount(path)
    except OSError:
        pass  # made but never mounted, or unmounted by hand
    path.unlink(missing_ok=True)


def in_netns(name: str, work):
    """Calls `work` in a thread inside the namespace. Sockets it returns stay in that namespace."""

    def body():
        setns(NETNS_DIR / name, CLONE_NEWNET)
        return work()

    return _in_thread(body)

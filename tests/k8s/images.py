"""Images for the tests, made from plain folders by k8s/image/build.py's means."""
import importlib.util
import pathlib
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

_spec = importlib.util.spec_from_file_location("image_build", ROOT / "k8s/image/build.py")
image = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(image)

# Reaps what a pod leaves behind, and holds its namespaces.
PAUSE = r"""
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int s) { (void)s; _exit(0); }
static void reap(int s) { (void)s; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(void) { signal(SIGINT, end); signal(SIGTERM, end); signal(SIGCHLD, reap); for (;;) pause(); }
"""


def write(name, root, out):
    image.write_image(image.layer_of(root), f"docker.io/local/{name}:test", out, "amd64", "test")


def epaulet(binaries, out):
    subprocess.run([ROOT / "k8s/image/build.py", "--bin", binaries, "--out", out, "--tag", "docker.io/local/epaulet:test"],
                   check=True, capture_output=True)


def pause(out):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        (root / "usr/local/bin").mkdir(parents=True)
        program = root / "usr/local/bin/epaulet"  # The entry point that write_image names.
        subprocess.run(["gcc", "-static", "-Os", "-s", "-o", program, "-x", "c", "-"], input=PAUSE.encode(), check=True)
        write("pause", root, out)


def program(name, path, out):
    """One program that needs no library."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        image.copy(path, root, f"/{name}", 0o755)
        write(name, root, out)


def node(modules, apps, out):
    """node, its libraries, and apps that find their modules by looking upwards."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder) / "root"
        (root / "usr/lib").mkdir(parents=True)
        (root / "usr/lib64").mkdir()
        (root / "tmp").mkdir(mode=0o777)
        for link in ("lib", "lib64"):
            (root / link).symlink_to(f"usr/{link}")
        binary = image.copy(shutil.which("node"), root, "/usr/bin/node", 0o755)
        for library in image.libraries(binary):
            place = str(library)
            image.copy(library, root, "/usr" + place if place.startswith("/lib") else place, 0o755)
        shutil.copytree(modules, root / "apps/node_modules", symlinks=True)
        for app in apps:
            shutil.copytree(app, root / "apps" / app.name)
        shutil.copy(ROOT / "tests/scenarios/record_requests.js", root / "apps/record_requests.js")
        write("node", root, out)

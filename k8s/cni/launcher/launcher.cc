// What the container runtime starts on the node as the CNI plugin `epaulet-cni`. It has no library
// of ours there, and neither `nft` nor `iptables` need be: beside it lie the files of our image,
// epaulet-cni.d/current. So it enters the pod's network, makes that folder its root, for itself
// alone, and becomes the plugin, which finds everything as in a container. It reads nothing of what
// it is given, and says in CNI's words what it cannot do; the pod is then not started.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr const char* kRoot = "epaulet-cni.d/current";
constexpr const char* kPlugin = "/usr/local/bin/epaulet-cni";
constexpr const char* kOwnNetwork = "/proc/self/ns/net";

/// Neither text holds what JSON would have to escape.
int fail(const char* what) {
  std::printf(R"({"cniVersion":"0.4.0","code":100,"msg":"epaulet-cni: %s: %s",)"
              R"("details":"remedy: is the pod of the DaemonSet epaulet-cni on this node ready?"})"
              "\n",
              what, std::strerror(errno));
  return 1;
}

/// The folder of this program: whatever the node calls it, the files are beside us.
bool enter_own_folder() {
  char path[4096];
  const auto size = readlink("/proc/self/exe", path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = 0;
  char* const end = std::strrchr(path, '/');
  if (end == nullptr || end == path) return false;
  *end = 0;
  return chdir(path) == 0;
}

bool enter_network(const char* path) {
  struct stat ours {};
  struct stat pods {};
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool is_in = stat(kOwnNetwork, &ours) == 0 && setns(fd, CLONE_NEWNET) == 0;
  const int error = errno;
  close(fd);
  errno = error;
  // The rules would be the node's.
  if (is_in && stat(kOwnNetwork, &pods) == 0 && pods.st_ino == ours.st_ino) {
    errno = EXDEV;
    is_in = false;
  }
  return is_in;
}

/// With a /proc and a /run of its own; both go when the plugin ends.
bool enter_root() {
  if (unshare(CLONE_NEWNS) != 0) return false;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  if (chdir(kRoot) != 0) return false;
  if (mount("/proc", "proc", nullptr, MS_BIND | MS_REC, nullptr) != 0) return false;
  if (mount("tmpfs", "run", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755") != 0) return false;
  return chroot(".") == 0 && chdir("/") == 0;
}

bool is(const char* text, const char* word) {
  return std::strcmp(text, word) == 0;
}

}  // namespace

int main() {
  const char* const given = std::getenv("CNI_COMMAND");
  const char* const command = given == nullptr ? "" : given;
  // A pod that ends takes its network with it: nothing is to be done, whatever is missing here.
  if (is(command, "DEL") || is(command, "GC")) return 0;
  if (!enter_own_folder()) return fail("its own folder cannot be entered");
  if (is(command, "ADD") || is(command, "CHECK")) {
    const char* const network = std::getenv("CNI_NETNS");
    errno = EINVAL;
    if (network == nullptr || !enter_network(network))
      return fail("the pod's network (CNI_NETNS) cannot be entered");
  }
  if (!enter_root()) return fail("its files, epaulet-cni.d beside it, cannot be entered");
  setenv("PATH", "/usr/sbin:/usr/bin", 1);
  setenv("XTABLES_LOCKFILE", "/run/xtables.lock", 1);
  char name[] = "epaulet-cni";
  char mode[] = "plugin";
  char* const arguments[] = {name, mode, nullptr};
  execv(kPlugin, arguments);
  return fail("the plugin cannot be run");
}

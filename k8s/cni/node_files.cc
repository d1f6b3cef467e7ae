#include "k8s/cni/node_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <vector>

#include "base/owned_fd.h"
#include "crypto/pem_file.h"
#include "k8s/cni/conflist.h"
#include "k8s/cni/plugin.h"

namespace epaulet::cni {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLauncher = "usr/local/bin/epaulet-cni-launcher";
constexpr const char* kProgram = "usr/local/bin/epaulet-cni";
constexpr const char* kFolder = "epaulet-cni.d";
constexpr const char* kCurrent = "current";
/// Of the image; the programs beside the plugin are not needed on the node.
constexpr const char* kTrees[] = {"usr/sbin", "usr/lib", "usr/lib64"};
constexpr const char* kLinks[] = {"sbin", "lib", "lib64", "bin"};
constexpr const char* kEmpty[] = {"proc", "run", "tmp", "var", "usr/bin"};

constexpr const char* kRemedy =
    "is the node's folder mounted here, writable, with space left? (cni.binDir, cni.confDir)";

Reason failed(std::string_view what, const fs::path& path, int error) {
  return {fmt::format("{} {}: {}", what, path.string(), std::generic_category().message(error)),
          kRemedy};
}

/// On the node a half-written list of plugins would be the end. Until it is whole its name ends as
/// no runtime reads it.
Checked<void> replace(const fs::path& file, const std::string& text, mode_t mode) {
  WritePemOptions options;
  options.overwrite = true;
  if (auto written = write_pem_files({{file.string(), text, mode}}, options); !written)
    return Reason(written.error().what, kRemedy);
  return {};
}

std::optional<std::string> text_of(const fs::path& file, std::size_t bytes_max) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  std::string text;
  char piece[65536];
  while (stream && text.size() <= bytes_max) {
    stream.read(piece, sizeof piece);
    text.append(piece, static_cast<std::size_t>(stream.gcount()));
  }
  if (text.size() > bytes_max) return std::nullopt;
  return text;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  return names;
}

mode_t mode_of(const fs::path& file) {
  struct stat seen {};
  return ::stat(file.c_str(), &seen) == 0 ? seen.st_mode & 0777 : 0644;
}

/// Throws std::filesystem::filesystem_error.
void fill(const fs::path& root, const fs::path& image) {
  for (const char* tree : kTrees) {
    if (!fs::exists(image / tree)) continue;
    fs::create_directories(root / tree);
    fs::copy(image / tree, root / tree,
             fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }
  for (const char* link : kLinks) {
    if (fs::is_symlink(image / link)) fs::copy_symlink(image / link, root / link);
  }
  for (const char* folder : kEmpty) fs::create_directories(root / folder);
  fs::create_directories((root / kProgram).parent_path());
  fs::copy_file(image / kProgram, root / kProgram);
}

/// Throws std::filesystem::filesystem_error.
void sync(const fs::path& path) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  const bool done = file.get() >= 0 && ::fsync(file.get()) == 0;
  // EINVAL: some file systems have folders that cannot be synced.
  if (done || (file.get() >= 0 && errno == EINVAL)) return;
  throw fs::filesystem_error("sync", path, std::error_code(errno, std::generic_category()));
}

/// The list that names the plugin is on the disk at once. After a power cut it must not name files
/// without bytes: no pod of the node would start, nor the one that mends it.
void sync_all(const fs::path& root) {
  for (const auto& each : fs::recursive_directory_iterator(root))
    if (!each.is_symlink()) sync(each.path());
  sync(root);
}

/// The same for the two names that a runtime follows: they lead to the old or to the new. What may
/// fail comes before the first of them.
void switch_to(const fs::path& root, const NodePlaces& places) {
  const auto folder = places.plugins / kFolder;
  const auto half = places.plugins / fmt::format(".{}.new", kType);
  fs::copy_file(places.image / kLauncher, half, fs::copy_options::overwrite_existing);
  fs::permissions(half, fs::perms(0755));
  sync(half);
  sync_all(root);
  const auto link = folder / "current.new";
  fs::remove(link);
  fs::create_symlink(root.filename(), link);
  fs::rename(link, folder / kCurrent);
  fs::rename(half, places.plugins / kType);
  sync(folder);
  sync(places.plugins);
}

void forget_all_but(const fs::path& kept, const fs::path& folder) {
  for (const auto& name : names_in(folder)) {
    std::error_code error;
    if (name != kCurrent && name != kept.filename().string()) fs::remove_all(folder / name, error);
  }
}

}  // namespace

Checked<void> put_files(const NodePlaces& places) {
  const auto folder = places.plugins / kFolder;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return failed("cannot make", folder, error.value());
  auto name = (folder / "root.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return failed("cannot make", name, errno);
  const fs::path root(name);
  try {
    fs::permissions(root, fs::perms(0755));
    fill(root, places.image);
    switch_to(root, places);
  } catch (const fs::filesystem_error& wrong) {
    // Once it is the one that is used it stays, whatever failed behind that.
    if (fs::read_symlink(folder / kCurrent, error) != root.filename()) fs::remove_all(root, error);
    return failed("cannot copy", wrong.path1(), wrong.code().value());
  }
  forget_all_but(root, folder);
  return {};
}

void take_files(const NodePlaces& places) {
  std::error_code error;
  fs::remove_all(places.plugins / kFolder, error);
}

Checked<bool> put_entry(const NodePlaces& places, std::string& named) {
  named = chosen_list(names_in(places.lists));
  if (named.empty()) {
    return Reason(fmt::format("{} has no list of plugins yet", places.lists.string()),
                  "install a network plugin; is this the folder that the runtime reads "
                  "(cni.confDir)?");
  }
  const auto file = places.lists / named;
  const auto text = text_of(file, kListBytesMax);
  if (!text) {
    return Reason(fmt::format("{} cannot be read, or is larger than 1 MiB", file.string()),
                  "is it the list of plugins of a container runtime?");
  }
  auto changed = with_plugin(*text);
  if (!changed) {
    return Reason(fmt::format("{}: {}", file.string(), changed.error().what),
                  changed.error().remedy);
  }
  if (!*changed) return false;
  if (const auto written = replace(file, **changed, mode_of(file)); !written)
    return written.error();
  return true;
}

Checked<void> take_entry(const NodePlaces& places) {
  Checked<void> result;
  for (const auto& name : names_in(places.lists)) {
    const auto file = places.lists / name;
    if (!name.ends_with(".conflist") && !name.ends_with(".json")) continue;
    const auto text = text_of(file, kListBytesMax);
    const auto changed = text ? without_plugin(*text) : std::nullopt;
    if (!changed) continue;
    if (auto written = replace(file, *changed, mode_of(file)); !written) result = written;
  }
  return result;
}

std::string list_that_may_name_us(const NodePlaces& places) {
  for (const auto& name : names_in(places.lists)) {
    if (!name.ends_with(".conflist") && !name.ends_with(".json")) continue;
    const auto file = places.lists / name;
    const auto text = text_of(file, kListBytesMax);
    // Any text: one that is no JSON now may be half of what somebody writes.
    std::error_code error;
    if ((fs::exists(file, error) || error) &&
        (!text || text->find(fmt::format("\"{}\"", kType)) != text->npos))
      return file.string();
  }
  return "";
}

Checked<void> look_at_node(const NodePlaces& places) {
  for (const auto& file :
       {places.plugins / kType, places.plugins / kFolder / kCurrent / kProgram}) {
    if (::access(file.c_str(), X_OK) != 0) return failed("cannot run", file, errno);
  }
  const auto name = chosen_list(names_in(places.lists));
  const auto text = name.empty() ? std::nullopt : text_of(places.lists / name, kListBytesMax);
  const auto wanted = text ? with_plugin(*text) : Reason("there is no list of plugins", "");
  if (wanted && !*wanted) return {};
  return Reason(fmt::format("{} does not name {}", (places.lists / name).string(), kType),
                wanted ? "the DaemonSet's pod writes it: see its log" : wanted.error().what);
}

}  // namespace epaulet::cni

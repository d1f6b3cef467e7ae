#include "config/config_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/limits.h"

namespace epaulet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesMax = 256;

std::string folder_of(const std::string& path) {
  const auto folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

/// Names that begin with a dot are what Kubernetes keeps the versions of a volume in.
bool is_meant(const fs::path& path) {
  const auto name = path.filename().string();
  return !name.starts_with('.') && (path.extension() == ".yaml" || path.extension() == ".yml");
}

std::vector<std::string> expand(const std::vector<std::string>& given, ConfigFiles& read) {
  std::vector<std::string> paths;
  for (const auto& each : given) {
    std::error_code error;
    if (!fs::is_directory(each, error)) {
      paths.push_back(each);
      read.folders.insert(folder_of(each));
      continue;
    }
    read.folders.insert(each);
    std::vector<std::string> inside;
    for (fs::directory_iterator entry(each, error), end; !error && entry != end;
         entry.increment(error)) {
      if (is_meant(entry->path()) && inside.size() < kFilesMax)
        inside.push_back(entry->path().string());
    }
    std::sort(inside.begin(), inside.end());
    paths.insert(paths.end(), inside.begin(), inside.end());
  }
  // Given twice is read once: a section would stand in two files.
  std::vector<std::string> once;
  for (auto& path : paths) {
    if (std::find(once.begin(), once.end(), path) == once.end()) once.push_back(std::move(path));
  }
  return once;
}

/// Appends the file, one byte more than the limit at most; errno if it cannot be read.
int append(const std::string& path, std::string& text) {
  std::error_code error;
  if (fs::is_directory(path, error)) return EISDIR;
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno == 0 ? EIO : errno;
  std::string chunk(64 * limits::kKiB, '\0');
  while (file && text.size() <= limits::kConfigBytesMax) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    text.append(chunk, 0, static_cast<std::size_t>(file.gcount()));
  }
  return file.bad() ? (errno == 0 ? EIO : errno) : 0;
}

LoadResult refused(std::string source, std::string message, std::string remedy) {
  Diagnostic diagnostic;
  diagnostic.origin.source = std::move(source);
  diagnostic.message = std::move(message);
  diagnostic.remedy = std::move(remedy);
  LoadResult result;
  result.diagnostics.push_back(std::move(diagnostic));
  return result;
}

}  // namespace

ConfigFiles read_config_files(const std::vector<std::string>& given) {
  ConfigFiles read;
  auto paths = expand(given, read);
  const bool several = paths.size() > 1;
  for (auto& path : paths) {
    ConfigFiles::File file;
    if (several) read.all += "\n# " + path + "\n";
    file.begin = read.all.size();
    file.error = append(path, read.all);
    file.size = read.all.size() - file.begin;
    file.path = std::move(path);
    read.files.push_back(std::move(file));
  }
  return read;
}

LoadResult load_settings(const ConfigFiles& files, std::span<const ConfigText> more) {
  if (files.files.empty()) {
    return refused(files.folders.empty() ? "" : *files.folders.begin(), "there is no *.yaml",
                   "put the configuration there");
  }
  std::vector<ConfigText> texts;
  for (const auto& file : files.files) {
    if (file.error != 0) {
      return refused(file.path, std::string("cannot be read: ") + std::strerror(file.error),
                     "give the path of a YAML file");
    }
    std::error_code error;
    const auto folder = fs::absolute(file.path, error).parent_path();
    texts.push_back({file.path, std::string_view(files.all).substr(file.begin, file.size),
                     error ? std::string() : folder.string()});
  }
  texts.insert(texts.end(), more.begin(), more.end());
  return load_settings(texts);
}

}  // namespace epaulet

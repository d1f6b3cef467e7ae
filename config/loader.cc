#include "config/loader.h"

#include <malloc.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>

#include "base/limits.h"
#include "config/keys.h"
#include "config/parse.h"
#include "config/validate.h"

namespace epaulet {
namespace {

constexpr std::size_t kTrimAboveBytes = 1 * limits::kMiB;

LoadResult refused(Diagnostic diagnostic) {
  LoadResult result;
  result.diagnostics.push_back(std::move(diagnostic));
  return result;
}

LoadResult refused(std::string source_name, std::string message, std::string remedy) {
  Diagnostic diagnostic;
  diagnostic.origin.source = std::move(source_name);
  diagnostic.message = std::move(message);
  diagnostic.remedy = std::move(remedy);
  return refused(std::move(diagnostic));
}

LoadResult too_large(std::string source_name) {
  return refused(std::move(source_name),
                 "larger than " + std::to_string(limits::kConfigBytesMax / limits::kMiB) + " MiB",
                 {});
}

void make_absolute(std::string& path, std::string_view directory) {
  if (path.empty() || path.front() == '/' || directory.empty()) return;
  path = (std::filesystem::path(directory) / path).lexically_normal().string();
}

void resolve_paths(Settings& settings, std::string_view directory) {
  make_absolute(settings.identity.dir, directory);
  make_absolute(settings.identity.ca, directory);
  make_absolute(settings.identity.token_file, directory);
  make_absolute(settings.state_dir, directory);
  if (auto& otlp = settings.tracing.otlp) {
    make_absolute(otlp->ca, directory);
    make_absolute(otlp->headers_file, directory);
  }
  for (auto& [name, issuer] : settings.issuers) {
    make_absolute(issuer.keys_file, directory);
    make_absolute(issuer.secret_file, directory);
    make_absolute(issuer.keys_ca, directory);
  }
  for (auto& [name, owner] : settings.api_keys.owners) make_absolute(owner.file, directory);
  for (auto& [name, service] : settings.services) {
    if (!service.credentials) continue;
    if (service.credentials->token) make_absolute(service.credentials->token->key_file, directory);
    if (service.credentials->key) make_absolute(service.credentials->key->file, directory);
  }
}

/// The whole file, one byte more than the limit at most; or errno.
std::variant<std::string, int> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return errno == 0 ? EIO : errno;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return EISDIR;
  std::string text;
  std::string chunk(64 * limits::kKiB, '\0');
  while (file && text.size() <= limits::kConfigBytesMax) {
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    text.append(chunk, 0, static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) return errno == 0 ? EIO : errno;
  return text;
}

}  // namespace

namespace {

/// What stands in two files would be whatever the last of them says: a section stands in one; one
/// whose keys are the user's own may stand in several, and each of those keys in one.
class Sections {
 public:
  void take(const config::KeysRead& read, const config::SourceText& source,
            config::Complaints& complaints) {
    for (const auto& [path, place] : read.paths) {
      if (path.find_first_of(".[") != path.npos || has_own_keys(path)) continue;
      take(path, place, source, complaints,
           {"this section stands in ", "write each section in one file"});
    }
    for (const auto& [path, place] : read.entries) {
      take(path, place, source, complaints,
           {"this stands in ", "give it another name, or write it in one file"});
    }
  }

 private:
  struct Words {
    std::string message, remedy;
  };

  static bool has_own_keys(const std::string& section) {
    const auto* key = config::find_key(config::kRoot, section);
    return key != nullptr && key->shape.map != nullptr;
  }

  void take(const std::string& path, const config::Place& place, const config::SourceText& source,
            config::Complaints& complaints, const Words& words) {
    const auto [known, is_new] = owners_.emplace(path, source.name());
    if (is_new) return;
    complaints.add_in(source, place, path,
                      {words.message + known->second + ", too", words.remedy, {}});
  }

  std::map<std::string, std::string> owners_;
};

}  // namespace

LoadResult load_settings(std::span<const ConfigText> texts) {
  std::size_t size = 0;
  for (const auto& text : texts) size += text.text.size();
  if (size > limits::kConfigBytesMax) return too_large(texts.front().name);
  std::deque<config::SourceText> sources;  // Their addresses stay.
  config::Draft draft;
  std::optional<config::Complaints> complaints;
  Sections sections;
  for (const auto& text : texts) {
    auto& source = sources.emplace_back(text.name, text.text);
    if (auto diagnostic = source.check_characters()) return refused(std::move(*diagnostic));
    if (complaints) {
      complaints->begin(source);
    } else {
      complaints.emplace(source);
    }
    config::KeysRead read;
    auto* const recorded = texts.size() > 1 ? &read : nullptr;
    if (auto diagnostic = config::parse(source, draft, *complaints, recorded))
      return refused(std::move(*diagnostic));
    sections.take(read, source, *complaints);
    resolve_paths(draft.settings, text.directory);
  }
  config::complete_and_validate(draft, *complaints);
  LoadResult result;
  if (complaints->empty()) {
    result.settings = std::move(draft.settings);
    for (auto& notice : draft.notices) {
      Diagnostic diagnostic;
      diagnostic.origin = std::move(notice.origin);
      diagnostic.message = std::move(notice.message);
      diagnostic.remedy = std::move(notice.remedy);
      result.notices.push_back(std::move(diagnostic));
    }
  } else {
    result.diagnostics = complaints->take();
  }
  return result;
}

LoadResult load_settings(std::string source_name, std::string_view yaml_text,
                         std::string_view directory) {
  const ConfigText only{std::move(source_name), yaml_text, std::string(directory)};
  return load_settings(std::span(&only, 1));
}

LoadResult load_settings_file(const std::string& path) {
  auto read = read_file(path);
  if (const int* error = std::get_if<int>(&read)) {
    return refused(path, std::string("cannot be read: ") + std::strerror(*error),
                   "give the path of a YAML file");
  }
  auto text = std::move(std::get<std::string>(read));
  std::error_code error;
  const auto directory = std::filesystem::absolute(path, error).parent_path();
  auto result = load_settings(path, text, error ? std::string() : directory.string());
  // yaml-cpp's queues have left holes in the heap: give them back, where it is worth a call.
  const bool was_large = text.size() > kTrimAboveBytes;
  text = std::string();
  if (was_large) malloc_trim(0);
  return result;
}

}  // namespace epaulet

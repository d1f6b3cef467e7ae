#include "redirect/report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <filesystem>

namespace epaulet::redirect {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return "";
  return std::string(value->get_string());
}

std::vector<std::string> texts_of(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) return out;
  for (const auto& element : value->get_array()) {
    if (element.is_string()) out.emplace_back(element.get_string());
  }
  return out;
}

std::optional<bool> truth_of(const json::object& object) {
  const auto* value = object.if_contains("ok");
  if (value == nullptr || !value->is_bool()) return std::nullopt;
  return value->get_bool();
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

Failure cannot_write(const std::string& file, int error) {
  return {fmt::format("cannot write the result to {}: {}", file, errno_text(error)),
          "make the folder writable, or choose another file with --result"};
}

}  // namespace

std::string to_json(const Report& report) {
  json::object out;
  out["ok"] = report.ok;
  if (!report.backend.empty()) out["backend"] = report.backend;
  out["families"] = texts(report.families);
  json::array checks;
  for (const auto& check : report.checks) {
    checks.push_back(
        json::object{{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}});
  }
  out["checks"] = std::move(checks);
  if (!report.error.empty()) out["error"] = report.error;
  out["arguments"] = texts(report.arguments);
  out["installed_at"] = report.installed_at;
  return json::serialize(out) + "\n";
}

std::optional<Report> report_from_json(std::string_view text) {
  json::error_code error;
  const auto value = json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  const auto& object = value.get_object();
  const auto ok = truth_of(object);
  if (!ok) return std::nullopt;
  Report report;
  report.ok = *ok;
  report.backend = text_of(object, "backend");
  report.families = texts_of(object, "families");
  report.error = text_of(object, "error");
  report.arguments = texts_of(object, "arguments");
  report.installed_at = text_of(object, "installed_at");
  const auto* checks = object.if_contains("checks");
  if (checks != nullptr && checks->is_array()) {
    for (const auto& element : checks->get_array()) {
      if (!element.is_object()) return std::nullopt;
      const auto& check = element.get_object();
      report.checks.push_back(
          {text_of(check, "name"), truth_of(check).value_or(false), text_of(check, "detail")});
    }
  }
  return report;
}

OrFailure<void> write_report(const std::string& file, const Report& report) {
  const auto folder = std::filesystem::path(file).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return cannot_write(file, error.value());
  const auto half = fmt::format("{}.{}", file, ::getpid());
  // Readable by the proxy's user: the file holds no secret.
  // The folder may be the proxy's, and we are root: never follow or fill what it has put there.
  ::unlink(half.c_str());
  const int fd = ::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return cannot_write(file, errno);
  const bool written = ::fchmod(fd, 0644) == 0 && write_all(fd, to_json(report));
  int failed = written ? 0 : errno;
  ::close(fd);
  if (failed == 0 && ::rename(half.c_str(), file.c_str()) != 0) failed = errno;
  if (failed == 0) return {};
  ::unlink(half.c_str());
  return cannot_write(file, failed);
}

OrFailure<Report> read_report(const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return Failure{fmt::format("cannot read {}: {}", file, errno_text(errno)),
                   "epaulet redirect install"};
  }
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while (text.size() < kReportBytesMax && (count = ::read(fd, buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(fd);
  auto report = report_from_json(text);
  if (!report) {
    return Failure{fmt::format("{} is not a result of `epaulet redirect install`", file),
                   "epaulet redirect install"};
  }
  return std::move(*report);
}

std::string complaint(const Report& report) {
  if (report.ok) return "";
  if (!report.error.empty()) return report.error;
  for (const auto& check : report.checks) {
    if (!check.ok) return check.name + ": " + check.detail;
  }
  return "the rules were not installed";
}

}  // namespace epaulet::redirect

#include "k8s/doctor/sources.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "io/tcp.h"
#include "k8s/api/client.h"
#include "k8s/doctor/report.h"
#include "runtime/asio_loop.h"

extern char** environ;

namespace epaulet::kube {
namespace {

constexpr std::size_t kAnswerBytesMax = 64 * 1024 * 1024;
constexpr std::size_t kAtOnce = 8;

json::value parsed(std::string_view text, bool& is_json) {
  json::error_code error;
  auto document = json::parse(json::string_view(text.data(), text.size()), error);
  is_json = !error;
  return error ? json::value() : document;
}

Fact fact_of(std::uint16_t status, std::string_view body) {
  Fact fact;
  bool is_json = false;
  fact.status = status;
  fact.document = parsed(body, is_json);
  if (status != 200) {
    const auto* object = fact.document.if_object();
    const auto message = object == nullptr ? "" : text_in(*object, "message");
    fact.why =
        message.empty() ? fmt::format("the API server answered {}", status) : std::string(message);
  } else if (!is_json) {
    fact.status = 0;
    fact.why = "the API server answered something else than JSON";
  }
  return fact;
}

/// A file in memory: whatever a child writes there, it does not wait for us.
class Sheet {
 public:
  Sheet() : fd_(::memfd_create("kubectl", MFD_CLOEXEC)) {}
  Sheet(const Sheet&) = delete;
  Sheet& operator=(const Sheet&) = delete;
  ~Sheet() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::string text() const {
    std::string all;
    char piece[65536];
    for (off_t at = 0; all.size() < kAnswerBytesMax;) {
      const auto got = ::pread(fd_, piece, sizeof piece, at);
      if (got <= 0) break;
      all.append(piece, static_cast<std::size_t>(got));
      at += got;
    }
    return all;
  }

 private:
  int fd_;
};

/// One kubectl.
class Call {
 public:
  explicit Call(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out_.fd(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, error_.fd(), 2);
    const int failed =
        ::posix_spawnp(&child_, argv.front(), &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
      failure_ = fmt::format("{} cannot be run: {}", words.front(), std::strerror(failed));
  }

  /// Once.
  [[nodiscard]] Fact wait() {
    if (!failure_.empty()) {
      Fact fact;
      fact.why = failure_;
      return fact;
    }
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    return fact_of_kubectl(WIFEXITED(status) ? WEXITSTATUS(status) : 128, out_.text(),
                           error_.text());
  }

 private:
  const Sheet out_;
  const Sheet error_;
  pid_t child_ = 0;
  std::string failure_;
};

class KubectlSource final : public FactSource {
 public:
  explicit KubectlSource(std::vector<std::string> command) : command_(std::move(command)) {}

  Fact get(const std::string& path) override { return Call(words_for(path)).wait(); }

  /// Most of what a kubectl does is to start, and to wait for its connection.
  std::vector<Fact> get_all(const std::vector<std::string>& paths) override {
    std::vector<Fact> facts;
    std::deque<Call> running;
    for (const auto& path : paths) {
      if (running.size() == kAtOnce) {
        facts.push_back(running.front().wait());
        running.pop_front();
      }
      running.emplace_back(words_for(path));
    }
    for (auto& call : running) facts.push_back(call.wait());
    return facts;
  }

 private:
  [[nodiscard]] std::vector<std::string> words_for(const std::string& path) const {
    auto words = command_;
    for (const char* word : {"--request-timeout=30s", "get", "--raw"}) words.emplace_back(word);
    words.push_back(path);
    return words;
  }

  const std::vector<std::string> command_;
};

class ClusterSource final : public FactSource {
 public:
  ClusterSource(ApiAccess access, std::chrono::seconds answer_time)
      : answer_time_(answer_time),
        dialer_(make_tcp_dialer(loop_)),
        api_(*dialer_, std::move(access)) {}

  Fact get(const std::string& path) override { return std::move(get_all({path}).front()); }

  std::vector<Fact> get_all(const std::vector<std::string>& paths) override {
    std::vector<Fact> facts(paths.size());
    for (std::size_t i = 0; i < paths.size(); i += kAtOnce) {
      const auto end = std::min(i + kAtOnce, paths.size());
      left_ = end - i;
      for (std::size_t each = i; each < end; ++each)
        loop_.spawn(ask(*this, paths[each], facts[each]));
      loop_.run();
    }
    return facts;
  }

 private:
  static Task<void> ask(ClusterSource& self, const std::string& path, Fact& fact) {
    Scope scope(self.loop_);
    const Error too_slow(ErrorCode::attempt_timeout, Side::upstream, Stage::receive);
    scope.set_deadline(self.loop_.now() + self.answer_time_, too_slow);
    const auto answer = co_await self.api_.get(path, kAnswerBytesMax, scope);
    if (answer) {
      fact = fact_of(answer->status, answer->body);
    } else {
      fact.why = answer.error().to_string();
    }
    if (--self.left_ == 0) self.loop_.stop();
  }

  const std::chrono::seconds answer_time_;
  AsioLoop loop_;
  std::size_t left_ = 0;  ///< That have not been answered yet.
  std::unique_ptr<Dialer> dialer_;
  ApiClient api_;
};

}  // namespace

Fact fact_of_kubectl(int status, std::string_view out, std::string_view error) {
  if (status == 0) return fact_of(200, out);
  Fact fact;
  fact.why = printable(error);
  while (fact.why.ends_with(' ')) fact.why.pop_back();
  const auto says = [&](std::string_view text) { return error.find(text) != error.npos; };
  if (says("(NotFound)")) fact.status = 404;
  if (says("(Forbidden)")) fact.status = 403;
  if (says("(Unauthorized)") || says("must be logged in")) fact.status = 401;
  return fact;
}

std::unique_ptr<FactSource> kubectl_source(std::vector<std::string> command) {
  return std::make_unique<KubectlSource>(std::move(command));
}

Checked<std::unique_ptr<FactSource>> cluster_source(const std::string& api,
                                                    const std::string& credentials,
                                                    std::chrono::seconds answer_time) {
  const auto address = api_address(api);
  if (!address) return address.error();
  ApiAccess access;
  access.address = *address;
  access.ca_file = credentials + "/ca.crt";
  access.token_file = credentials + "/token";
  return std::unique_ptr<FactSource>(
      std::make_unique<ClusterSource>(std::move(access), answer_time));
}

bool is_in_cluster(const std::string& credentials) {
  return std::getenv("KUBERNETES_SERVICE_HOST") != nullptr &&
         ::access((credentials + "/token").c_str(), R_OK) == 0;
}

}  // namespace epaulet::kube

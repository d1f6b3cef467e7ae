#pragma once

#include <string>
#include <string_view>

#include "http/body_digest.h"
#include "http/stream.h"

namespace epaulet::path {

/// The serving end of a request that is kept in memory, whose caller has long had an answer: its
/// body can be read, and what is answered is only counted.
class StoredRequest final : public http::ServerStream {
 public:
  /// `body`, and `digest` of what is answered where that is wanted, outlive this.
  explicit StoredRequest(std::string_view body, http::BodyDigest* digest = nullptr)
      : body_(body), writer_(digest) {}

  [[nodiscard]] http::MessageReader& body() override { return body_; }
  [[nodiscard]] http::MessageWriter& writer() override { return writer_; }
  Task<Result<void>> send_informational(http::ResponseHead&, Scope&) override {
    co_return Result<void>();
  }
  void begin_response(const http::RequestHead&, http::ResponseHead&, bool) override {}
  [[nodiscard]] bool keeps() const override { return false; }
  void watch(http::CallerWatcher*) override {}
  [[nodiscard]] http::ByteEnd switch_to_bytes() override;

 private:
  class Body final : public http::MessageReader {
   public:
    explicit Body(std::string_view bytes) : bytes_(bytes) {}
    Task<Result<http::Chunk>> pull(Scope&) override;
    [[nodiscard]] bool ready() const override { return true; }
    void abort(const Error&) override { pulled_ = true; }
    [[nodiscard]] bool complete() const override { return pulled_; }
    [[nodiscard]] std::uint64_t bytes() const override { return pulled_ ? bytes_.size() : 0; }
    void finish() override {}

   private:
    std::string_view bytes_;
    bool pulled_ = false;
  };
  class Writer final : public http::MessageWriter {
   public:
    explicit Writer(http::BodyDigest* digest) : digest_(digest) {}
    Task<Result<void>> push(http::Chunk chunk, Scope&) override;
    Task<Result<void>> flush(Scope&) override { co_return Result<void>(); }
    void abort(const Error&) override { ended_ = true; }
    [[nodiscard]] bool has_pending() const override { return false; }
    [[nodiscard]] bool complete() const override { return ended_; }
    [[nodiscard]] bool wrote_anything() const override { return false; }
    [[nodiscard]] bool broken() const override { return false; }
    [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }

   private:
    http::BodyDigest* const digest_;
    std::uint64_t bytes_ = 0;
    bool ended_ = false;
  };

  Body body_;
  Writer writer_;
};

}  // namespace epaulet::path

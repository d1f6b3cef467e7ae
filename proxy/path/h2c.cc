#include "path/h2c.h"

#include "base/ascii.h"
#include "crypto/jose_base64.h"
#include "path/snapshot.h"

namespace epaulet::path {
namespace {

constexpr std::string_view kSettings = "http2-settings";

bool has_element(std::string_view list, std::string_view wanted) {
  bool found = false;
  for_each_element(list, [&](std::string_view element) {
    found = found || equals_ignore_case(element, wanted);
  });
  return found;
}

bool has_connection_option(const http::RequestHead& head, std::string_view option) {
  for (const auto& field : head.fields) {
    if (field.id == http::FieldId::connection && has_element(field.value, option)) return true;
  }
  return false;
}

/// The value of the only field of this name, or nothing.
std::optional<std::string_view> only(const http::RequestHead& head, std::string_view name) {
  std::optional<std::string_view> value;
  for (const auto& field : head.fields) {
    if (!equals_ignore_case(field.name, name)) continue;
    if (value) return std::nullopt;
    value = field.value;
  }
  return value;
}

}  // namespace

std::optional<std::string> h2c_offer(const Exchange& exchange) {
  if (exchange.connection.is_carried) return std::nullopt;  // HTTP/2 within HTTP/2 helps nobody.
  const auto& request = exchange.request;
  const auto* const upgrade = request.find(http::FieldId::upgrade);
  if (upgrade == nullptr || request.version == http::Version::http10) return std::nullopt;
  const bool bodiless = request.framing.kind == http::Framing::Kind::none;
  if (!bodiless || request.method == http::Method::connect) return std::nullopt;
  if (!has_element(upgrade->value, "h2c") || !has_connection_option(request, "upgrade") ||
      !has_connection_option(request, kSettings)) {
    return std::nullopt;
  }
  const auto value = only(request, kSettings);
  if (!value) return std::nullopt;
  const bool wanted = exchange.connection.inbound()
                          ? is_asked_in_http2_inbound(exchange.connection, exchange.snapshot())
                          : is_asked_in_http2_outbound(exchange.connection, *exchange.view);
  if (!wanted) return std::nullopt;
  return decode_base64url(*value);
}

}  // namespace epaulet::path

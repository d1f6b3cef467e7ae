#include "admin/surfaces.h"

#include <boost/json.hpp>

namespace epaulet::admin {
namespace {

Response readiness_page(const Readiness& readiness) {
  boost::json::object body;
  body["ready"] = readiness.ready;
  if (!readiness.ready) {
    boost::json::array reasons;
    for (const auto& reason : readiness.reasons) reasons.emplace_back(reason);
    body["reasons"] = std::move(reasons);
  }
  const std::uint16_t status = readiness.ready ? 200 : 503;
  return {status, kJsonType, boost::json::serialize(body) + "\n"};
}

/// That it is sent at all is the answer.
Response live_page(const Request&) {
  return {200, kJsonType, "{\"live\":true}\n"};
}

Handler json_page(std::function<std::string()> source) {
  return [source = std::move(source)](const Request&) {
    return Response{200, kJsonType, source()};
  };
}

}  // namespace

Surface admin_surface(AdminSources sources) {
  Surface surface(Audience::local);
  surface.add("/config", json_page(std::move(sources.config)));
  surface.add("/services", json_page(std::move(sources.services)));
  surface.add("/endpoints", json_page(std::move(sources.endpoints)));
  surface.add("/certs", json_page(std::move(sources.certs)));
  surface.add("/issuers", json_page(std::move(sources.issuers)));
  surface.add("/explain", [all = std::move(sources.explain),
                           one = std::move(sources.explain_one)](const Request& request) {
    if (request.query.empty()) return Response{200, kJsonType, all()};
    const std::string id = query_value(request.query, "id");
    if (id.empty()) return error_page(400, "ask for /explain or for /explain?id=ID");
    if (auto found = one(id)) return Response{200, kJsonType, std::move(*found)};
    return error_page(404,
                      "nothing is kept under this id: it succeeded, is too old, or was served by "
                      "another sidecar");
  });
  surface.add("/ready", [readiness = std::move(sources.readiness)](const Request&) {
    return readiness_page(readiness());
  });
  surface.add("/live", live_page);
  return surface;
}

Surface metrics_surface(std::function<std::string()> text, std::string_view content_type) {
  Surface surface(Audience::anybody);
  const Handler page = [text = std::move(text), content_type](const Request&) {
    return Response{200, content_type, text()};
  };
  surface.add("/metrics", page);
  surface.add("/stats/prometheus", page);
  return surface;
}

Surface health_surface(std::function<Readiness()> readiness) {
  Surface surface(Audience::anybody);
  const Handler page = [readiness = std::move(readiness)](const Request&) {
    return readiness_page(readiness());
  };
  surface.add("/ready", page);
  surface.add("/healthz/ready", page);
  surface.add("/live", live_page);
  return surface;
}

}  // namespace epaulet::admin

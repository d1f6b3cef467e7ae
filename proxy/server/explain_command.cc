#include "server/explain_command.h"

#include <cstdio>

#include "admin/client.h"
#include "base/error_table.h"
#include "telemetry/explain_text.h"

namespace epaulet::server {

int explain_command(const ExplainOptions& options) {
  const auto address = admin::address_or_complaint(options.admin);
  if (!address) return 2;
  const std::string target =
      options.id.empty() ? "/explain" : "/explain?id=" + admin::percent_encoded(options.id);
  const auto answer = admin::admin_get(*address, target);
  if (!answer) {
    std::fprintf(stderr,
                 "epaulet: no sidecar answers on %s: %s\n  is it running in this pod? --admin "
                 "names another address\n",
                 options.admin.c_str(), std::string(describe(answer.error().code).summary).c_str());
    return 2;
  }
  if (answer->status == 404) {
    std::fprintf(stderr,
                 "epaulet: nothing is kept under %s\n  only what failed or was slow is, and the "
                 "newest of it\n",
                 options.id.c_str());
    return 1;
  }
  if (answer->status != 200) {
    std::fprintf(stderr, "epaulet: the sidecar answered %u: %s\n", answer->status,
                 answer->body.c_str());
    return 2;
  }
  const auto text = options.json         ? std::optional(answer->body + "\n")
                    : options.id.empty() ? telemetry::explain_list_text(answer->body)
                                         : telemetry::explain_record_text(answer->body);
  if (!text) {
    std::fprintf(stderr, "epaulet: the sidecar's answer is not an explain page\n");
    return 2;
  }
  std::fputs(text->c_str(), stdout);
  return 0;
}

}  // namespace epaulet::server

#pragma once

#include <string>

namespace epaulet::server {

/// `epaulet explain [ID]`.
struct ExplainOptions {
  std::string id;
  std::string admin = "127.0.0.1:15000";
  bool json = false;
};

/// Asks the running sidecar and prints. 0: printed; 1: nothing of that id is kept; 2: the sidecar
/// did not answer.
int explain_command(const ExplainOptions& options);

}  // namespace epaulet::server

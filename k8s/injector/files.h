#pragma once

#include <functional>
#include <memory>
#include <string>

#include "crypto/wall_time.h"
#include "k8s/injector/settings.h"
#include "tls/context.h"

namespace epaulet::injector {

/// The files that the injector needs and that others renew: its serving certificate (`tls.crt` and
/// `tls.key`, as Secrets of type kubernetes.io/tls have them) and the roots of the mesh.
class InjectorFiles {
 public:
  struct Paths {
    std::string certificate_folder;
    std::string roots;
    std::string mesh_config;  ///< "": there is none.
  };
  explicit InjectorFiles(Paths paths) : paths_(std::move(paths)) {}

  /// Reads them again. True: something is new, and all of it is in force. A reason: what is there
  /// cannot be used; what was in force stays.
  [[nodiscard]] Checked<bool> refresh(WallTime now);

  /// The same of the mesh's configuration: what is there now, if `judge` has nothing to say against
  /// it. A file that is not there, or blank, is none.
  [[nodiscard]] Checked<bool> refresh_mesh_config(
      const std::function<std::string(const std::string&)>& judge);

  /// Null before the first refresh that went well.
  [[nodiscard]] const std::shared_ptr<const TlsContext>& tls() const { return tls_; }
  [[nodiscard]] const std::string& roots() const { return clean_roots_; }
  [[nodiscard]] const std::string& mesh_config() const { return mesh_config_; }
  [[nodiscard]] WallTime not_after() const { return not_after_; }

 private:
  Paths paths_;
  std::string certificate_;
  std::string key_;
  std::string roots_;
  std::string clean_roots_;
  std::string mesh_config_;
  std::shared_ptr<const TlsContext> tls_;
  WallTime not_after_{};
};

}  // namespace epaulet::injector

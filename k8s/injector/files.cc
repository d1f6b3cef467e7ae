#include "k8s/injector/files.h"

#include <fstream>

#include "base/limits.h"
#include "crypto/pem_file.h"
#include "k8s/injector/inject.h"

namespace epaulet::injector {

Checked<bool> InjectorFiles::refresh(WallTime now) {
  const auto certificate_path = paths_.certificate_folder + "/tls.crt";
  const auto key_path = paths_.certificate_folder + "/tls.key";
  auto certificate = read_pem_file(certificate_path);
  if (!certificate) return certificate.error();
  auto key_text = read_pem_file(key_path);
  if (!key_text) return key_text.error();
  auto roots = read_pem_file(paths_.roots);
  if (!roots) return roots.error();
  if (tls_ != nullptr && *certificate == certificate_ && *key_text == key_ && *roots == roots_)
    return false;
  auto chain =
      Certificate::parse_pem(*certificate, certificate_path, limits::kBundleCertificatesMax);
  if (!chain) return chain.error();
  auto key = PrivateKey::from_pem(*key_text, key_path);
  if (!key) return key.error();
  // Looked at, since whatever stands there is put into every pod.
  auto bundle = Certificate::parse_pem(*roots, paths_.roots, limits::kBundleCertificatesMax);
  if (!bundle) return bundle.error();
  if (!chain->front().is_valid_at(now)) {
    return Reason(certificate_path + ": " + validity_text(chain->front(), now),
                  "renew the serving certificate");
  }
  auto tls = TlsContext::for_web_server(*chain, *key);
  if (!tls) return tls.error();
  // Comments stay out of pods.
  std::string clean;
  for (const auto& root : *bundle) clean += root.to_pem();
  tls_ = std::move(*tls);
  not_after_ = chain->front().not_after();
  certificate_ = std::move(*certificate);
  key_ = std::move(*key_text);
  roots_ = std::move(*roots);
  clean_roots_ = std::move(clean);
  return true;
}

Checked<bool> InjectorFiles::refresh_mesh_config(
    const std::function<std::string(const std::string&)>& judge) {
  if (paths_.mesh_config.empty()) return false;
  std::string text;
  if (std::ifstream file(paths_.mesh_config, std::ios::binary); file) {
    constexpr std::size_t kPiece = 4096;
    for (char piece[kPiece]; file && text.size() <= kMeshConfigBytesMax;) {
      file.read(piece, kPiece);
      text.append(piece, static_cast<std::size_t>(file.gcount()));
    }
  }
  if (text.find_first_not_of(" \t\r\n") == text.npos) text.clear();
  if (text == mesh_config_) return false;
  if (const auto wrong = text.empty() ? "" : judge(text); !wrong.empty()) {
    return Reason(paths_.mesh_config + ": " + wrong,
                  "mend the mesh's configuration: new pods get what was good last");
  }
  mesh_config_ = std::move(text);
  return true;
}

}  // namespace epaulet::injector

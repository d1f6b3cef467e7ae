#include "route/url_rewrite.h"

namespace epaulet {

std::optional<PathChange> PathChange::make(const std::string& full, const std::string& prefix,
                                           const std::vector<std::string>& paths) {
  if (full.empty() && prefix.empty()) return std::nullopt;
  PathChange change;
  change.to_ = full.empty() ? prefix : full;
  if (full.empty()) change.prefixes_ = {paths.begin(), paths.end()};
  return change;
}

void PathChange::write(std::string_view path, PooledString& out) const {
  if (prefixes_.empty()) {
    out += to_;
    return;
  }
  for (const PathPattern& prefix : prefixes_) {
    if (!prefix.matches(path)) continue;
    path.remove_prefix(prefix.prefix_bytes(path));
    break;
  }
  std::string_view to = to_;
  if (to.ends_with('/') && !path.empty()) to.remove_suffix(1);  // The rest begins with one.
  out.append(to).append(path);
}

std::string_view query_with_mark(const http::RequestHead& head) {
  const auto mark = head.target.find('?');
  return mark == std::string_view::npos ? std::string_view() : head.target.substr(mark);
}

UrlRewrite::UrlRewrite(const UrlRewriteSettings& settings, const std::vector<std::string>& paths)
    : hostname_(settings.hostname),
      path_(PathChange::make(settings.replace_full_path, settings.replace_prefix_match, paths)) {}

void UrlRewrite::apply(http::RequestHead& head) const {
  if (!hostname_.empty()) {
    head.remove(http::FieldId::host);
    head.authority = hostname_;
  }
  if (!path_ || head.form == http::TargetForm::asterisk) return;
  head.rewritten_target.clear();
  path_->write(head.path, head.rewritten_target);
  head.rewritten_target += query_with_mark(head);
}

Redirect::Redirect(const RedirectSettings& settings, const std::vector<std::string>& paths)
    : scheme_(settings.scheme.empty() ? "http" : settings.scheme),
      hostname_(settings.hostname),
      port_(settings.port),
      port_follows_scheme_(!settings.scheme.empty()),
      path_(PathChange::make(settings.replace_full_path, settings.replace_prefix_match, paths)),
      status_(settings.status) {}

std::string Redirect::location(const http::RequestHead& head, std::uint16_t dialled_port) const {
  const std::uint16_t usual = scheme_ == "https" ? 443 : 80;
  const std::uint16_t port = port_ ? *port_ : port_follows_scheme_ ? usual : dialled_port;
  std::string url = scheme_ + "://";
  url += hostname_.empty() ? host_of(head.authority) : std::string_view(hostname_);
  if (port != usual) url += ":" + std::to_string(port);
  const std::string_view path =
      head.form == http::TargetForm::asterisk ? std::string_view("/") : head.path;
  if (path_) {
    PooledString changed;
    path_->write(path, changed);
    url += changed;
  } else {
    url += path;
  }
  url += query_with_mark(head);
  return url;
}

}  // namespace epaulet

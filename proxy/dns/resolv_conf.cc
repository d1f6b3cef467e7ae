#include "dns/resolv_conf.h"

#include <algorithm>

#include "discovery/state_file.h"

namespace epaulet {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kNameserversMax = 8;
constexpr std::size_t kSearchMax = 32;

/// Takes the first word off `line`.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBlank = " \t\r";
  const auto begin = std::min(line.find_first_not_of(kBlank), line.size());
  const auto end = std::min(line.find_first_of(kBlank, begin), line.size());
  const auto word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (auto word = take_word(line); !word.empty() && words.size() < kSearchMax;
       word = take_word(line)) {
    if (word.ends_with('.')) word.remove_suffix(1);
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

void parse_line(std::string_view line, ResolvConf& out) {
  const auto keyword = take_word(line);
  if (keyword == "nameserver") {
    const auto ip = IpAddress::parse(take_word(line));
    if (ip && out.nameservers.size() < kNameserversMax) out.nameservers.push_back({*ip, kDnsPort});
  } else if (keyword == "search" || keyword == "domain") {
    out.search = words_of(line);
  }
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    if (!line.starts_with('#') && !line.starts_with(';')) parse_line(line, out);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

Result<ResolvConf> read_resolv_conf(const std::string& path) {
  const auto text = read_state_file(path);
  if (!text) return text.error();
  return parse_resolv_conf(*text);
}

std::vector<SocketAddress> upstream_servers(const DnsSettings& settings,
                                            const ResolvConf& resolv_conf,
                                            std::span<const SocketAddress> own) {
  auto servers = settings.upstream.empty() ? resolv_conf.nameservers : settings.upstream;
  std::erase_if(servers, [own](const SocketAddress& server) {
    return std::find(own.begin(), own.end(), server) != own.end();
  });
  return servers;
}

}  // namespace epaulet

#include "redirect/iptables_saved.h"

#include <algorithm>
#include <charconv>

namespace epaulet::redirect {
namespace {

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

std::string_view first_word(std::string_view text) {
  return text.substr(0, text.find(' '));
}

std::string_view last_word(std::string_view text) {
  return text.substr(text.rfind(' ') + 1);  // npos + 1 is 0
}

bool is_ours(std::string_view chain) {
  return chain.starts_with(kOurChains);
}

/// A jump to a chain ends with its name; a comment of more than one word ends with a quote.
bool leads_to_us(std::string_view rule) {
  const auto target = last_word(rule);
  if (!is_ours(target) || target.ends_with('"')) return false;
  const auto before = rule.substr(0, rule.size() - target.size());
  return before.ends_with(" -j ") || before.ends_with(" -g ");
}

/// Takes "[packets:bytes] " off the line.
std::uint64_t take_packets(std::string_view& line) {
  std::uint64_t packets = 0;
  if (!line.starts_with('[')) return packets;
  const auto end = line.find("] ");
  if (end == std::string_view::npos) return packets;
  std::from_chars(line.data() + 1, line.data() + end, packets);
  line.remove_prefix(end + 2);
  return packets;
}

/// The table that is being read, made when it has something of ours.
SavedTable& table_named(std::vector<SavedTable>& tables, std::string_view name) {
  for (auto& table : tables) {
    if (table.name == name) return table;
  }
  return tables.emplace_back(SavedTable{std::string(name), {}, {}});
}

}  // namespace

const SavedTable* SavedRules::table(std::string_view name) const {
  for (const auto& table : tables) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

SavedRules parse_saved(std::string_view text) {
  SavedRules saved;
  std::string_view table;
  while (!text.empty()) {
    auto line = take_line(text);
    if (line.starts_with('*')) {
      table = line.substr(1);
      continue;
    }
    if (line.starts_with(':')) {
      const auto chain = first_word(line.substr(1));
      if (is_ours(chain)) table_named(saved.tables, table).chains.emplace_back(chain);
      continue;
    }
    const auto packets = take_packets(line);
    if (!line.starts_with("-A ")) continue;
    const auto rule = line.substr(3);
    if (is_ours(first_word(rule))) {
      // Older versions put every comment into quotes.
      const bool guard = rule.find("--comment inbound-guard ") != std::string_view::npos ||
                         rule.find("--comment \"inbound-guard\" ") != std::string_view::npos;
      if (guard) saved.guard_drops = saved.guard_drops.value_or(0) + packets;
    } else if (leads_to_us(rule)) {
      table_named(saved.tables, table).jumps.emplace_back(rule);
    }
  }
  return saved;
}

}  // namespace epaulet::redirect

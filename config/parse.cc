#include "config/parse.h"

#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <utility>

#include "config/diagnostic.h"
#include "config/document_kinds.h"
#include "config/gateway_keys.h"
#include "config/reader.h"

namespace epaulet::config {
namespace {

/// Lets an istream read a text where it lies.
class TextBuffer final : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    // A streambuf that is only read from never writes through these pointers.
    char* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

struct SyntaxAdvice {
  std::string_view yaml_cpp;  ///< How its message begins.
  std::string_view message;
  std::string_view remedy;
};

const SyntaxAdvice kSyntaxAdvice[] = {
    {YAML::ErrorMsg::UNKNOWN_ANCHOR, "a text that begins with * is an alias in YAML",
     "put it in quotes, for example \"*.example.com\""},
    {YAML::ErrorMsg::ALIAS_NOT_FOUND, "a text that begins with * is an alias in YAML",
     "put it in quotes, for example \"*\""},
    {YAML::ErrorMsg::CHAR_IN_ALIAS, "a text that begins with * is an alias in YAML",
     "put it in quotes, for example \"*.example.com\""},
    {YAML::ErrorMsg::ANCHOR_NOT_FOUND, "a text that begins with & is an anchor in YAML",
     "put it in quotes"},
    {YAML::ErrorMsg::CHAR_IN_ANCHOR, "a text that begins with & is an anchor in YAML",
     "put it in quotes"},
    {YAML::ErrorMsg::UNKNOWN_TOKEN, "a character that needs quotes here", "put the text in quotes"},
    {YAML::ErrorMsg::MAP_VALUE, "a colon and blank that begin no value here",
     "look at the indentation of this line; a text with \": \" in it needs quotes"},
    {YAML::ErrorMsg::MAP_KEY, "a key that may not stand here", "look at the indentation"},
    {YAML::ErrorMsg::BLOCK_ENTRY, "a - that may not stand here",
     "begin the list on a line of its own, or look at the indentation"},
    {YAML::ErrorMsg::FLOW_END, "a bracket or brace that closes nothing",
     "remove it, or put the text in quotes"},
    {YAML::ErrorMsg::END_OF_MAP_FLOW, "a { is never closed, or a comma is missing",
     "look at the braces before this place"},
    {YAML::ErrorMsg::END_OF_SEQ_FLOW, "a [ is never closed, or a comma is missing",
     "look at the brackets before this place"},
    {YAML::ErrorMsg::END_OF_MAP, "what stands here does not belong to the keys before it",
     "look at the indentation"},
    {YAML::ErrorMsg::END_OF_SEQ, "what stands here does not belong to the list before it",
     "look at the indentation"},
    {YAML::ErrorMsg::TAB_IN_INDENTATION, "a tab in the indentation", "indent with blanks"},
    {YAML::ErrorMsg::INVALID_ESCAPE, "an unknown escape in a text in double quotes",
     "write \\\\ for a backslash, or use single quotes"},
    {YAML::ErrorMsg::DOC_IN_SCALAR, "a quote is never closed", "close it"},
    {YAML::ErrorMsg::EOF_IN_SCALAR, "a quote is never closed", "close it"},
    {YAML::ErrorMsg::BAD_FILE, "nested too deeply", "remove some levels"},
};

/// yaml-cpp gives no place with some errors, and places behind the end with others.
Place place_of(SourceText& source, const YAML::Mark& mark) {
  if (mark.is_null() || mark.pos < 0) return source.place_of_offset(0);
  const auto offset = std::min(static_cast<std::size_t>(mark.pos), source.text().size());
  return source.place_of_offset(offset);
}

bool is_indented_with_tab(std::string_view line) {
  const auto first = line.find_first_not_of(" \t");
  return line.substr(0, first).find('\t') != std::string_view::npos;
}

Diagnostic advise(SourceText& source, const YAML::Exception& error) {
  const Place place = place_of(source, error.mark);
  if (is_indented_with_tab(source.line_at(place))) {
    return source.diagnose(place, {}, "a tab in the indentation", "indent with blanks");
  }
  const auto advice = std::find_if(
      std::begin(kSyntaxAdvice), std::end(kSyntaxAdvice),
      [&](const SyntaxAdvice& known) { return error.msg.starts_with(known.yaml_cpp); });
  if (advice == std::end(kSyntaxAdvice)) {
    return source.diagnose(place, {}, "not YAML: " + (error.msg.empty() ? "syntax" : error.msg));
  }
  return source.diagnose(place, {}, "not YAML: " + std::string(advice->message),
                         std::string(advice->remedy));
}

/// Calls `feed(parser)` and is the one edge where yaml-cpp's exceptions become values.
template <class Feed>
std::optional<Diagnostic> with_parser(SourceText& source, Feed feed) {
  TextBuffer buffer(source.text());
  std::istream stream(&buffer);
  try {
    YAML::Parser parser(stream);
    feed(parser);
  } catch (const Reader::UnclosedQuote& quote) {
    return source.diagnose(quote.place, {}, "not YAML: a quote is never closed", "close it");
  } catch (const YAML::Exception& error) {
    return advise(source, error);
  }
  return std::nullopt;
}

std::optional<Diagnostic> run(SourceText& source, Reader& reader, const Complaints& complaints) {
  auto failed = with_parser(source, [&](YAML::Parser& parser) {
    // Two documents are enough to know that there is more than one.
    if (parser.HandleNextDocument(reader)) (void)parser.HandleNextDocument(reader);
  });
  if (failed) return failed;
  if (!reader.saw_content() && complaints.empty()) {
    // Not "all defaults": a file that is empty is most likely half written.
    return source.diagnose({}, {}, "the configuration is empty",
                           "write {} if every default is meant");
  }
  return std::nullopt;
}

// ---- Files with objects of Kubernetes. ----

/// Our own file has no such key, so that it is not read twice.
bool may_have_objects(std::string_view text) {
  return text.find("apiVersion") != std::string_view::npos;
}

constexpr std::string_view kGatewayGroup = "gateway.networking.k8s.io/";

/// Nothing: the document is none of those that are read.
std::optional<gateway::Kind> route_kind_of(const DocumentKind& document) {
  const auto is_version = [&](std::string_view version) {
    return document.api_version == std::string(kGatewayGroup) + std::string(version);
  };
  if (document.kind == "HTTPRoute" && (is_version("v1") || is_version("v1beta1")))
    return gateway::Kind::http_route;
  if (document.kind == "GRPCRoute" && is_version("v1")) return gateway::Kind::grpc_route;
  return std::nullopt;
}

Complaint not_a_route(const DocumentKind& document) {
  const bool is_known = document.kind == "HTTPRoute" || document.kind == "GRPCRoute";
  if (is_known) {
    return {document.kind + " of " + in_quotes(document.api_version) + " is not read",
            "write apiVersion: gateway.networking.k8s.io/v1",
            {}};
  }
  return {"a document of kind " + in_quotes(document.kind) + " is no configuration of epaulet",
          document.kind.ends_with("List")
              ? "write each of its items as a document of its own, with --- between them"
              : "HTTPRoute and GRPCRoute of gateway.networking.k8s.io/v1 are read; remove others",
          {}};
}

std::optional<Diagnostic> parse_documents(const std::vector<DocumentKind>& documents,
                                          SourceText& source, Draft& draft, Complaints& complaints,
                                          KeysRead* read) {
  bool has_own = false;
  return with_parser(source, [&](YAML::Parser& parser) {
    DocumentKinds skip;
    for (const auto& document : documents) {
      if (!document.is_of_kubernetes()) {
        Reader reader(source, draft, complaints);
        reader.record_in(read);
        if (!document.is_empty && std::exchange(has_own, true)) reader.refuse_second_document();
        (void)parser.HandleNextDocument(reader);
      } else if (const auto kind = route_kind_of(document)) {
        auto& route = draft.gateway_routes.emplace_back();
        route.kind = *kind;
        Reader reader(source, draft, complaints, gateway::keys_of(*kind), &route);
        (void)parser.HandleNextDocument(reader);
      } else {
        complaints.add(source.place_of_offset(std::min(document.offset, source.text().size())), {},
                       not_a_route(document));
        (void)parser.HandleNextDocument(skip);
      }
    }
  });
}

}  // namespace

std::optional<Diagnostic> parse(SourceText& source, Draft& draft, Complaints& complaints,
                                KeysRead* read) {
  if (may_have_objects(source.text())) {
    DocumentKinds kinds;
    auto failed = with_parser(source, [&](YAML::Parser& parser) {
      while (!kinds.stands_still_at() && parser.HandleNextDocument(kinds)) continue;
    });
    if (failed) return failed;
    if (const auto at = kinds.stands_still_at()) {
      return source.diagnose(source.place_of_offset(std::min(*at, source.text().size())), {},
                             "not YAML: a comma or a bracket that nothing opens",
                             "remove it, or open the bracket");
    }
    const auto& found = kinds.found();
    if (std::any_of(found.begin(), found.end(),
                    [](const auto& document) { return document.is_of_kubernetes(); }))
      return parse_documents(found, source, draft, complaints, read);
  }
  Reader reader(source, draft, complaints);
  reader.record_in(read);
  return run(source, reader, complaints);
}

std::optional<Diagnostic> parse_as(const Object& root, void* target, SourceText& source,
                                   Complaints& complaints) {
  Draft nobodys;
  Reader reader(source, nobodys, complaints, root, target);
  return run(source, reader, complaints);
}

}  // namespace epaulet::config

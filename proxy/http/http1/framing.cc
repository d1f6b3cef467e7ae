#include "http/http1/framing.h"

namespace epaulet::http::http1 {
namespace {

using Length = FramingFacts::Length;
using Coding = FramingFacts::Coding;

/// What is wrong with the fields by themselves, whatever the message.
Fault fault_in(const FramingFacts& facts) {
  // RFC 9112 section 6.1: Transfer-Encoding in an HTTP/1.0 message is faulty framing, even with a
  // length.
  if (facts.transfer_encoding != Coding::absent && facts.version == Version::http10) {
    return Fault::transfer_encoding_in_http10;
  }
  // RFC 9112 section 6.3: Transfer-Encoding wins over Content-Length; treat both as an attack.
  if (facts.transfer_encoding != Coding::absent && facts.content_length != Length::absent) {
    return Fault::content_length_and_transfer_encoding;
  }
  if (facts.transfer_encoding == Coding::duplicate) return Fault::transfer_encoding_duplicate;
  if (facts.transfer_encoding == Coding::unknown) return Fault::transfer_encoding_unknown;
  if (facts.content_length == Length::duplicate) return Fault::content_length_duplicate;
  if (facts.content_length == Length::malformed) return Fault::content_length_syntax;
  return Fault::none;
}

FramingVerdict refuse(Fault fault) {
  FramingVerdict verdict;
  verdict.fault = fault;
  return verdict;
}

/// Without a body; the framing fields describe what is not there and say nothing about this
/// connection.
FramingVerdict bodiless(const FramingFacts& facts) {
  FramingVerdict verdict;
  verdict.fields_are_void = true;
  // Content-Length: 0 is common and harmless. Otherwise the sender may have sent a body that we do
  // not read.
  verdict.close_after = facts.transfer_encoding != Coding::absent || facts.length > 0;
  return verdict;
}

FramingVerdict delimited(Framing::Kind kind, std::uint64_t length = 0) {
  FramingVerdict verdict;
  verdict.framing.kind = kind;
  verdict.framing.length = length;
  return verdict;
}

bool announces_body(const FramingFacts& facts) {
  return facts.transfer_encoding != Coding::absent || facts.length > 0;
}

}  // namespace

FramingVerdict frame_request(const FramingFacts& facts, Method method) {
  if (const Fault fault = fault_in(facts); fault != Fault::none) return refuse(fault);
  // RFC 9110 section 9.3.6: what follows the head of a CONNECT is the tunnel, so a body would be
  // read twice.
  if (method == Method::connect && announces_body(facts)) return refuse(Fault::body_of_connect);
  if (facts.transfer_encoding == Coding::chunked) return delimited(Framing::Kind::chunked);
  if (facts.length > 0) return delimited(Framing::Kind::length, facts.length);
  return delimited(Framing::Kind::none);
}

FramingVerdict frame_response(const FramingFacts& facts, std::uint16_t status,
                              Method request_method) {
  if (const Fault fault = fault_in(facts); fault != Fault::none) return refuse(fault);
  // RFC 9112 section 6.3, rule 1: these end with the head whatever their fields say. RFC 9112
  // section 6.1 and RFC 9110 section 8.6 forbid framing fields in 1xx and 204. Behind an interim
  // response the next bytes are read as the final one: what announces a body there is an attack.
  // After a 204 nothing of ours follows, so it is enough to void the fields and not to use the
  // connection again: broken servers do send them.
  if (status < 200)
    return announces_body(facts) ? refuse(Fault::body_of_informational) : bodiless(facts);
  if (status == 204) return bodiless(facts);
  // RFC 9110 section 9.3.6: a 2xx to CONNECT becomes a tunnel, its framing fields MUST be ignored.
  if (request_method == Method::connect && status < 300) return bodiless(facts);
  // The fields say what a GET would have got (RFC 9110 sections 8.6 and 9.3.2): passed on as they
  // are.
  if (request_method == Method::head || status == 304) return delimited(Framing::Kind::none);
  if (facts.transfer_encoding == Coding::chunked) return delimited(Framing::Kind::chunked);
  if (facts.content_length == Length::valid) {
    return delimited(facts.length > 0 ? Framing::Kind::length : Framing::Kind::none, facts.length);
  }
  return delimited(Framing::Kind::until_close);
}

}  // namespace epaulet::http::http1

#include "proxy/headers.h"

#include <array>
#include <charconv>

#include "absl/container/inlined_vector.h"
#include "keyd/base/assert.h"
#include "proxy/field_names.h"

namespace keypool::proxy {
namespace {

// More than the lines that we add ourselves, secret included, so that a head is allocated for once.
constexpr std::size_t kOwnBytes = 256;

void Append(std::string_view a, std::string_view b, std::string_view c, std::string* out) {
  out->append(a).append(b).append(c);
}

void AppendField(const Field& field, std::string* out) {
  Append(field.name, ": ", field.value, out);
  out->append("\r\n");
}

void AppendFraming(const OutBody& body, std::string* out) {
  if (body.framing == Framing::kChunked) out->append("Transfer-Encoding: chunked\r\n");
  if (body.framing != Framing::kSized) return;
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), body.size).ptr;
  Append("Content-Length: ", {digits.data(), static_cast<std::size_t>(end - digits.data())}, "\r\n",
         out);
}

// The fields that Connection names, in the rare message where it names any.
class NamedByConnection {
 public:
  explicit NamedByConnection(const Fields& fields) {
    for (const Field& field : fields) {
      if (Identify(field.name) != FieldName::kConnection) continue;
      ForEachElement(field.value, [this](std::string_view element) {
        // These two are no fields; keep-alive is also a field, which goes anyway.
        if (!IsIgnoringCase(element, "keep-alive") && !IsIgnoringCase(element, "close")) {
          names_.push_back(element);
        }
        return true;
      });
    }
  }

  bool Has(std::string_view name) const {
    for (const std::string_view named : names_) {
      if (SameName(named, name)) return true;
    }
    return false;
  }

 private:
  absl::InlinedVector<std::string_view, 4> names_;
};

std::size_t BytesOf(const Fields& fields) {
  std::size_t bytes = kOwnBytes;
  for (const Field& field : fields) bytes += field.name.size() + field.value.size() + 4;
  return bytes;
}

void AppendKey(const Secret& key, KeyPlace place, std::string* out) {
  out->append(place == KeyPlace::kBearer ? "Authorization: Bearer " : "x-goog-api-key: ");
  out->append(key.Reveal());
  out->append("\r\n");
}

// True when an answer without a body may still carry the length that a body would have: answers to
// HEAD and 304.
bool KeepsLengthWithoutBody(const ResponseHead& head, const OutBody& body) {
  return body.framing == Framing::kNone && head.framing == Framing::kNone && head.status >= 200 &&
         head.status != 204;
}

void AppendStatusLine(const ResponseHead& head, std::string* out) {
  const char digits[] = {static_cast<char>('0' + head.status / 100),
                         static_cast<char>('0' + head.status / 10 % 10),
                         static_cast<char>('0' + head.status % 10), ' '};
  out->append("HTTP/1.1 ").append(digits, sizeof digits);
  Append(head.reason, "\r\n", {}, out);
}

}  // namespace

void AppendUpstreamHead(const RequestHead& head, const Plan& plan, std::string_view upstream_host,
                        const Secret& key, OutBody body, std::string* out) {
  KP_ASSERT(body.framing != Framing::kToClose);
  out->reserve(out->size() + head.method.size() + plan.target.size() + upstream_host.size() +
               BytesOf(head.fields));
  Append(head.method, " ", plan.target, out);
  out->append(" HTTP/1.1\r\n");
  const NamedByConnection named(head.fields);
  for (const Field& field : head.fields) {
    const FieldName name = Identify(field.name);
    if (name == FieldName::kHost) {
      AppendField({field.name, upstream_host}, out);
    } else if (!IsHopByHop(name) && !IsCredential(name) && !IsFraming(name) &&
               name != FieldName::kExpect && !named.Has(field.name)) {
      AppendField(field, out);
    }
  }
  AppendFraming(body, out);
  AppendKey(key, plan.key_place, out);
  out->append("\r\n");
}

void AppendClientHead(const ResponseHead& head, const ClientHeadOptions& options,
                      std::string* out) {
  KP_ASSERT(options.client_minor_version != 0 || options.body.framing != Framing::kChunked);
  out->reserve(out->size() + head.reason.size() + BytesOf(head.fields));
  AppendStatusLine(head, out);
  const NamedByConnection named(head.fields);
  bool keeps_length = KeepsLengthWithoutBody(head, options.body);
  for (const Field& field : head.fields) {
    const FieldName name = Identify(field.name);
    if (name == FieldName::kContentLength) {
      if (keeps_length) AppendFraming({Framing::kSized, head.content_length}, out);
      keeps_length = false;  // upstream may have repeated it
    } else if (!IsHopByHop(name) && name != FieldName::kTransferEncoding &&
               name != FieldName::kAltSvc && !named.Has(field.name)) {
      AppendField(field, out);
    }
  }
  AppendFraming(options.body, out);
  if (!options.keep_alive || options.body.framing == Framing::kToClose) {
    out->append("Connection: close\r\n");
  } else if (options.client_minor_version == 0) {
    out->append("Connection: keep-alive\r\n");
  }
  out->append("\r\n");
}

}  // namespace keypool::proxy

#include "proxy/headers.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "keyd/base/assert.h"
#include "proxy/field_names.h"
#include "proxy/inflate.h"

namespace keypool::proxy {
namespace {

// More than the fixed texts that we add ourselves.
constexpr std::size_t kOwnBytes = 256;

// Writes behind what is in a string already, into room that is made once.
class Writer {
 public:
  // `bytes_max` is at least what will be written.
  Writer(std::string* out, std::size_t bytes_max) : out_(*out) {
    const std::size_t size = out_.size();
    out_.resize(size + bytes_max);
    at_ = out_.data() + size;
  }
  ~Writer() { out_.resize(static_cast<std::size_t>(at_ - out_.data())); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Put(std::string_view text) { at_ += text.copy(at_, text.size()); }
  void Put(char c) { *at_++ = c; }
  void PutField(std::string_view name, std::string_view value) {
    Put(name);
    Put(": ");
    Put(value);
    Put("\r\n");
  }
  void PutNumber(std::uint64_t number) {
    constexpr std::size_t kDigitsMax = 20;
    at_ = std::to_chars(at_, at_ + kDigitsMax, number).ptr;
  }

 private:
  std::string& out_;
  char* at_;
};

void PutFraming(const OutBody& body, Writer* writer) {
  if (body.framing == Framing::kChunked) writer->Put("Transfer-Encoding: chunked\r\n");
  if (body.framing != Framing::kSized) return;
  writer->Put("Content-Length: ");
  writer->PutNumber(body.size);
  writer->Put("\r\n");
}

// The fields that Connection names, in the rare message where it names any.
class NamedByConnection {
 public:
  explicit NamedByConnection(const Fields& fields) {
    for (const Field& field : fields) {
      if (!IsIgnoringCase(field.name, "connection")) continue;
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

constexpr std::string_view kUpgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

void PutKey(std::string_view secret, KeyPlace place, Writer* writer) {
  if (place == KeyPlace::kNone) return;
  writer->Put(place == KeyPlace::kBearer ? "Authorization: Bearer " : "x-goog-api-key: ");
  writer->Put(secret);
  writer->Put("\r\n");
}

bool IsReadable(std::string_view element) {
  const std::size_t end = std::min(element.find_first_of("; \t"), element.size());
  const std::string_view coding = element.substr(0, end);
  return CanInflate(coding) || IsIgnoringCase(coding, "identity");
}

// Of the codings that the client takes, those in which an answer can be searched for keys.
void PutReadableCodings(const Field& field, Writer* writer) {
  const bool usual = field.value == "gzip, deflate" || field.value == "gzip";
  if (usual || ForEachElement(field.value, IsReadable))
    return writer->PutField(field.name, field.value);
  writer->Put(field.name);
  writer->Put(": ");
  bool first = true;
  ForEachElement(field.value, [&](std::string_view element) {
    if (!IsReadable(element)) return true;
    if (!std::exchange(first, false)) writer->Put(", ");
    writer->Put(element);
    return true;
  });
  if (first) writer->Put("identity");
  writer->Put("\r\n");
}

// True when an answer without a body may still carry the length that a body would have: answers to
// HEAD and 304.
bool KeepsLengthWithoutBody(const ResponseHead& head, const OutBody& body) {
  return body.framing == Framing::kNone && head.framing == Framing::kNone && head.status >= 200 &&
         head.status != 204;
}

// The values of the fields that lead on with an upload, in their order, as the client should see
// them.
std::vector<std::string> UploadUrls(const ResponseHead& head, const UrlRewrite* rewrite) {
  std::vector<std::string> urls;
  if (rewrite == nullptr) return urls;
  for (const Field& field : head.fields) {
    if (IsUploadUrl(field.name)) urls.push_back(ForClient(*rewrite, field.value));
  }
  return urls;
}

bool HasCors(const ResponseHead& head) {
  return std::any_of(head.fields.begin(), head.fields.end(), [](const Field& field) {
    return SameName(field.name, "access-control-allow-origin");
  });
}

void PutStatusLine(const ResponseHead& head, Writer* writer) {
  writer->Put("HTTP/1.1 ");
  writer->PutNumber(static_cast<std::uint64_t>(head.status));
  writer->Put(' ');
  writer->Put(head.reason);
  writer->Put("\r\n");
}

}  // namespace

void AppendUpstreamHead(const RequestHead& head, const Plan& plan, std::string_view upstream_host,
                        const Secret& key, OutBody body, std::string* out,
                        std::string_view server_timeout) {
  KP_ASSERT(body.framing != Framing::kToClose);
  const std::string_view secret = key.Reveal();
  Writer writer(out, kOwnBytes + BytesOf(head.fields) + head.method.size() + plan.target.size() +
                         upstream_host.size() + secret.size() + server_timeout.size());
  writer.Put(head.method);
  writer.Put(' ');
  writer.Put(plan.target);
  writer.Put(" HTTP/1.1\r\n");
  const NamedByConnection named(head.fields);
  bool has_host = false;
  for (const Field& field : head.fields) {
    const FieldName name = Identify(field.name);
    if (name == FieldName::kHost && !has_host) {
      writer.PutField(field.name, upstream_host);
      has_host = true;
    } else if (!IsHopByHop(name) && !IsFraming(name) &&
               (!IsCredential(name) ||
                (plan.key_place == KeyPlace::kNone && IsEphemeralToken(field))) &&
               name != FieldName::kExpect && !named.Has(field.name)) {
      if (name == FieldName::kAcceptEncoding) {
        PutReadableCodings(field, &writer);
      } else if (name == FieldName::kServerTimeout && !server_timeout.empty()) {
        writer.PutField(field.name, server_timeout);
      } else {
        writer.PutField(field.name, field.value);
      }
    }
  }
  if (!has_host) writer.PutField("Host", upstream_host);
  PutFraming(body, &writer);
  if (plan.live) writer.Put(kUpgrade);
  PutKey(secret, plan.key_place, &writer);
  writer.Put("\r\n");
}

void AppendClientHead(const ResponseHead& head, const ClientHeadOptions& options,
                      std::string* out) {
  KP_ASSERT(options.client_minor_version != 0 || options.body.framing != Framing::kChunked);
  const std::vector<std::string> urls = UploadUrls(head, options.upload_urls);
  std::size_t url_bytes = 0;
  for (const std::string& url : urls) url_bytes += url.size();
  Writer writer(out, kOwnBytes + BytesOf(head.fields) + head.reason.size() + url_bytes +
                         options.cors_fields.size());
  PutStatusLine(head, &writer);
  auto url = urls.begin();
  const NamedByConnection named(head.fields);
  bool keeps_length = KeepsLengthWithoutBody(head, options.body);
  for (const Field& field : head.fields) {
    const FieldName name = Identify(field.name);
    const bool is_url = url != urls.end() && IsUploadUrl(field.name);
    const std::string_view value = is_url ? std::string_view(*url++) : field.value;
    if (name == FieldName::kContentLength) {
      if (keeps_length) PutFraming({Framing::kSized, head.content_length}, &writer);
      keeps_length = false;  // upstream may have repeated it
    } else if (!IsHopByHop(name) && name != FieldName::kTransferEncoding &&
               name != FieldName::kAltSvc && !named.Has(field.name)) {
      writer.PutField(field.name, value);
    }
  }
  if (!options.cors_fields.empty() && !HasCors(head)) writer.Put(options.cors_fields);
  PutFraming(options.body, &writer);
  if (options.websocket) {
    writer.Put(kUpgrade);
  } else if (!options.keep_alive || options.body.framing == Framing::kToClose) {
    writer.Put("Connection: close\r\n");
  } else if (options.client_minor_version == 0) {
    writer.Put("Connection: keep-alive\r\n");
  }
  writer.Put("\r\n");
}

}  // namespace keypool::proxy

#include "proxy/exchange.h"

#include <openssl/crypto.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"

namespace keypool::proxy {
namespace {

iovec Part(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

// A head with a key in it, wiped as soon as it is not needed.
struct SecretText {
  std::string text;
  ~SecretText() { OPENSSL_cleanse(text.data(), text.size()); }
};

}  // namespace

OutBody Exchange::Framed(const Outgoing& out) {
  if (out.plan.body == BodyPlan::kStream) {
    return {out.head.framing, out.head.content_length};
  }
  // A kept body is sent with its size even when it came in chunks: the bytes are the same, and
  // every server understands a length.
  if (out.head.framing == Framing::kNone) return {};
  return {Framing::kSized, out.body.size()};
}

Task<ExchangeEnd> Exchange::Run(const Outgoing& out, bool fresh, LeaseGuard* lease) {
  method_ = out.head.method;
  const bool leased = out.plan.key_place != KeyPlace::kNone;
  const Secret no_key("");
  const Secret& key = leased ? *lease->grant().secret : no_key;
  SecretText head;
  AppendUpstreamHead(out.head, out.plan, out.upstream_host, key, Framed(out), &head.text,
                     out.server_timeout);
  if (out.plan.live) answer_.ExpectUpgrade();
  for (;;) {
    const ExchangeEnd opened = co_await OpenConnection(fresh);
    if (opened != ExchangeEnd::kAnswered) co_return opened;
    if (leased && around_.clock.MonoNow() > lease->grant().send_by) {
      around_.pool.Give(std::move(connection_));
      co_return ExchangeEnd::kLate;
    }
    lease->MarkSent();
    const SendEnd sent = co_await Send(out, head.text);
    if (sent == SendEnd::kNothingSent) {
      lease->MarkUnsent();
      if (reused_) {
        fresh = true;
        continue;
      }
      problem_ = "the connection was closed before anything could be sent";
      co_return ExchangeEnd::kNoConnection;
    }
    switch (sent) {
      case SendEnd::kSent:
        whole_request_sent_ = true;
        co_return co_await AwaitHead();
      case SendEnd::kAnswered:
        body_left_unread_ = out.plan.body == BodyPlan::kStream;
        co_return ExchangeEnd::kAnswered;
      case SendEnd::kSilent:
        co_return ExchangeEnd::kSilent;
      case SendEnd::kBadAnswer:
        co_return ExchangeEnd::kBadAnswer;
      case SendEnd::kBadBody:
        co_return ExchangeEnd::kBadBody;
      case SendEnd::kBodyTimeout:
        co_return ExchangeEnd::kBodyTimeout;
      case SendEnd::kSpoolFailed:
        co_return ExchangeEnd::kSpoolFailed;
      case SendEnd::kClientGone:
        co_return ExchangeEnd::kClientGone;
      case SendEnd::kNothingSent:
      case SendEnd::kBroken:
        co_return ExchangeEnd::kBroken;
    }
  }
}

Task<ExchangeEnd> Exchange::OpenConnection(bool fresh) {
  connection_ = fresh ? nullptr : around_.pool.TakeIdle(&around_.client.wakeup());
  reused_ = connection_ != nullptr;
  if (reused_) co_return ExchangeEnd::kAnswered;
  UpstreamPool::Connected connected = co_await around_.pool.Connect(around_.client);
  if (connected.interrupt == Interrupt::kGone) co_return ExchangeEnd::kClientGone;
  connection_ = std::move(connected.connection);
  problem_ = std::move(connected.problem);
  if (connection_ != nullptr) co_return ExchangeEnd::kAnswered;
  co_return connected.no_descriptor ? ExchangeEnd::kNoDescriptor : ExchangeEnd::kNoConnection;
}

Task<Exchange::SendEnd> Exchange::Send(const Outgoing& out, std::string_view head) {
  bytes_sent_ = 0;
  if (out.plan.body == BodyPlan::kStream && out.head.framing != Framing::kNone) {
    co_return co_await SendStreamed(out, head);
  }
  if (out.body.Spooled()) co_return co_await SendSpooled(out, head);
  std::array<iovec, 2> parts = {Part(head), Part(out.body.InMemory())};
  const std::span<iovec> all = std::span(parts).first(out.body.size() == 0 ? 1 : 2);
  co_return co_await SendParts(all);
}

Task<Exchange::SendEnd> Exchange::SendParts(std::span<iovec> parts) {
  parts = Behind(parts, 0);
  while (!parts.empty()) {
    const IoResult result = connection_->Write(parts);
    bytes_sent_ += result.bytes;
    parts = Behind(parts, result.bytes);
    if (result.status == IoStatus::kDone) continue;
    if (result.status == IoStatus::kFailed || result.status == IoStatus::kEnd) {
      if (bytes_sent_ == 0) co_return SendEnd::kNothingSent;
      // It may have answered and closed, without caring for the rest of the request.
      co_return ReadHead() == Step::kAnswered ? SendEnd::kAnswered : SendEnd::kBroken;
    }
    around_.client.SetDeadline(kUpstreamStallMax);
    connection_->Arm(result.status);
    connection_->Arm(IoStatus::kWantRead);
    while (connection_->Armed(result.status) && connection_->Armed(IoStatus::kWantRead)) {
      const Interrupt interrupt = around_.client.Interrupted();
      if (interrupt == Interrupt::kGone) co_return SendEnd::kClientGone;
      if (interrupt == Interrupt::kTimeout) {
        problem_ = "it did not take the request";
        co_return SendEnd::kSilent;
      }
      co_await around_.client.wakeup().Wait();
    }
    if (connection_->Armed(IoStatus::kWantRead)) continue;
    switch (ReadHead()) {
      case Step::kMore:
        break;
      case Step::kAnswered:
        co_return SendEnd::kAnswered;
      case Step::kBadAnswer:
        co_return SendEnd::kBadAnswer;
      case Step::kBroken:
        co_return SendEnd::kBroken;
    }
  }
  co_return SendEnd::kSent;
}

Task<Exchange::SendEnd> Exchange::SendSpooled(const Outgoing& out, std::string_view head) {
  const BufferPool::Block block = around_.buffers.Take();
  for (std::uint64_t offset = 0; offset < out.body.size();) {
    const absl::StatusOr<std::size_t> n =
        out.body.Read(offset, block.get(), BufferPool::kBlockBytes);
    if (!n.ok()) {
      problem_ = std::string(n.status().message());
      co_return SendEnd::kSpoolFailed;
    }
    std::array<iovec, 2> parts = {Part(head), Part({block.get(), *n})};
    const std::span<iovec> all = std::span(parts).subspan(offset == 0 ? 0 : 1);
    const SendEnd sent = co_await SendParts(all);
    if (sent != SendEnd::kSent) co_return sent;
    offset += *n;
  }
  co_return SendEnd::kSent;
}

Exchange::Step Exchange::ReadHead() {
  const IoStatus status = answer_.Fill(*connection_);
  if (status == IoStatus::kWantRead || status == IoStatus::kWantWrite) return Step::kMore;
  if (status != IoStatus::kDone) return Step::kBroken;
  switch (answer_.ParseHead(method_)) {
    case UpstreamAnswer::HeadStep::kMore:
      return Step::kMore;
    case UpstreamAnswer::HeadStep::kComplete:
      return Step::kAnswered;
    case UpstreamAnswer::HeadStep::kInvalid:
      break;
  }
  return Step::kBadAnswer;
}

Task<ExchangeEnd> Exchange::AwaitHead() {
  around_.client.SetDeadline(around_.timeout);
  for (;;) {
    // Not tried first: there cannot be an answer yet, or not the rest of it.
    connection_->Arm(IoStatus::kWantRead);
    while (connection_->Armed(IoStatus::kWantRead)) {
      const Interrupt interrupt = around_.client.Interrupted();
      if (interrupt == Interrupt::kGone) co_return ExchangeEnd::kClientGone;
      if (interrupt == Interrupt::kTimeout) {
        problem_ = "it did not answer in time";
        co_return ExchangeEnd::kSilent;
      }
      co_await around_.client.wakeup().Wait();
    }
    switch (ReadHead()) {
      case Step::kMore:
        break;
      case Step::kAnswered:
        co_return ExchangeEnd::kAnswered;
      case Step::kBadAnswer:
        co_return ExchangeEnd::kBadAnswer;
      case Step::kBroken:
        co_return ExchangeEnd::kBroken;
    }
  }
}

Task<Exchange::More> Exchange::AwaitPayload() {
  for (;;) {
    const IoStatus status = answer_.Fill(*connection_);
    if (status != IoStatus::kWantRead && status != IoStatus::kWantWrite) co_return More{status};
    connection_->Arm(status);
    while (connection_->Armed(status)) {
      const Interrupt interrupt = around_.client.Interrupted();
      if (interrupt != Interrupt::kNone) co_return More{IoStatus::kFailed, interrupt};
      co_await around_.client.wakeup().Wait();
    }
  }
}

void Exchange::Finish() {
  if (connection_ != nullptr && whole_request_sent_ && answer_.Reusable()) {
    around_.pool.Give(std::move(connection_));
  }
  connection_ = nullptr;
}

}  // namespace keypool::proxy

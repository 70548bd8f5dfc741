#include "proxy/live_tunnel.h"

#include <openssl/rand.h>

#include <algorithm>
#include <span>
#include <utility>

namespace keypool::proxy {
namespace {

// What upstream may say before the setup has gone to it.
constexpr std::size_t kEarlyBytesMax = 16 * 1024;
// For the end of the connection behind a close frame of either side, and for the frame under way to
// end when we close.
constexpr absl::Duration kCloseMax = absl::Seconds(30);
constexpr absl::Duration kOwnCloseMax = absl::Seconds(1);
constexpr int kGoingAway = 1001;

std::uint32_t RandomMask() {
  unsigned char bytes[4] = {};
  RAND_bytes(bytes, sizeof(bytes));
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

iovec Part(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

bool Waits(IoStatus status) {
  return status == IoStatus::kWantRead || status == IoStatus::kWantWrite;
}

}  // namespace

LiveTunnel::LiveTunnel(ClientConnection& client, TimerWheel& wheel, bool deflates,
                       const Redactor& keys)
    : client_(client),
      wheel_(wheel),
      deflates_(deflates),
      keys_(keys),
      up_(LiveWatch::Sender::kClient, deflates),
      down_(LiveWatch::Sender::kServer, deflates, &keys),
      up_stall_(&client.wakeup()),
      down_stall_(&client.wakeup()),
      closing_(&client.wakeup()),
      draining_(&client.wakeup()) {
  client_.KeepAlive();
}

void LiveTunnel::Attach(Exchange* upstream) {
  connection_ = &upstream->connection();
  answer_ = &upstream->answer();
  connection_->KeepAlive();
  up_want_ = IoStatus::kWantWrite;
  down_want_ = IoStatus::kWantRead;
  upstream_ended_ = !FeedDown();
}

void LiveTunnel::Detach() {
  connection_ = nullptr;
  answer_ = nullptr;
  down_ = LiveWatch(LiveWatch::Sender::kServer, deflates_, &keys_);
  down_fed_ = 0;
  upstream_bad_ = false;
  upstream_ended_ = true;
}

bool LiveTunnel::FeedUp() {
  const std::string_view fresh = client_.Unread().substr(up_fed_);
  up_fed_ += fresh.size();
  return up_.Feed(fresh);
}

bool LiveTunnel::FeedDown() {
  const std::string_view unread = answer_->Unread();
  upstream_bad_ = upstream_bad_ || !down_.Feed(unread, std::exchange(down_fed_, unread.size()));
  return !upstream_bad_;
}

// Of what upstream has sent, what may go on.
std::string_view LiveTunnel::ForClient() const {
  return answer_->Unread().substr(0,
                                  down_fed_ - std::min<std::size_t>(down_fed_, down_.HeldBack()));
}

// Before the setup has gone to it: what it says is looked at and kept.
void LiveTunnel::PollUpstream() {
  while (!upstream_ended_ && !connection_->Armed(down_want_) &&
         answer_->Unread().size() < kEarlyBytesMax) {
    const IoStatus status = answer_->Fill(*connection_);
    if (Waits(status)) {
      down_want_ = status;
      connection_->Arm(status);
    } else if (status != IoStatus::kDone || !FeedDown() || down_.close()) {
      upstream_ended_ = true;
    }
  }
}

Task<LiveTunnel::SetupEnd> LiveTunnel::AwaitSetup(const bool& stopping) {
  client_.SetDeadline(kSetupMax);
  client_.Watch();
  for (;;) {
    const Interrupt interrupt = client_.Interrupted();
    const std::string_view came = client_.Unread();
    if (!came.empty()) {
      if (!up_.Feed(came)) co_return SetupEnd::kBadFrames;
      held_.append(came);
      client_.Consume(came.size());
      if (up_.close() && !down_.close()) closed_here_ = true;
      if (up_.HasMessage() || up_.close()) break;
      if (held_.size() > kSetupBytesMax) co_return SetupEnd::kTooLarge;
    }
    if (interrupt == Interrupt::kGone) co_return SetupEnd::kGone;
    if (interrupt == Interrupt::kTimeout) co_return SetupEnd::kTimeout;
    if (stopping && held_.empty()) co_return SetupEnd::kStopping;
    PollUpstream();
    if (client_.ReadArmed()) co_await client_.wakeup().Wait();
  }
  client_.ClearDeadline();
  co_return SetupEnd::kReady;
}

Task<LiveTunnel::OpenEnd> LiveTunnel::Open() {
  for (std::size_t sent = 0; sent < held_.size();) {
    const iovec part = Part(std::string_view(held_).substr(sent));
    const IoResult result = connection_->Write(std::span(&part, 1));
    sent += result.bytes;
    if (result.status == IoStatus::kDone) continue;
    if (!Waits(result.status)) break;  // it may have closed in order: what it said is read below
    client_.SetDeadline(kUpstreamStallMax);
    connection_->Arm(result.status);
    while (connection_->Armed(result.status)) {
      const Interrupt interrupt = client_.Interrupted();
      if (interrupt == Interrupt::kGone) co_return OpenEnd::kGone;
      if (interrupt == Interrupt::kTimeout) co_return OpenEnd::kCut;
      co_await client_.wakeup().Wait();
    }
  }
  client_.ClearDeadline();
  for (;;) {
    PollUpstream();
    if (down_.close()) co_return OpenEnd::kRefused;
    if (down_.Begun()) break;
    if (upstream_ended_) co_return OpenEnd::kCut;
    // A client that takes its leave before there was an answer must be heard, too.
    if (up_.close() || client_.Interrupted() == Interrupt::kGone) break;
    co_await client_.wakeup().Wait();
  }
  bytes_up_ += held_.size();
  held_ = std::string();
  co_return OpenEnd::kOpen;
}

Task<LiveTunnel::End> LiveTunnel::Run(const bool& stopping, absl::Duration drain_after,
                                      LiveHandles* handles) {
  handles_ = handles;
  client_.EndRequest();
  if (!FeedUp()) end_ = End::kBadClient;
  if (upstream_bad_) end_ = End::kBadUpstream;
  while (!end_) {
    bool moved = true;
    while (moved && !end_) {
      moved = StepUp();
      if (!end_) moved = StepDown() || moved;
    }
    MayPassDown();  // with nothing to pass, too
    NoteCloses();
    NoteTime(stopping, drain_after);
    if (!end_) co_await client_.wakeup().Wait();
  }
  co_return *end_;
}

// Each step moves at most one buffer, and tells whether it moved anything.

bool LiveTunnel::StepUp() {
  if (up_done_) return false;
  if (client_.Unread().empty()) {
    if (!close_up_.empty() && up_.AtFrameEnd()) {
      std::size_t sent = 0;
      if (!SendUp(close_up_, &sent)) return false;
      close_up_.erase(0, sent);
      up_done_ = close_up_.empty();
      return true;
    }
    client_.ArmRead();
    if (client_.ReadArmed()) {
      client_.EndRequest();  // gives the buffer back
      return false;
    }
    const IoStatus status = client_.TryRead();
    if (status == IoStatus::kWantRead) return true;
    if (status != IoStatus::kDone) {
      end_ = End::kClientGone;
      return false;
    }
    if (!FeedUp()) {
      end_ = End::kBadClient;
      return false;
    }
  }
  std::size_t sent = 0;
  if (!SendUp(client_.Unread(), &sent)) return false;
  client_.Consume(sent);
  up_fed_ -= sent;
  bytes_up_ += sent;
  return true;
}

bool LiveTunnel::SendUp(std::string_view bytes, std::size_t* sent) {
  if (connection_->Armed(up_want_)) return false;
  const iovec part = Part(bytes);
  const IoResult result = connection_->Write(std::span(&part, 1));
  *sent = result.bytes;
  if (result.status == IoStatus::kDone) {
    up_stall_.Disarm();
    return true;
  }
  if (!Waits(result.status)) {
    up_done_ = true;  // what upstream has said before it went may still come
    return false;
  }
  up_want_ = result.status;
  connection_->Arm(up_want_);
  wheel_.Arm(&up_stall_, kUpstreamStallMax);
  return !connection_->Armed(up_want_);
}

bool LiveTunnel::StepDown() {
  if (down_done_) return false;
  if (ForClient().empty()) {
    if (down_.close()) {
      answer_->Consume(answer_->Unread().size());  // what stands behind a close frame
      down_fed_ = 0;
    }
    if (answer_->Unread().empty() && !close_down_.empty() && down_.AtFrameEnd()) {
      std::size_t sent = 0;
      if (!SendDown(close_down_, &sent)) return false;
      close_down_.erase(0, sent);
      down_done_ = close_down_.empty();
      return true;
    }
    if (upstream_ended_) {
      end_ = down_.close() ? End::kEnded : End::kUpstreamCut;
      return false;
    }
    // What TLS has unpacked already makes no event.
    if (connection_->ssl() == nullptr) connection_->Arm(down_want_);
    if (connection_->Armed(down_want_)) {
      answer_->LetGo();
      return false;
    }
    const IoStatus status = answer_->Fill(*connection_);
    if (Waits(status)) {
      down_want_ = status;
      connection_->Arm(status);
      return true;
    }
    if (status != IoStatus::kDone) {
      upstream_ended_ = true;
      return true;
    }
    if (!FeedDown()) {
      end_ = End::kBadUpstream;
      return false;
    }
    if (ForClient().empty()) return true;
  }
  if (!MayPassDown()) return false;
  std::size_t sent = 0;
  if (!SendDown(ForClient(), &sent)) return false;
  answer_->Consume(sent);
  down_fed_ -= sent;
  bytes_down_ += sent;
  return true;
}

bool LiveTunnel::MayPassDown() { return handles_ == nullptr || handles_->Tell(&down_.scan()); }

bool LiveTunnel::SendDown(std::string_view bytes, std::size_t* sent) {
  if (client_.WriteArmed(client_want_)) return false;
  const iovec part = Part(bytes);
  const IoResult result = client_.TryWrite(std::span(&part, 1));
  *sent = result.bytes;
  if (result.status == IoStatus::kDone) {
    down_stall_.Disarm();
    return true;
  }
  if (result.status != IoStatus::kWantWrite && result.status != IoStatus::kWantRead) {
    end_ = End::kClientGone;
    return false;
  }
  client_want_ = result.status;
  client_.ArmWrite(client_want_);
  wheel_.Arm(&down_stall_, client_.patience().write_stall);
  return !client_.WriteArmed(client_want_);
}

void LiveTunnel::NoteCloses() {
  if (ends_noted_ || (!up_.close() && !down_.close())) return;
  ends_noted_ = true;
  if (!down_.close()) closed_here_ = true;
  wheel_.Arm(&closing_, kCloseMax);
}

void LiveTunnel::NoteTime(const bool& stopping, absl::Duration drain_after) {
  if (end_) return;
  if (stopping && !std::exchange(drains_, true)) wheel_.Arm(&draining_, drain_after);
  if (draining_.Expired()) {
    draining_.Disarm();
    Close(kGoingAway, "The proxy is being restarted; connect again.");
  }
  if (up_stall_.Expired() || down_stall_.Expired()) end_ = End::kStalled;
  if (closing_.Expired()) end_ = down_.close() ? End::kEnded : End::kClosed;
  if (down_done_ && up_done_) end_ = End::kClosed;
}

void LiveTunnel::Close(int code, std::string_view reason) {
  // One that is ending anyway has its close frames already.
  if (!ends_noted_) {
    ends_noted_ = closed_here_ = true;
    close_up_ = WsMaskedCloseFrame(code, reason, RandomMask());
    close_down_ = WsCloseFrame(code, reason);
  }
  wheel_.Arm(&closing_, kOwnCloseMax);
  client_.wakeup().Notify();
}

}  // namespace keypool::proxy

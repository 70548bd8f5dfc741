// The bytes of a Live session between a client and upstream, once both have agreed on a WebSocket.
//
//   wait for the setup → (a key for its model; perhaps another connection) → open → run
//
// Bytes pass unchanged in both directions, but for keys in what upstream says; what the pool has to
// know of them is read on the side.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "proxy/client_connection.h"
#include "proxy/exchange.h"
#include "proxy/live_handles.h"
#include "proxy/live_watch.h"
#include "proxy/redact.h"
#include "proxy/task.h"
#include "proxy/timer_wheel.h"

namespace keypool::proxy {

// Used by one thread and one coroutine. Holds buffers only while bytes are on their way.
class LiveTunnel {
 public:
  // A first message larger than this is not passed on: the model that is to be counted could stand
  // at its end.
  static constexpr std::size_t kSetupBytesMax = 1024 * 1024;
  static constexpr absl::Duration kSetupMax = absl::Seconds(60);

  // `keys` are masked in what upstream says: those of all connections, which may become more.
  LiveTunnel(ClientConnection& client, TimerWheel& wheel, bool deflates, const Redactor& keys);
  LiveTunnel(const LiveTunnel&) = delete;
  LiveTunnel& operator=(const LiveTunnel&) = delete;

  // The connection to use from now on, on which upstream has answered 101. It must outlive its use
  // here.
  void Attach(Exchange* upstream);
  // Forgets it, before it goes.
  void Detach();

  enum class SetupEnd { kReady, kGone, kTimeout, kTooLarge, kBadFrames, kStopping };
  // Waits for the client's first message and keeps it. What comes from upstream meanwhile waits.
  // kStopping: it has become true that `stopping`, and none had begun.
  Task<SetupEnd> AwaitSetup(const bool& stopping);
  // After kReady: what the first message asks for.
  const LiveScan& setup() const { return up_.scan(); }

  enum class OpenEnd {
    kOpen,     // upstream has begun to answer
    kRefused,  // it has closed the session instead: see upstream_close
    kCut,      // it has closed the connection, or takes nothing
    kGone,
  };
  // Sends what was kept, and waits for the first of the answer. The client has seen nothing of it
  // yet: it may be tried again with another connection.
  Task<OpenEnd> Open();

  enum class End {
    kEnded,        // upstream has ended the connection, behind a close frame
    kUpstreamCut,  // … without one
    kClientGone,   // the client has
    kStalled,      // one of them takes nothing
    kClosed,       // by us: Close or `stopping`
    kBadClient,    // what came from it is no WebSocket's
    kBadUpstream,
  };
  // Passes everything on until either side ends it. `drain_after` it has become true that
  // `stopping`, with a notification of the client's wakeup, both sides are told to go (1001). May
  // come without Open: then nothing was kept. `handles`, which may be null, is told of those that
  // come down before the client gets them.
  Task<End> Run(const bool& stopping, absl::Duration drain_after, LiveHandles* handles);

  // A frame of ours could go to the client now.
  bool MaySpeak() const { return down_.AtFrameEnd() && answer_->Unread().empty(); }
  bool UpstreamEnded() const { return upstream_ended_; }
  // That upstream has sent, on the connection of now.
  const std::optional<WsClose>& upstream_close() const { return down_.close(); }
  // The session ended because the client, or we, closed it first.
  bool ClosedHere() const { return closed_here_; }
  // What upstream has said.
  const LiveScan& answers() const { return down_.scan(); }
  LiveScan& answers() { return down_.scan(); }
  std::uint64_t bytes_up() const { return bytes_up_; }
  std::uint64_t bytes_down() const { return bytes_down_; }

 private:
  void PollUpstream();
  bool FeedUp();
  bool FeedDown();
  bool StepUp();
  bool StepDown();
  std::string_view ForClient() const;
  bool MayPassDown();
  bool SendUp(std::string_view bytes, std::size_t* sent);
  bool SendDown(std::string_view bytes, std::size_t* sent);
  void Close(int code, std::string_view reason);
  void NoteTime(const bool& stopping, absl::Duration drain_after);
  void NoteCloses();

  ClientConnection& client_;
  TimerWheel& wheel_;
  const bool deflates_;
  const Redactor& keys_;
  UpstreamConnection* connection_ = nullptr;
  UpstreamAnswer* answer_ = nullptr;
  LiveHandles* handles_ = nullptr;
  LiveWatch up_;
  LiveWatch down_;
  std::string held_;        // everything from the client's first byte to its setup
  std::size_t up_fed_ = 0;  // bytes that are unread and were looked at
  std::size_t down_fed_ = 0;
  IoStatus up_want_ = IoStatus::kWantWrite;
  IoStatus down_want_ = IoStatus::kWantRead;
  IoStatus client_want_ = IoStatus::kWantWrite;
  Timer up_stall_, down_stall_, closing_, draining_;
  bool upstream_ended_ = false;
  bool upstream_bad_ = false;  // what it sent is no WebSocket's
  bool up_done_ = false;       // nothing more goes up
  bool down_done_ = false;     // our close frame went down
  bool drains_ = false;
  bool closed_here_ = false;  // before upstream has closed it
  bool ends_noted_ = false;
  std::string close_up_, close_down_;  // our own, to be sent behind the frame under way
  std::optional<End> end_;
  std::uint64_t bytes_up_ = 0, bytes_down_ = 0;
};

}  // namespace keypool::proxy

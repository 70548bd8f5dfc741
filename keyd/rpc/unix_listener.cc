#include "keyd/rpc/unix_listener.h"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/audit.h"
#include "keyd/base/mutex.h"
#include "keyd/base/status.h"
#include "keyd/rpc/socket.h"

namespace keypool::rpc {
namespace {

absl::Status Failed(const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat("KEYD_LISTEN: cannot listen on ", path, ": ", ErrorText(errno)));
}

absl::StatusOr<Socket> Listen(const std::string& path, const SocketSharing& sharing) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  KP_ASSERT(path.size() < sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.data(), path.size());
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const PrivateUmask umask;  // from the first moment on, others cannot connect
  if (!socket.ok() ||
      bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed(path);
  }
  KP_RETURN_IF_ERROR(OpenSocket(path, sharing));
  if (listen(socket.fd(), SOMAXCONN) != 0) return Failed(path);
  return socket;
}

// By the file alone: a directory service that does not answer must not keep anybody out.
std::string NameOf(uid_t uid) {
  std::string name;
  std::FILE* users = std::fopen("/etc/passwd", "re");
  if (users == nullptr) return name;
  char lines[4096];
  passwd entry = {};
  passwd* found = nullptr;
  while (name.empty() && fgetpwent_r(users, &entry, lines, sizeof(lines), &found) == 0) {
    if (found->pw_uid == uid) name = found->pw_name;
  }
  std::fclose(users);
  return name;
}

// Which file it is, so that not another one is removed.
std::pair<dev_t, ino_t> FileAt(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino};
}

class ListenerImpl final : public UnixListener {
 public:
  ListenerImpl(std::string path, Socket socket, OnConnection on_connection)
      : path_(std::move(path)),
        file_(FileAt(path_)),
        socket_(std::move(socket)),
        wake_(MakeWake()),
        on_connection_(std::move(on_connection)),
        thread_([this] {
          AcceptUntil(socket_, wake_, [this](Socket connection) { Take(std::move(connection)); });
        }) {}
  ~ListenerImpl() override { Stop(); }

  void Stop() override {
    Wake(wake_);
    const MutexLock lock(&stop_mutex_);
    if (!thread_.joinable()) return;
    thread_.join();
    if (FileAt(path_) == file_) unlink(path_.c_str());
  }

 private:
  void Take(Socket connection) {
    ucred peer = {};
    socklen_t size = sizeof(peer);
    const bool known = getsockopt(connection.fd(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
    on_connection_(known ? WhoIs(peer.uid) : std::string(kAuditNobody), connection.Release());
  }
  std::string WhoIs(uid_t uid) {
    std::string& who = known_[uid];
    if (!who.empty()) return who;
    const std::string name = NameOf(uid);
    who = name.empty() ? absl::StrCat("uid ", uid) : absl::StrCat("uid ", uid, " (", name, ")");
    return who;
  }

  const std::string path_;
  const std::pair<dev_t, ino_t> file_;
  const Socket socket_, wake_;
  const OnConnection on_connection_;
  std::map<uid_t, std::string> known_;  // of the accepting thread
  Mutex stop_mutex_;                    // of who joins the thread
  std::thread thread_;                  // last: everything above exists when it starts
};

}  // namespace

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Start(const std::string& path,
                                                                  const SocketSharing& sharing,
                                                                  OnConnection on_connection) {
  absl::StatusOr<Socket> socket = Listen(path, sharing);
  if (!socket.ok()) return socket.status();
  return std::make_unique<ListenerImpl>(path, *std::move(socket), std::move(on_connection));
}

}  // namespace keypool::rpc

#include "proxy/body.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"

namespace keypool::proxy {
namespace {

absl::Status FileError(std::string_view what, const std::string& directory, int error) {
  const std::string text =
      absl::StrCat("cannot ", std::string(what), " a temporary file in SPOOL_DIR ", directory, ": ",
                   std::generic_category().message(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  if (error == EMFILE || error == ENFILE) return absl::UnavailableError(text);
  return absl::InternalError(text);
}

}  // namespace

Body::~Body() {
  GiveMemoryBack();
  if (file_ >= 0) ::close(file_);
}

void Body::Borrow(std::string_view all) {
  KP_ASSERT(size_ == 0);
  memory_view_ = all;
  size_ = all.size();
}

void Body::Expect(std::uint64_t bytes) {
  if (bytes <= limits_.memory_bytes_max) memory_.reserve(static_cast<std::size_t>(bytes));
}

absl::Status Body::Append(std::string_view piece) {
  if (piece.size() > limits_.bytes_max - size_) {
    return absl::OutOfRangeError(
        absl::StrCat("the body is larger than ", limits_.bytes_max, " bytes"));
  }
  if (file_ < 0 && MayKeep(piece.size())) {
    memory_.append(piece);
    memory_view_ = memory_;
    size_ += piece.size();
    return absl::OkStatus();
  }
  if (file_ < 0) {
    absl::Status status = OpenFile();
    if (status.ok()) status = WriteFile(memory_);
    if (!status.ok()) return status;
    memory_ = {};
    memory_view_ = {};
    GiveMemoryBack();
  }
  absl::Status status = WriteFile(piece);
  if (status.ok()) size_ += piece.size();
  return status;
}

bool Body::MayKeep(std::size_t more) {
  const std::size_t size = static_cast<std::size_t>(size_) + more;
  if (size > limits_.memory_bytes_max) return false;
  if (all_ == nullptr || size <= kFreeBytes + taken_) return true;
  // Twice as much each time, as memory_ grows.
  const std::size_t step = std::max(size - kFreeBytes - taken_, taken_);
  if (!all_->Take(static_cast<std::int64_t>(step))) return false;
  taken_ += step;
  return true;
}

void Body::GiveMemoryBack() {
  if (taken_ != 0) all_->Give(static_cast<std::int64_t>(std::exchange(taken_, 0)));
}

absl::Status Body::OpenFile() {
  const std::string& directory = limits_.spool_dir;
  file_ = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ >= 0) return absl::OkStatus();
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
    return FileError("make", directory, errno);
  }
  // A file system without O_TMPFILE: a file whose name goes at once.
  std::string name = directory + "/keypool-body-XXXXXX";
  file_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (file_ < 0) return FileError("make", directory, errno);
  ::unlink(name.c_str());
  return absl::OkStatus();
}

absl::Status Body::WriteFile(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t n = ::write(file_, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return FileError("write", limits_.spool_dir, n < 0 ? errno : ENOSPC);
    piece.remove_prefix(static_cast<std::size_t>(n));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> Body::Read(std::uint64_t offset, char* to, std::size_t room) const {
  KP_ASSERT(file_ >= 0);
  room = static_cast<std::size_t>(std::min<std::uint64_t>(room, size_ - std::min(offset, size_)));
  if (room == 0) return std::size_t{0};
  for (;;) {
    const ssize_t n = ::pread(file_, to, room, static_cast<off_t>(offset));
    if (n > 0) return static_cast<std::size_t>(n);
    if (n < 0 && errno == EINTR) continue;
    return FileError("read", limits_.spool_dir, n < 0 ? errno : EIO);
  }
}

}  // namespace keypool::proxy

// What the payload of an answer goes through on its way to the client: keys are masked, and what it
// says of its cost and of resources is read. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "proxy/answer_scan.h"
#include "proxy/inflate.h"
#include "proxy/pieces.h"
#include "proxy/redact.h"

namespace keypool::proxy {

class AnswerFilter {
 public:
  // Of packed answers no more than this is read for their cost, so that one that unpacks to a
  // thousand times its size costs little.
  static constexpr std::size_t kScannedBytesMax = 64 * 1024 * 1024;

  // `scan` is null when nothing is asked of it. What is neither packed as InflateStream can undo it
  // nor plain says nothing that could be read, and is searched for keys as it is.
  AnswerFilter(const Redactor& keys, std::string_view content_encoding, AnswerScan* scan);

  // The next of the payload, in parts of a buffer that may be changed; what is in `pieces` then may
  // be sent, and stays valid until the next call. `last`: there is no more.
  //
  // False: a key shows in a packed answer, which cannot be masked. Nothing of `pieces` may be sent.
  bool Pass(Pieces* pieces, bool last);

  // Reads what was passed; for behind the sending, when nobody waits for it.
  void Scan(const Pieces& pieces);

 private:
  // Of a packed answer only: it is large.
  struct Packed {
    InflateStream inflate;
    Pieces text;
    std::size_t scanned = 0;
  };

  void Unpack(const Pieces& pieces, bool last);
  void PassText(bool last);

  RedactStream redact_;
  std::unique_ptr<Packed> packed_;
  AnswerScan* scan_;
};

}  // namespace keypool::proxy

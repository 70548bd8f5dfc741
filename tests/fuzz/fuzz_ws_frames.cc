// The reader says the same in any pieces, takes every byte exactly once, and its frames written
// again are read as the same; what looks at their payload holds little memory and never fails.
#include <algorithm>
#include <string>
#include <vector>

#include "proxy/live_watch.h"
#include "proxy/ws_frames.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/proxy/ws_build.h"

namespace keypool::proxy {
namespace {

using Event = WsFrameReader::Event;
using Sender = WsFrameReader::Sender;

struct Read {
  WsFrame frame;
  std::string payload;
  bool whole = false;
  bool operator==(const Read& other) const {
    return frame.opcode == other.frame.opcode && frame.fin == other.frame.fin &&
           frame.rsv1 == other.frame.rsv1 && frame.size == other.frame.size &&
           payload == other.payload && whole == other.whole;
  }
};
struct Reading {
  std::vector<Read> frames;
  bool invalid = false;
  bool at_end = false;
  bool operator==(const Reading&) const = default;
};

void Take(const WsFrameReader& reader, Event event, Reading* all) {
  if (event == Event::kInvalid) {
    all->invalid = true;
  } else if (event == Event::kHead) {
    FUZZ_CHECK(!reader.frame().IsControl() ||
               (reader.frame().fin && reader.frame().size <= kWsControlBytesMax));
    all->frames.push_back({reader.frame(), "", false});
  } else if (event == Event::kPayload) {
    FUZZ_CHECK(!reader.payload().empty());
    const std::size_t before = all->frames.back().payload.size();
    reader.AppendPayload(&all->frames.back().payload);
    FUZZ_CHECK(all->frames.back().payload.size() == before + reader.payload().size());
    FUZZ_CHECK(all->frames.back().payload.size() <= all->frames.back().frame.size);
  } else if (event == Event::kEnd) {
    FUZZ_CHECK(all->frames.back().payload.size() == all->frames.back().frame.size);
    all->frames.back().whole = true;
  }
}

Reading ReadAll(Sender sender, std::string_view bytes, std::size_t piece) {
  WsFrameReader reader(sender);
  Reading all;
  for (std::size_t at = 0; at < bytes.size() && !all.invalid; at += piece) {
    std::string_view rest = bytes.substr(at, piece);
    Event event = reader.Next(&rest);
    for (; event != Event::kMore && event != Event::kInvalid; event = reader.Next(&rest)) {
      Take(reader, event, &all);
    }
    Take(reader, event, &all);
    FUZZ_CHECK(event == Event::kInvalid || rest.empty());
  }
  all.at_end = !all.invalid && reader.AtFrameEnd();
  return all;
}

// Whole frames as they are written by the book.
std::string Written(const Reading& reading, bool masked) {
  std::string bytes;
  for (const Read& read : reading.frames) {
    if (!read.whole) break;
    bytes += WsBytes({.opcode = static_cast<int>(read.frame.opcode),
                      .fin = read.frame.fin,
                      .rsv1 = read.frame.rsv1,
                      .masked = masked},
                     read.payload);
  }
  return bytes;
}

void Look(Sender sender, std::string_view bytes) {
  for (const bool deflates : {false, true}) {
    LiveWatch whole(sender, deflates), cut(sender, deflates);
    const bool good = whole.Feed(bytes);
    bool cut_good = true;
    for (std::size_t at = 0; at < bytes.size() && cut_good; at += 3) {
      cut_good = cut.Feed(bytes.substr(at, 3));
    }
    FUZZ_CHECK(good == cut_good);
    FUZZ_CHECK(whole.scan().Model() == cut.scan().Model());
    FUZZ_CHECK(whole.scan().handle() == cut.scan().handle());
    FUZZ_CHECK(whole.scan().handles() == cut.scan().handles());
    FUZZ_CHECK(whole.scan().Usage() == cut.scan().Usage());
    FUZZ_CHECK(whole.close().has_value() == cut.close().has_value());
    FUZZ_CHECK(whole.scan().handles().size() <= LiveScan::kHandlesMax);
    for (const std::string& handle : whole.scan().handles()) {
      FUZZ_CHECK(!handle.empty() && handle.size() <= LiveScan::kHandleBytesMax);
    }
  }
}

}  // namespace

void Fuzz(std::string_view bytes) {
  for (const Sender sender : {Sender::kClient, Sender::kServer}) {
    const Reading whole = ReadAll(sender, bytes, bytes.size() + 1);
    for (const std::size_t piece : {1u, 2u, 5u}) FUZZ_CHECK(ReadAll(sender, bytes, piece) == whole);
    const std::string again = Written(whole, sender == Sender::kClient);
    const Reading back = ReadAll(sender, again, again.size() + 1);
    FUZZ_CHECK(!back.invalid && back.at_end);
    FUZZ_CHECK(back.frames.size() + 1 >= whole.frames.size());
    FUZZ_CHECK(std::equal(back.frames.begin(), back.frames.end(), whole.frames.begin()));
    Look(sender, bytes);
  }
  // The bytes as what is said in a message.
  Look(Sender::kServer, WsBytes({.opcode = 2}, bytes));
  Look(Sender::kServer, WsBytes({.opcode = 2, .rsv1 = true}, bytes));
  Look(Sender::kClient, WsBytes({.opcode = 1, .masked = true}, bytes));
}

}  // namespace keypool::proxy

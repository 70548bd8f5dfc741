#include "proxy/answer_filter.h"

#include "proxy/field_names.h"

namespace keypool::proxy {

AnswerFilter::AnswerFilter(const Redactor& keys, std::string_view content_encoding,
                           AnswerScan* scan)
    : redact_(keys), scan_(scan) {
  if (CanInflate(content_encoding)) {
    packed_ = std::make_unique<Packed>();
  } else if (!content_encoding.empty() && !IsIgnoringCase(content_encoding, "identity")) {
    scan_ = nullptr;
  }
}

bool AnswerFilter::Pass(Pieces* pieces, bool last) {
  if (packed_ != nullptr) {
    Unpack(*pieces, last);
    if (redact_.Shows()) return false;
    if (!packed_->inflate.Broken()) return true;
    packed_.reset();  // not what it says it is
    scan_ = nullptr;
  }
  redact_.Pass(pieces, last);
  return true;
}

void AnswerFilter::Unpack(const Pieces& pieces, bool last) {
  for (std::size_t i = 0; i < pieces.count; ++i) {
    for (std::string_view packed = pieces.part[i];;) {
      const std::string_view text = packed_->inflate.Next(&packed);
      if (text.empty()) break;
      packed_->text.Clear();
      packed_->text.Add(text);
      PassText(/*last=*/false);
    }
  }
  if (!last) return;
  packed_->text.Clear();
  PassText(/*last=*/true);
}

void AnswerFilter::PassText(bool last) {
  redact_.Pass(&packed_->text, last);
  for (std::size_t i = 0; scan_ != nullptr && i < packed_->text.count; ++i) {
    const std::string_view text =
        packed_->text.part[i].substr(0, kScannedBytesMax - packed_->scanned);
    packed_->scanned += text.size();
    scan_->Feed(text);
  }
}

void AnswerFilter::Scan(const Pieces& pieces) {
  if (packed_ != nullptr || scan_ == nullptr) return;
  for (std::size_t i = 0; i < pieces.count; ++i) scan_->Feed(pieces.part[i]);
}

}  // namespace keypool::proxy

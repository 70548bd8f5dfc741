#include "proxy/pooled_list.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/ids.h"
#include "keyd/base/status.h"
#include "proxy/json_reader.h"
#include "proxy/target.h"

namespace keypool::proxy {
namespace {

struct Collection {
  std::string_view name;
  std::string_view member;  // of a page, which has the items
};
constexpr Collection kCollections[] = {{"files", "files"},
                                       {"cachedContents", "cachedContents"},
                                       {"batches", "operations"},
                                       {"tunedModels", "tunedModels"},
                                       {"fileSearchStores", "fileSearchStores"}};
constexpr std::size_t kPageTokenBytesMax = 4096;
constexpr std::size_t kNameBytesMax = 256;

const Collection* Find(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kCollections), std::end(kCollections),
                   [name](const Collection& collection) { return collection.name == name; });
  return found == std::end(kCollections) ? nullptr : found;
}

// What a token of ours begins with; the number is the version of what follows.
constexpr std::string_view kTokenMark = "pool1.";

std::string MakeToken(const PooledList::Place& place) {
  const std::string text =
      absl::StrCat(place.behind ? ">" : "=", place.project, "\n", place.page_token);
  return absl::StrCat(ToAbsl(kTokenMark), absl::WebSafeBase64Escape(text));
}

std::optional<PooledList::Place> ReadToken(std::string_view token) {
  if (!token.starts_with(kTokenMark)) return std::nullopt;
  token.remove_prefix(kTokenMark.size());
  std::string text;
  if (!absl::WebSafeBase64Unescape(ToAbsl(token), &text)) return std::nullopt;
  const std::size_t line = text.find('\n');
  if (line == std::string::npos || line < 2) return std::nullopt;
  if (text[0] != '>' && text[0] != '=') return std::nullopt;
  PooledList::Place place;
  place.behind = text[0] == '>';
  place.project = text.substr(1, line - 1);
  place.page_token = text.substr(line + 1);
  return place;
}

std::string Decoded(std::string_view text) {
  std::string decoded;
  for (int c = TakeDecoded(&text); c != -1; c = TakeDecoded(&text)) {
    decoded.push_back(static_cast<char>(c));
  }
  return decoded;
}

// Percent-encoded as far as a value of a query needs it.
std::string Encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_') {
      encoded.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return encoded;
}

struct Paging {
  std::size_t size = 0;
  std::string token;
  std::string others;  // the parameters that are not about paging, as they came
};

Paging ReadPaging(std::string_view query) {
  Paging paging;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view parameter = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    const std::string name = Decoded(parameter.substr(0, equals));
    const std::string_view value = parameter.substr(std::min(equals + 1, parameter.size()));
    if (name == "pageToken" || name == "page_token") {
      paging.token = Decoded(value);
    } else if (name == "pageSize" || name == "page_size") {
      if (!absl::SimpleAtoi(Decoded(value), &paging.size)) paging.size = 0;
    } else {
      if (!paging.others.empty()) paging.others.push_back('&');
      paging.others.append(parameter);
    }
  }
  return paging;
}

// Of an item of a list; empty when it has none.
std::string NameOf(std::string_view item) {
  std::string name;
  JsonReader inside(item);
  if (!inside.EnterObject()) return name;
  for (std::string member; inside.NextName(&member);) {
    if (member != "name") {
      inside.Skip();
    } else if (auto text = inside.Text(kNameBytesMax)) {
      name = *std::move(text);
    }
  }
  return name;
}

}  // namespace

std::string_view PooledCollectionNamed(std::string_view name) {
  const Collection* const found = Find(name);
  return found == nullptr ? std::string_view{} : found->name;
}

std::optional<PooledList> PooledList::Open(std::string_view collection, std::string_view target) {
  const Collection* const found = Find(collection);
  if (found == nullptr) return std::nullopt;
  const std::size_t mark = std::min(target.find('?'), target.size());
  Paging paging = ReadPaging(target.substr(std::min(mark + 1, target.size())));
  PooledList list;
  if (!paging.token.empty()) {
    std::optional<Place> place = ReadToken(paging.token);
    if (!place.has_value()) return std::nullopt;
    list.next_ = *std::move(place);
  }
  list.member_ = found->member;
  list.path_ = target.substr(0, mark);
  list.query_ = std::move(paging.others);
  list.size_ = paging.size;
  return list;
}

std::string PooledList::Target() const {
  std::string target = path_;
  char mark = '?';
  const auto add = [&](std::string_view parameter) {
    target.push_back(mark);
    target.append(parameter);
    mark = '&';
  };
  if (!query_.empty()) add(query_);
  if (Peeking()) {
    add("pageSize=1");
  } else if (size_ > 0) {
    add(absl::StrCat("pageSize=", size_ - count_));
  }
  if (!next_.page_token.empty()) add("pageToken=" + Encoded(next_.page_token));
  return target;
}

bool PooledList::TakeItems(std::string_view payload, const absl::flat_hash_set<std::string>* only,
                           std::string* page_token) {
  JsonReader json(payload);
  if (!json.EnterObject()) return false;
  for (std::string name; json.NextName(&name);) {
    if (name == "nextPageToken") {
      *page_token = json.Text(kPageTokenBytesMax).value_or("");
    } else if (name == member_) {
      if (!json.EnterArray()) continue;
      while (json.NextElement()) {
        const std::string_view item = json.Raw();
        if (json.Failed()) break;
        if (only != nullptr && !only->contains(NameOf(item))) {
          left_out_ = true;
          continue;
        }
        items_.append(count_++ == 0 ? "\n" : ",\n").append(item);
        last_items_.push_back(item);
      }
    } else {
      json.Skip();
    }
  }
  return !json.Failed();
}

std::vector<std::string> PooledList::NamesIn(std::string_view collection,
                                             std::string_view payload) {
  std::vector<std::string> names;
  const Collection* const found = Find(collection);
  if (found == nullptr) return names;
  PooledList page;
  page.member_ = found->member;
  std::string page_token;
  page.TakeItems(payload, /*only=*/nullptr, &page_token);
  for (const std::string_view item : page.LastItems()) {
    if (std::string name = NameOf(item); !name.empty()) names.push_back(std::move(name));
  }
  return names;
}

bool PooledList::Take(std::string_view project, std::string_view payload,
                      const absl::flat_hash_set<std::string>* only) {
  ++pages_;
  last_items_.clear();
  left_out_ = false;
  const bool peeking = Peeking();
  const std::size_t items_before = items_.size();
  const std::size_t count_before = count_;
  std::string page_token;
  const bool whole = TakeItems(payload, only, &page_token);
  // Behind what is left out there may be more that is not.
  more_ = peeking && whole && (count_ > count_before || left_out_);
  if (!whole || peeking) {
    items_.resize(items_before);
    count_ = count_before;
    last_items_.clear();
    page_token.clear();
  }
  if (more_) return whole;
  const bool more_here = !page_token.empty();
  next_ = {std::string(project), !more_here, std::move(page_token)};
  return whole;
}

bool PooledList::Done() const {
  if (ended_ || more_ || pages_ >= kPagesMax || items_.size() >= kBytesMax) return true;
  return Full() && !Peeking();
}

std::string PooledList::Body() const {
  std::string body = "{";
  if (count_ > 0) body += absl::StrCat("\n\"", ToAbsl(member_), "\": [", items_, "\n]");
  if (!ended_) {
    body += absl::StrCat(count_ > 0 ? "," : "", "\n\"nextPageToken\": \"", MakeToken(next_), "\"");
  }
  return body + "\n}\n";
}

}  // namespace keypool::proxy

// One list over the whole pool: what Google lists for each project, put together page by page.
// Pure.
//
//   PooledList list = *PooledList::Open("files", target);
//   while (!list.Done()) {
//     // lease a key for list.Next(), GET list.Target(), then
//     list.Take(project, payload);  // or list.NoMoreProjects()
//   }
//   // answer list.Body()
//
// Page tokens are the pool's own: they say which project the next page begins with, and how far
// Google was in it. They name no key, and any proxy can go on with them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace keypool::proxy {

// `name` when a GET of /{version}/`name` lists what every project has its own of ("files",
// "cachedContents", …), in static storage; else empty.
std::string_view PooledCollectionNamed(std::string_view name);

class PooledList {
 public:
  // Without a pageSize a page ends with the project that made it this long.
  static constexpr std::size_t kItemsDefault = 100;
  // Beyond either a page ends early, which Google's API allows.
  static constexpr std::size_t kBytesMax = 4 * 1024 * 1024;
  static constexpr int kPagesMax = 64;

  // `collection` as PooledCollectionNamed has it. `target` is what the client asked for, without
  // credentials. Nothing when its pageToken is not one of ours.
  static std::optional<PooledList> Open(std::string_view collection, std::string_view target);

  // Whose page comes next: that of `project`, or with `behind` that of the first project behind it
  // in the order of ids; empty is in front of all.
  struct Place {
    std::string project;
    bool behind = true;
    std::string page_token;  // of Google, inside the project
  };
  const Place& Next() const { return next_; }
  // What to ask upstream for to get it.
  std::string Target() const;

  // The page of Next(), which `project` has answered: a JSON object. False: it is none; then the
  // project is passed over.
  // Not null: items with a name in `only` are taken, and no others.
  bool Take(std::string_view project, std::string_view payload,
            const absl::flat_hash_set<std::string>* only = nullptr);
  // The names of the items in a page of the collection, as they stand there.
  static std::vector<std::string> NamesIn(std::string_view collection, std::string_view payload);
  // The project of Next() cannot be asked any more: what it had left is left out.
  void PassOver() { next_ = {std::move(next_.project), /*behind=*/true, {}}; }
  // There is none behind Next().
  void NoMoreProjects() { ended_ = true; }

  bool Done() const;
  // The list in Google's shape, with the token of the next page if there may be one.
  std::string Body() const;
  // The items of the page taken last that go into the list, as they stand in its payload.
  const std::vector<std::string_view>& LastItems() const { return last_items_; }

 private:
  PooledList() = default;
  bool TakeItems(std::string_view payload, const absl::flat_hash_set<std::string>* only,
                 std::string* page_token);
  bool Full() const { return count_ >= (size_ > 0 ? size_ : kItemsDefault); }
  // The page is full, and it is still to be seen whether any project behind has more: some clients
  // take an empty last page for an error.
  bool Peeking() const { return Full() && next_.behind; }

  std::string_view member_;  // static storage
  std::string path_;
  std::string query_;     // without the parameters of paging
  std::size_t size_ = 0;  // pageSize; 0: none
  Place next_;
  bool ended_ = false;
  bool more_ = false;      // Next() has some
  bool left_out_ = false;  // of the page taken last
  int pages_ = 0;
  std::size_t count_ = 0;
  std::string items_;  // raw, with commas
  std::vector<std::string_view> last_items_;
};

}  // namespace keypool::proxy

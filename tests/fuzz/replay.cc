// Feeds a fuzz target every file of its corpus, and each also with single bytes changed, cut and
// doubled: a seeded little fuzzer, so that the checks run where libFuzzer is not.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

using namespace std::string_view_literals;

constexpr int kChangesPerFile = 20'000;
constexpr std::uint64_t kSeed = 20261122;
// A zero among them, so it takes sv to have all.
constexpr std::string_view kTelling = "\0\t\n\r \"#%&',-/0159:;=?[\\]_aAkKu{}\x7f\x80\xff"sv;

std::string Changed(std::string bytes, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
    const std::size_t at = below(bytes.size() + 1);
    const char c = kTelling[below(kTelling.size())];
    switch (below(5)) {
      case 0:
        if (at < bytes.size()) bytes[at] = c;
        break;
      case 1:
        if (at < bytes.size()) bytes[at] = static_cast<char>(random());
        break;
      case 2:
        bytes.insert(at, 1, c);
        break;
      case 3:
        bytes.erase(at, 1 + below(8));
        break;
      default:
        bytes.insert(at, bytes.substr(below(bytes.size() + 1), below(40)));
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    files.push_back(entry.path());
  }
  if (files.empty()) {
    std::fprintf(stderr, "%s: the corpus is empty\n", argv[1]);
    return 1;
  }
  std::sort(files.begin(), files.end());
  std::mt19937_64 random(kSeed);
  for (const std::filesystem::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    keypool::proxy::Fuzz(bytes);
    for (int i = 0; i < kChangesPerFile; ++i) keypool::proxy::Fuzz(Changed(bytes, random));
  }
  std::printf("%zu files, %d changes each, seed %llu\n", files.size(), kChangesPerFile,
              static_cast<unsigned long long>(kSeed));
  return 0;
}

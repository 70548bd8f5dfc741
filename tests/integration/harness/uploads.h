// How clients upload a file, step by step.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/integration/harness/raw_http.h"

namespace keypool::itest {

// The start of a resumable upload.
HttpRequest UploadStart(std::vector<fake::Header> more = {});
// One step of the upload that `url` leads on with; `url` as it came, of any host.
HttpRequest UploadStep(const std::string& url, std::string command, std::string offset,
                       std::string body);
// The path and query of a URL.
std::string TargetOf(const std::string& url);
// The first text that `json` has behind "name": …; empty when there is none.
std::string NameIn(const std::string& json);

// Uploads a small file in two steps, with `key` if there is one, and tells its name ("files/…").
std::string UploadFile(std::uint16_t port, const std::string& key = "");

// A generateContent that names files by their URIs.
HttpRequest GenerateFrom(const std::vector<std::string>& file_names);

}  // namespace keypool::itest

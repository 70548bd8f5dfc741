// fake_gemini: the fake as a program. Its first line on standard output is "listening on
// 127.0.0.1:PORT".
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "tests/fakes/gemini/server.h"

namespace keypool::fake {
namespace {

struct Flags {
  FakeOptions options;
  std::vector<std::string> keys;
  std::vector<std::string> limits;
  std::vector<std::string> models;
  bool fixed_minute = false;
  double latency_seconds = 0;
  std::string port_file;
};

void Declare(CLI::App& app, Flags* flags) {
  FakeOptions& o = flags->options;
  app.add_option("--address", o.address, "Address to listen on (default 127.0.0.1)");
  app.add_option("--port", o.port, "Port to listen on; 0 takes any free one");
  app.add_option("--port-file", flags->port_file, "Write the port to this file once it listens");
  app.add_option("--key", flags->keys, "KEY@PROJECT: a key that is valid; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--any-key", o.quota.any_key, "Take every key, each with a project of its own");
  app.add_option("--rpm", o.quota.limit.per_minute, "Requests a minute per project and model");
  app.add_option("--rpd", o.quota.limit.per_day, "Requests a Pacific day per project and model");
  app.add_option("--tpm", o.quota.limit.tokens_per_minute,
                 "Input tokens a minute per project and model");
  app.add_option("--limit", flags->limits,
                 "[PROJECT/]MODEL=RPM,RPD: limits of one model; may be repeated")
      ->allow_extra_args(false);
  app.add_flag("--fixed-minute", flags->fixed_minute, "Count minutes of the clock, not any 60 s");
  app.add_option("--model", flags->models, "One more model that exists; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--latency-seconds", flags->latency_seconds, "Wait this long before an answer");
  app.add_option("--tls-cert", o.tls_certificate_file, "PEM file: serve TLS with it");
  app.add_option("--tls-key", o.tls_key_file, "PEM file with the key of --tls-cert");
  app.add_option("--requests-kept", o.requests_kept_max, "Requests that /__fake/requests knows");
}

// Empty when all is well.
std::string Interpret(Flags* flags) {
  QuotaOptions& quota = flags->options.quota;
  for (const std::string& key : flags->keys) {
    const std::size_t at = key.rfind('@');
    if (at == std::string::npos || at == 0) return "--key must be KEY@PROJECT";
    quota.project_of_key[key.substr(0, at)] = key.substr(at + 1);
  }
  for (const std::string& limit : flags->limits) {
    const std::size_t equals = limit.rfind('=');
    Limit parsed;
    if (equals == std::string::npos || std::sscanf(limit.c_str() + equals + 1, "%ld,%ld",
                                                   &parsed.per_minute, &parsed.per_day) != 2) {
      return "--limit must be [PROJECT/]MODEL=RPM,RPD, not " + limit;
    }
    quota.overrides[limit.substr(0, equals)] = parsed;
  }
  for (const std::string& model : flags->models) flags->options.models.insert(model);
  if (flags->fixed_minute) quota.shape = MinuteShape::kFixed;
  flags->options.latency = absl::Seconds(flags->latency_seconds);
  if (flags->options.tls_certificate_file.empty() != flags->options.tls_key_file.empty()) {
    return "--tls-cert and --tls-key go together";
  }
  return "";
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app{"A fake of the Gemini API with quotas of its own; control pages under /__fake/."};
  Declare(app, &flags);
  CLI11_PARSE(app, argc, argv);
  if (const std::string wrong = Interpret(&flags); !wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.c_str());
    return 2;
  }
  boost::asio::io_context io;
  boost::asio::signal_set signals(io, SIGINT, SIGTERM);
  const std::string address = flags.options.address;
  absl::StatusOr<std::unique_ptr<FakeGemini>> fake = FakeGemini::Start(std::move(flags.options));
  if (!fake.ok()) {
    std::fprintf(stderr, "%s\n", std::string(fake.status().message()).c_str());
    return 1;
  }
  std::printf("listening on %s:%d\n", address.c_str(), (*fake)->port());
  std::fflush(stdout);
  if (!flags.port_file.empty()) std::ofstream(flags.port_file) << (*fake)->port() << "\n";
  signals.async_wait([](const boost::system::error_code&, int) {});
  io.run();
  return 0;
}

}  // namespace
}  // namespace keypool::fake

int main(int argc, char** argv) { return keypool::fake::Main(argc, argv); }

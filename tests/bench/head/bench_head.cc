// The pure work of one proxied request: what it costs without any I/O.
#include <benchmark/benchmark.h>

#include <string>

#include "proxy/body_model_scan.h"
#include "proxy/chunked.h"
#include "proxy/headers.h"
#include "proxy/request_head.h"
#include "proxy/request_plan.h"
#include "proxy/response_head.h"
#include "proxy/text_bytes_scan.h"
#include "proxy/usage_scan.h"
#include "tests/unit/proxy/sample_heads.h"

namespace keypool::proxy {
namespace {

constexpr std::string_view kHost = "generativelanguage.googleapis.com";

void ParseRequest(benchmark::State& state) {
  RequestHead head;
  for (auto _ : state) {
    std::size_t scanned = 0;
    benchmark::DoNotOptimize(ParseRequestHead(samples::kSdkHead, &scanned, &head));
  }
}
BENCHMARK(ParseRequest);

void PlanRequest(benchmark::State& state) {
  RequestHead head;
  std::size_t scanned = 0;
  ParseRequestHead(samples::kSdkHead, &scanned, &head);
  for (auto _ : state) benchmark::DoNotOptimize(MakePlan(head));
}
BENCHMARK(PlanRequest);

void WriteUpstream(benchmark::State& state) {
  RequestHead head;
  std::size_t scanned = 0;
  ParseRequestHead(samples::kSdkHead, &scanned, &head);
  const Plan plan = MakePlan(head);
  const Secret key(std::string(39, 'k'));
  std::string out;
  for (auto _ : state) {
    out.clear();
    AppendUpstreamHead(head, plan, kHost, key, {head.framing, head.content_length}, &out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(WriteUpstream);

void ParseAnswer(benchmark::State& state) {
  ResponseHead head;
  for (auto _ : state) {
    std::size_t scanned = 0;
    benchmark::DoNotOptimize(ParseResponseHead(samples::kGoogleHead, "POST", &scanned, &head));
  }
}
BENCHMARK(ParseAnswer);

void WriteClient(benchmark::State& state) {
  ResponseHead head;
  std::size_t scanned = 0;
  ParseResponseHead(samples::kGoogleHead, "POST", &scanned, &head);
  std::string out;
  for (auto _ : state) {
    out.clear();
    AppendClientHead(head, {.body = {head.framing, head.content_length}}, &out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(WriteClient);

void WholeRequest(benchmark::State& state) {
  const Secret key(std::string(39, 'k'));
  RequestHead request;
  ResponseHead answer;
  std::string up, down;
  for (auto _ : state) {
    std::size_t scanned = 0;
    ParseRequestHead(samples::kSdkHead, &scanned, &request);
    const Plan plan = MakePlan(request);
    up.clear();
    AppendUpstreamHead(request, plan, kHost, key, {request.framing, request.content_length}, &up);
    ParseResponseHead(samples::kGoogleHead, request.method, &scanned, &answer);
    down.clear();
    AppendClientHead(answer, {.body = {answer.framing, answer.content_length}}, &down);
    benchmark::DoNotOptimize(up.data());
    benchmark::DoNotOptimize(down.data());
  }
}
BENCHMARK(WholeRequest);

void DecodeChunks(benchmark::State& state) {
  std::string body;
  for (int i = 0; i < 16; ++i) body += "400\r\n" + std::string(1024, 'x') + "\r\n";
  body += "0\r\n\r\n";
  for (auto _ : state) {
    ChunkedDecoder decoder;
    std::string_view rest = body;
    for (auto more = ChunkedDecoder::State::kMore; more == ChunkedDecoder::State::kMore;) {
      const ChunkedDecoder::Step step = decoder.Feed(rest);
      rest.remove_prefix(step.consumed);
      more = step.state;
    }
    benchmark::DoNotOptimize(rest);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(DecodeChunks);

void ScanBody(benchmark::State& state) {
  const std::string body = "{\"messages\":[{\"role\":\"user\",\"content\":\"" +
                           std::string(64 * 1024, 'x') + "\"}],\"model\":\"gemini-2.5-flash\"}";
  for (auto _ : state) {
    BodyModelScan scan;
    scan.Feed(body);
    benchmark::DoNotOptimize(scan.Model());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(ScanBody);

void CountInput(benchmark::State& state) {
  const std::string body =
      R"({"contents":[{"role":"user","parts":[{"text":"Why is the sky blue, and the sea?"}]}],)"
      R"("systemInstruction":{"parts":[{"text":"You are a helpful assistant."}]},)"
      R"("generationConfig":{"temperature":0.7,"maxOutputTokens":512,"topP":0.95}})";
  for (auto _ : state) {
    TextBytesScan scan;
    scan.Feed(body);
    benchmark::DoNotOptimize(scan.InputTokens());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(CountInput);

// An event of a stream with a text of so many bytes.
void ScanUsage(benchmark::State& state) {
  const std::string event =
      "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"" +
      std::string(static_cast<std::size_t>(state.range(0)), 'x') +
      "\"}],\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 12,"
      "\"candidatesTokenCount\": 345,\"totalTokenCount\": 357,\"promptTokensDetails\": "
      "[{\"modality\": \"TEXT\",\"tokenCount\": 12}]},\"modelVersion\": \"gemini-2.5-flash\","
      "\"responseId\": \"abcdefghijklmnop\"}\r\n\r\n";
  for (auto _ : state) {
    UsageScan scan;
    scan.Feed(event);
    benchmark::DoNotOptimize(scan.usage());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * event.size()));
}
BENCHMARK(ScanUsage)->Arg(100)->Arg(1000)->Arg(64 * 1024);

}  // namespace
}  // namespace keypool::proxy

BENCHMARK_MAIN();

// One connection to the fake: reads requests, has them answered, writes the answers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tests/fakes/gemini/delivery.h"
#include "tests/fakes/gemini/shared.h"
#include "tests/fakes/gemini/transport.h"

namespace keypool::fake {

class BodySink;

class Session {
 public:
  Session(std::unique_ptr<Transport> transport, Shared& shared, std::uint64_t connection);
  ~Session();

  // Until either side closes. `shared` must outlive it.
  boost::asio::awaitable<void> Run();

 private:
  // One request. False: close the connection.
  boost::asio::awaitable<bool> ServeOne();
  // The next head, moved out of the buffer. Nothing: closed, or not HTTP.
  boost::asio::awaitable<std::optional<RequestHead>> ReadHead();
  // Reads the body of `request` to its end. False: it never came.
  boost::asio::awaitable<bool> ReadBody(const RequestHead& head, ApiRequest* request);
  boost::asio::awaitable<bool> ReadSized(std::uint64_t bytes, BodySink* sink);
  boost::asio::awaitable<bool> ReadChunked(BodySink* sink);
  boost::asio::awaitable<bool> Fill();
  boost::asio::awaitable<std::optional<std::string>> ReadLine();

  // Answers as `fault` wants it before the body was read. False, like ServeOne.
  boost::asio::awaitable<bool> ServeUnread(const Fault& fault, std::uint64_t number);
  std::uint64_t Record(const RequestHead& head);
  std::optional<Fault> TakeUnreadFault(const ApiRequest& request);
  // Fills in fault and reply, and what the journal says of the request.
  Subject Judge(const ApiRequest& request, std::uint64_t number, Delivery* delivery);
  void RecordEnd(std::uint64_t number, int status, Ending ending);

  std::unique_ptr<Transport> transport_;
  Shared& shared_;
  const std::uint64_t connection_;
  int requests_ = 0;
  std::string buffer_;
};

}  // namespace keypool::fake

// Turns away clients that cannot be let in, and says why.
#pragma once

#include <deque>
#include <string_view>

namespace keypool::proxy {

// Used by one thread. Holds one descriptor in reserve, so that there is one for refusing when there
// is none for serving.
class Doorman {
 public:
  Doorman() { TakeSpare(); }
  ~Doorman();
  Doorman(const Doorman&) = delete;
  Doorman& operator=(const Doorman&) = delete;

  // Takes the connected `descriptor`, sends `answer` as far as it goes at once, and ends the
  // connection; closes it later, so that bytes still on their way do not destroy the answer.
  void Refuse(int descriptor, std::string_view answer);

  // When there are no descriptors: takes one client from the queue of `listening`, for the moment
  // that it takes to refuse it. False: nobody is there, or the reserve is gone.
  bool RefuseNext(int listening, std::string_view answer);

  // Closes those that were refused, and fills up the reserve. A few times a second.
  void Tick();

 private:
  void TakeSpare();

  std::deque<int> leaving_;
  int spare_ = -1;
};

}  // namespace keypool::proxy

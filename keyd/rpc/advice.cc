#include "keyd/rpc/advice.h"

namespace keypool::rpc {

std::string Advice(const PoolSummary& summary) {
  if (summary.keys_total == 0) {
    return "The pool is empty: add a key with `poolctl add --project PROJECT`, or set "
           "GEMINI_API_KEYS and start keyd again.";
  }
  if (summary.keys_active == 0) {
    return "Every key is disabled: see why with `poolctl status`, then use `poolctl enable KEY` or "
           "add another key.";
  }
  if (summary.keys_usable == 0) {
    return "Every project is out of use for now: see until when with `poolctl status`, or add a "
           "key "
           "of another project.";
  }
  return "";
}

}  // namespace keypool::rpc

// gRPC as a library with a state of its own.
#pragma once

namespace keypool::wire {

// Before the first channel or server. Thread-safe; cheap when repeated.
//
// Keeps gRPC from shutting itself down with the last of them: it then waits for its own threads, up
// to ten seconds when a write was blocked shortly before.
//
// Takes abseil's search for deadlocks out of each lock and unlock, ours and gRPC's: it has one lock
// of its own for all threads, and Debian's abseil is built with it.
void SetUpGrpc();

}  // namespace keypool::wire

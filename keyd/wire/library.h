// gRPC as a library with a state of its own.
#pragma once

namespace keypool::wire {

// Keeps gRPC from shutting itself down with the last channel or server: it then waits for its own
// threads, up to ten seconds when a write was blocked shortly before. Thread-safe; cheap when
// repeated.
void KeepGrpcLoaded();

}  // namespace keypool::wire

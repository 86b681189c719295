// Ctrl-C, noticed where it is convenient.
#pragma once

namespace millrace {

enum class SecondInterrupt {
  kEndsTheProgram,  // as without any of this
  kIsCaughtToo,
};
enum class WaitingReads {
  kGoOn,  // as if nothing had happened
  kEnd,   // read() returns with EINTR
};

// From now on Ctrl-C only sets a flag, which is not set yet.
void CatchInterrupts(SecondInterrupt second, WaitingReads reads = WaitingReads::kGoOn);

// Whether it was pressed since then.
bool Interrupted();

}  // namespace millrace

#include "cli/interrupt.h"

#include <signal.h>

#include <csignal>

namespace millrace {
namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

void CatchInterrupts(SecondInterrupt second, WaitingReads reads) {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  unsigned flags = reads == WaitingReads::kGoOn ? SA_RESTART : 0u;
  if (second == SecondInterrupt::kEndsTheProgram) flags |= static_cast<unsigned>(SA_RESETHAND);
  action.sa_flags = static_cast<int>(flags);
  sigaction(SIGINT, &action, nullptr);
}

bool Interrupted() { return interrupted != 0; }

}  // namespace millrace

// Where a model runs: from the names of the command line to an Executor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/executor.h"
#include "engine/host_backend.h"
#include "engine/simulated_backend.h"
#include "model/model.h"

namespace millrace {

struct BackendOptions {
  std::string on =
      "host";       // or "interpreter": the graph's reference interpreter, one sequence, slow; or a
                    // machine, "groq-v1x8" (machine/load_system.h): simulated LPUs, one sequence;
                    // or FILE.mrx: the same, with a program that was compiled before
  int threads = 0;  // 0: one a CPU that the process may use
  // Positions a sequence may have, at most 2^20 or what the model was trained on; 0: the model's,
  // at most 4096.
  std::int32_t context = 0;
  std::int32_t sequences = 1;     // that can be in work together, each with a full context
  std::int32_t max_tokens = 512;  // of one step
  std::int32_t max_logit_rows = 1;
  // Layers with a window get KV blocks of their own, no more than windows need. For an Engine: who
  // makes steps without one would have to say which (StepSequence::window_blocks).
  bool window_blocks = false;
  std::string key_type = "f16";  // of the KV cache: f16, f32 or q8_0
  std::string value_type = "f16";
};

inline constexpr std::int32_t kMaxContext = 1 << 24;

// Whether the options can be meant at all, whatever the model: kInvalid for a place, a type or a
// number that does not exist, kUnsupported for keys and values of different types.
Result<void> Validate(const BackendOptions& options);

struct Backend {
  std::unique_ptr<Executor> executor;
  const HostPlan* plan = nullptr;               // null unless on the host
  const SimulatedBackend* simulated = nullptr;  // null unless on simulated LPUs
  int threads = 1;
};

// The model must outlive the backend. The errors of Validate, and kExhausted if memory does not
// hold the context. The environment's MILLRACE_CPU forces an instruction set on the host
// (kernels/cpu_level.h).
Result<Backend> MakeBackend(const Model& model, const BackendOptions& options);

}  // namespace millrace

// Where guesses come from: from the names of the command line to a Proposer.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "engine/backend.h"
#include "engine/proposer.h"
#include "engine/speculation.h"
#include "model/model.h"

namespace millrace {

struct ProposerOptions {
  std::string draft_model;  // a model file; empty: none
  bool lookup = false;      // in the sequence's own past
  int threads = 0;          // of the draft model; 0: as many as the target's
  SpeculationOptions speculation{};

  bool wanted() const { return lookup || !draft_model.empty(); }
};

// kInvalid if both a model and lookup are asked for, or the numbers contradict each other;
// kUnsupported if guesses are asked for where KV blocks are not addressable.
Result<void> Validate(const ProposerOptions& options, const BackendOptions& target);

// Asks for the rows of logits that verifying takes. Does nothing if no guesses are wanted.
void MakeRoom(const ProposerOptions& options, BackendOptions& target);

// A proposer and what it needs; null if none is wanted.
struct ProposerBackend {
  std::unique_ptr<Model> model;  // the draft's
  Backend backend;
  std::unique_ptr<Proposer> proposer;
};

// For a target that runs with `limits` as `target_options` say. Beside the errors of Validate,
// Model::Load and MakeBackend: kInvalid if the draft's vocabulary is not the target's. Rows of
// padding at the end of either vocabulary are allowed, up to 128 tokens.
Result<ProposerBackend> MakeProposer(const Model& target, const BackendOptions& target_options,
                                     const ExecutorLimits& limits, const ProposerOptions& options);

// Whether the tokens that both have are the same.
Result<void> CheckSameVocabulary(const Model& target, const Model& draft,
                                 const std::string& draft_path);

}  // namespace millrace

// The flags of `millrace run`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "engine/generation.h"
#include "engine/sampling_parameters.h"

namespace millrace {

struct RunOptions {
  std::string model;
  std::optional<std::string> prompt, prompt_file;  // at most one
  bool ignore_eos = false, no_timings = false, echo = true, beside = false;
  bool escape = true, no_escape = false;
  std::int32_t new_tokens = -1;
  std::int64_t seed = -1;
  std::vector<std::string> stop, logit_bias;
  std::optional<int> logprobs;
  SamplingParameters sampling;
  BackendOptions backend;
  ProposerOptions proposer;

  // Conversations.
  bool conversation = false, no_conversation = false, single_turn = false;
  std::optional<std::string> system, chat_template;
  std::string template_variables;  // a JSON object, or empty

  bool escapes() const { return escape && !no_escape; }
  bool has_prompt() const { return prompt.has_value() || prompt_file.has_value(); }
};

void AddRunOptions(CLI::App& app, RunOptions& options);

// What can be said about the call without the model, and what follows from it: the seed is drawn,
// escapes are read.
Result<void> Complete(RunOptions& options);

// The end tokens of a request, as the options want them.
std::vector<TokenId> EndTokens(const RunOptions& options, const Tokenizer& tokenizer);

// -p, or the file of -f less a last line end. At least one must be there.
Result<std::string> GivenPrompt(const RunOptions& options);

}  // namespace millrace

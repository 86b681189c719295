#include "engine/proposer_backend.h"

#include <algorithm>
#include <cstdlib>

#include "engine/draft_model.h"
#include "engine/prompt_lookup.h"

namespace millrace {
namespace {

constexpr std::int64_t kMostPadding = 128;

}  // namespace

Result<void> Validate(const ProposerOptions& options, const BackendOptions& target) {
  if (!options.wanted()) return {};
  if (options.lookup && !options.draft_model.empty())
    return Invalid("guesses: found both a draft model and lookup, wanted one of them");
  const SpeculationOptions& speculation = options.speculation;
  if (speculation.most < 1 || speculation.least > speculation.most) {
    return Invalid("guesses: found {} to {} tokens, wanted at least 1 and the smaller number first",
                   speculation.least, speculation.most);
  }
  if (target.on != "host")
    return Unsupported("guesses: found --on {}, which cannot take a token back, wanted host",
                       target.on);
  return {};
}

void MakeRoom(const ProposerOptions& options, BackendOptions& target) {
  if (!options.wanted()) return;
  const std::int32_t rows = target.sequences * (1 + options.speculation.most);
  target.max_logit_rows = std::max(target.max_logit_rows, rows);
  target.max_tokens = std::max(target.max_tokens, rows);
}

Result<void> CheckSameVocabulary(const Model& target, const Model& draft,
                                 const std::string& draft_path) {
  if (!target.tokenizer().ok()) return target.tokenizer().error();
  if (!draft.tokenizer().ok()) return draft.tokenizer().error();
  const Tokenizer& ours = *target.tokenizer();
  const Tokenizer& theirs = *draft.tokenizer();
  const auto size = static_cast<std::int64_t>(ours.vocabulary_size()),
             draft_size = static_cast<std::int64_t>(theirs.vocabulary_size());
  if (std::abs(size - draft_size) > kMostPadding) {
    return Invalid("{}: has {} tokens, the model it is to guess for has {}: wanted one vocabulary",
                   draft_path, draft_size, size);
  }
  for (std::int32_t i = 0; i < std::min(size, draft_size); ++i) {
    if (ours.Piece(TokenId{i}) == theirs.Piece(TokenId{i})) continue;
    return Invalid(
        "{}: token {} is '{}', in the model it is to guess for '{}': wanted one vocabulary",
        draft_path, i, theirs.Piece(TokenId{i}), ours.Piece(TokenId{i}));
  }
  return {};
}

Result<ProposerBackend> MakeProposer(const Model& target, const BackendOptions& target_options,
                                     const ExecutorLimits& limits, const ProposerOptions& options) {
  MILLRACE_TRY_VOID(Validate(options, target_options));
  ProposerBackend result;
  if (options.lookup) result.proposer = std::make_unique<PromptLookup>();
  if (options.draft_model.empty()) return result;
  MILLRACE_TRY(Model draft, Model::Load(options.draft_model));
  MILLRACE_TRY_VOID(CheckSameVocabulary(target, draft, options.draft_model));
  result.model = std::make_unique<Model>(std::move(draft));
  BackendOptions backend = target_options;
  backend.context = limits.context;
  backend.max_logit_rows = target_options.sequences;
  if (options.threads > 0) backend.threads = options.threads;
  MILLRACE_TRY(result.backend, MakeBackend(*result.model, backend));
  result.proposer = std::make_unique<DraftModel>(*result.backend.executor, limits.vocabulary);
  return result;
}

}  // namespace millrace

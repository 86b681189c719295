#include "engine/prompt_lookup.h"

#include <algorithm>

#include "base/check.h"

namespace millrace {
namespace {

// How many tokens before `end` are those before the end of `tokens`, at most `most`.
std::size_t SameBefore(std::span<const TokenId> tokens, std::size_t end, std::size_t most) {
  std::size_t same = 0;
  while (same < most && same < end && tokens[end - 1 - same] == tokens[tokens.size() - 1 - same])
    ++same;
  return same;
}

}  // namespace

void LookUp(std::span<const TokenId> tokens, std::size_t most, const PromptLookupOptions& options,
            std::vector<TokenId>& proposed) {
  MILLRACE_CHECK(options.shortest >= 1 && options.longest >= options.shortest);
  proposed.clear();
  std::size_t best = 0, length = options.shortest - 1;
  for (std::size_t end = tokens.size() - 1; end > length && length < options.longest; --end) {
    if (tokens[end - 1] != tokens.back()) continue;
    const std::size_t same = SameBefore(tokens, end, options.longest);
    if (same <= length) continue;
    best = end;
    length = same;
  }
  if (length < options.shortest) return;
  for (std::size_t i = 0; i < most; ++i) {
    const std::size_t from = best + i;
    proposed.push_back(from < tokens.size() ? tokens[from] : proposed[from - tokens.size()]);
  }
}

void PromptLookup::Propose(std::span<const ProposalRequest> requests) {
  for (const ProposalRequest& request : requests) {
    LookUp(request.tokens, static_cast<std::size_t>(request.most), options_, *request.proposed);
  }
}

}  // namespace millrace

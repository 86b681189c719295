#include "engine/draft_model.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace millrace {
namespace {

std::int32_t BlocksFor(std::int64_t positions) {
  return static_cast<std::int32_t>((positions + kPositionsPerKvBlock - 1) / kPositionsPerKvBlock);
}

}  // namespace

DraftModel::DraftModel(Executor& executor, std::int32_t target_vocabulary)
    : executor_(executor),
      cache_(executor.limits().kv_blocks),
      target_logits_(static_cast<std::size_t>(target_vocabulary),
                     -std::numeric_limits<float>::infinity()) {
  MILLRACE_CHECK(executor.limits().addressable_kv);
}

void DraftModel::Propose(std::span<const ProposalRequest> requests) {
  std::vector<Task> tasks;
  tasks.reserve(requests.size());
  for (const ProposalRequest& request : requests) {
    Task task{.request = &request, .draft = nullptr, .most = 0, .tokens = {}};
    if (Prepare(request, task)) tasks.push_back(std::move(task));
  }
  const auto most = static_cast<std::size_t>(
      std::min(executor_.limits().max_logit_rows, executor_.limits().max_tokens));
  for (std::vector<Task*> working;; working.clear()) {
    for (Task& task : tasks) {
      if (task.request->proposed->size() < task.most && working.size() < most)
        working.push_back(&task);
    }
    if (working.empty()) return;
    Step(working);
  }
}

void DraftModel::Forget(SequenceId sequence) {
  const auto found = drafts_.find(sequence);
  if (found == drafts_.end()) return;
  cache_.Release(found->second.kv);
  drafts_.erase(found);
}

// Goes back to the last computed token that came true. False if there is nothing to propose.
bool DraftModel::Prepare(const ProposalRequest& request, Task& task) {
  const ExecutorLimits& limits = executor_.limits();
  const std::int64_t context = std::min(limits.context, request.positions);
  const auto size = static_cast<std::int64_t>(request.tokens.size());
  // The last token of a proposal is not computed.
  task.most =
      static_cast<std::size_t>(std::clamp<std::int64_t>(context - size + 1, 0, request.most));
  if (task.most == 0) return false;
  for (const TokenId token : request.tokens) {
    if (token.value >= limits.vocabulary) return false;
  }
  auto found = drafts_.find(request.sequence);
  if (found == drafts_.end()) {
    std::optional<KvLease> lease = cache_.Lease(request.tokens, BlocksFor(context));
    if (!lease.has_value()) return false;
    const auto cached = request.tokens.first(static_cast<std::size_t>(lease->positions()));
    Draft draft{.kv = std::move(*lease), .computed = {cached.begin(), cached.end()}};
    found = drafts_.emplace(request.sequence, std::move(draft)).first;
  }
  task.draft = &found->second;
  std::vector<TokenId>& computed = task.draft->computed;
  const auto same = std::mismatch(computed.begin(), computed.end(), request.tokens.begin(),
                                  request.tokens.end() - 1);
  computed.erase(same.first, computed.end());
  cache_.Register(task.draft->kv, computed);
  task.tokens.assign(same.second, request.tokens.end());
  return true;
}

// Computes what each has not computed, as far as it fits, and chooses a token for who has all.
void DraftModel::Step(std::span<Task* const> tasks) {
  std::vector<StepSequence> step;
  std::vector<std::size_t> counts;
  auto room = static_cast<std::size_t>(executor_.limits().max_tokens) - tasks.size();
  for (Task* const task : tasks) {
    Draft& draft = *task->draft;
    const std::size_t count = std::min(room + 1, task->tokens.size());
    room -= count - 1;
    counts.push_back(count);
    cache_.Grow(draft.kv, static_cast<std::int64_t>(draft.computed.size() + count));
    step.push_back(
        {.tokens = std::span(task->tokens).first(count),
         .first_position = static_cast<std::int32_t>(draft.computed.size()),
         .kv_blocks = draft.kv.blocks,
         .logits = count == task->tokens.size() ? LogitsWanted::kLast : LogitsWanted::kNone});
  }
  executor_.Step(step);
  std::size_t row = 0;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Task& task = *tasks[i];
    const auto end = task.tokens.begin() + static_cast<std::ptrdiff_t>(counts[i]);
    task.draft->computed.insert(task.draft->computed.end(), task.tokens.begin(), end);
    task.tokens.erase(task.tokens.begin(), end);
    if (step[i].logits == LogitsWanted::kNone) continue;
    const TokenId token = Choose(*task.request, executor_.logits(row++));
    if (token.value >= executor_.limits().vocabulary) {  // a bias: the draft cannot go on from it
      task.most = task.request->proposed->size();
      continue;
    }
    task.request->proposed->push_back(token);
    task.tokens.push_back(token);
  }
}

TokenId DraftModel::Choose(const ProposalRequest& request, std::span<const float> logits) {
  const auto position = static_cast<std::int64_t>(request.tokens.size() + request.proposed->size());
  if (logits.size() != target_logits_.size()) {
    const std::size_t common = std::min(logits.size(), target_logits_.size());
    std::copy_n(logits.begin(), common, target_logits_.begin());
    logits = target_logits_;
  }
  return request.sampler->Sample(logits, position);
}

}  // namespace millrace

#include "engine/backend.h"

#include <algorithm>
#include <cstdlib>

#include "engine/interpreter_backend.h"

namespace millrace {
namespace {

constexpr std::int32_t kDefaultContext = 4096;

Result<KvType> ParseKvType(const BackendOptions& options) {
  if (options.key_type != options.value_type) {
    return Unsupported("KV cache: keys in {} with values in {}; both must have one type",
                       options.key_type, options.value_type);
  }
  if (options.key_type == "f16") return KvType::kF16;
  if (options.key_type == "f32") return KvType::kF32;
  return Invalid("KV cache: type {} is not known, wanted f16 or f32", options.key_type);
}

Result<ExecutorLimits> Limits(const Model& model, const BackendOptions& options) {
  const std::int64_t trained = model.config().context_length;
  const std::int64_t context =
      options.context == 0 ? std::min<std::int64_t>(trained, kDefaultContext) : options.context;
  if (context < 1 || context > (std::int64_t{1} << 24)) {
    return Invalid("context: {} positions, wanted 1 to {}", context, 1 << 24);
  }
  const std::int64_t blocks =
      (context + kPositionsPerKvBlock - 1) / kPositionsPerKvBlock * options.sequences;
  if (blocks > (std::int64_t{1} << 26))
    return Invalid("context: {} KV blocks are too many", blocks);
  return ExecutorLimits{.vocabulary = static_cast<std::int32_t>(model.config().vocabulary),
                        .context = static_cast<std::int32_t>(context),
                        .kv_blocks = static_cast<std::int32_t>(blocks),
                        .max_tokens = std::max(options.max_tokens, options.sequences),
                        .max_logit_rows = std::max(options.max_logit_rows, options.sequences)};
}

Result<Backend> MakeHost(const Model& model, const BackendOptions& options,
                         const ExecutorLimits& limits, KvType kv_type) {
  const char* forced = std::getenv("MILLRACE_CPU");
  MILLRACE_TRY(const CpuLevel level, ChooseLevel(forced == nullptr ? "" : forced));
  const int threads = options.threads == 0 ? AvailableCpus() : options.threads;
  MILLRACE_TRY(HostExecutor host,
               HostExecutor::Build(model.graph(), {.level = level,
                                                   .threads = threads,
                                                   .context = limits.context,
                                                   .kv_blocks = limits.kv_blocks,
                                                   .max_tokens = limits.max_tokens,
                                                   .max_logit_rows = limits.max_logit_rows,
                                                   .kv_type = kv_type}));
  auto executor = std::make_unique<HostBackend>(std::move(host));
  const HostPlan* plan = &executor->plan();
  return Backend{.executor = std::move(executor), .plan = plan, .threads = threads};
}

}  // namespace

Result<Backend> MakeBackend(const Model& model, const BackendOptions& options) {
  MILLRACE_TRY(const KvType kv_type, ParseKvType(options));
  MILLRACE_TRY(const ExecutorLimits limits, Limits(model, options));
  if (options.on == "host") return MakeHost(model, options, limits, kv_type);
  if (options.on == "interpreter") {
    const auto cache =
        kv_type == KvType::kF16 ? reference::CacheType::kF16 : reference::CacheType::kF32;
    return Backend{.executor = std::make_unique<InterpreterBackend>(model.graph(), cache, limits),
                   .plan = nullptr,
                   .threads = 1};
  }
  return Invalid("--on {}: is not known, wanted host or interpreter", options.on);
}

}  // namespace millrace

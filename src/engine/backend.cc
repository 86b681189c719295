#include "engine/backend.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "engine/interpreter_backend.h"
#include "engine/prefix_cache.h"
#include "machine/load_system.h"

namespace millrace {
namespace {

constexpr std::int32_t kDefaultContext = 4096;
// Beyond its training a model writes nonsense, and tables of positions take long to make: nobody
// wants more than this by intention.
constexpr std::int32_t kLongContext = 1 << 20;

struct NamedKvType {
  std::string_view name;
  KvType host;
  reference::CacheType interpreter;
};
constexpr NamedKvType kKvTypes[] = {{"f16", KvType::kF16, reference::CacheType::kF16},
                                    {"f32", KvType::kF32, reference::CacheType::kF32},
                                    {"q8_0", KvType::kQ8_0, reference::CacheType::kQ8_0}};

// A program that was compiled before, in place of a machine's name.
bool IsProgramFile(std::string_view place) { return place.ends_with(".mrx"); }

const NamedKvType* FindKvType(std::string_view name) {
  for (const NamedKvType& type : kKvTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

Result<ExecutorLimits> Limits(const Model& model, const BackendOptions& options) {
  const std::int64_t trained = model.config().context_length;
  const std::int64_t context =
      options.context == 0 ? std::min<std::int64_t>(trained, kDefaultContext) : options.context;
  const std::int64_t most = std::max<std::int64_t>(trained, kLongContext);
  if (context > most) {
    return Invalid("context: found {} positions, wanted at most {} for a model trained on {}",
                   context, most, trained);
  }
  const std::int64_t blocks =
      (context + kPositionsPerKvBlock - 1) / kPositionsPerKvBlock * options.sequences;
  if (blocks > (std::int64_t{1} << 26))
    return Invalid("context: {} KV blocks are too many", blocks);
  // A step never has more tokens than all the contexts together.
  const auto max_tokens = static_cast<std::int32_t>(
      std::min<std::int64_t>(options.max_tokens, context * options.sequences));
  return ExecutorLimits{
      .vocabulary = static_cast<std::int32_t>(model.config().vocabulary),
      .context = static_cast<std::int32_t>(context),
      .kv_blocks = static_cast<std::int32_t>(blocks),
      .max_tokens = std::max(max_tokens, options.sequences),
      .max_logit_rows = std::max(std::min(options.max_logit_rows, max_tokens), options.sequences)};
}

// What all sequences together need; 0 if that is no less than the blocks of all layers.
std::int32_t WindowBlocksFor(const Graph& graph, const ExecutorLimits& limits,
                             std::int32_t sequences) {
  KvWindow window{.positions = 0, .step = limits.max_tokens};
  for (const Operation& operation : graph.operations) {
    if (const auto* attention = std::get_if<Attention>(&operation))
      window.positions = std::max(window.positions, attention->window);
  }
  if (window.positions == 0) return 0;
  const std::int32_t blocks = window.MostBlocks(limits.kv_blocks / sequences) * sequences;
  return blocks < limits.kv_blocks ? blocks : 0;
}

Result<Backend> MakeHost(const Model& model, const BackendOptions& options,
                         const ExecutorLimits& limits, KvType kv_type) {
  const char* forced = std::getenv("MILLRACE_CPU");
  MILLRACE_TRY(const CpuLevel level, ChooseLevel(forced == nullptr ? "" : forced));
  const int threads = options.threads == 0 ? AvailableCpus() : options.threads;
  const std::int32_t window_blocks =
      options.window_blocks ? WindowBlocksFor(model.graph(), limits, options.sequences) : 0;
  MILLRACE_TRY(HostExecutor host,
               HostExecutor::Build(model.graph(), {.level = level,
                                                   .threads = threads,
                                                   .context = limits.context,
                                                   .kv_blocks = limits.kv_blocks,
                                                   .window_blocks = window_blocks,
                                                   .max_tokens = limits.max_tokens,
                                                   .max_logit_rows = limits.max_logit_rows,
                                                   .kv_type = kv_type,
                                                   .forget = [&](std::span<const std::byte> part) {
                                                     model.checkpoint().Forget(part);
                                                   }}));
  auto executor = std::make_unique<HostBackend>(std::move(host));
  const HostPlan* plan = &executor->plan();
  return Backend{.executor = std::move(executor), .plan = plan, .threads = plan->options().threads};
}

Result<Backend> MakeSimulated(const Model& model, const BackendOptions& options,
                              const ExecutorLimits& limits) {
  const char* forced = std::getenv("MILLRACE_CPU");
  MILLRACE_TRY(const CpuLevel level, ChooseLevel(forced == nullptr ? "" : forced));
  const int threads = options.threads == 0 ? AvailableCpus() : options.threads;
  const sim::FastOptions fast{.level = level, .threads = threads};
  std::unique_ptr<SimulatedBackend> executor;
  if (IsProgramFile(options.on)) {
    MILLRACE_TRY(executor, SimulatedBackend::Load(model.graph(), options.on, limits, fast));
    if (options.context > executor->limits().context) {
      return Invalid("context: found {} positions, {} was compiled for {}", options.context,
                     options.on, executor->limits().context);
    }
  } else {
    MILLRACE_TRY(System system, LoadSystem(options.on));
    MILLRACE_TRY(executor, SimulatedBackend::Make(model.graph(), std::move(system), limits,
                                                  options.context == 0, fast));
  }
  const SimulatedBackend* simulated = executor.get();
  return Backend{.executor = std::move(executor), .simulated = simulated, .threads = threads};
}

}  // namespace

Result<void> Validate(const BackendOptions& options) {
  if (options.on != "host" && options.on != "interpreter") {
    if (!IsProgramFile(options.on)) {
      const auto system = LoadSystem(options.on);
      if (!system.ok()) {
        return Invalid("--on: found '{}', wanted host, interpreter or MACHINE[xN]: {}", options.on,
                       system.error().message);
      }
    }
    if (options.key_type != "f16") {
      return Unsupported("KV cache: found type '{}', wanted f16 on an LPU", options.key_type);
    }
  }
  for (const std::string& type : {options.key_type, options.value_type}) {
    if (FindKvType(type) == nullptr) {
      return Invalid("KV cache: found type '{}', wanted f16, f32 or q8_0", type);
    }
  }
  if (options.key_type != options.value_type) {
    return Unsupported("KV cache: found keys in {} and values in {}, wanted one type for both",
                       options.key_type, options.value_type);
  }
  if (options.context < 0 || options.context > kMaxContext) {
    return Invalid("context: found {} positions, wanted 0 to {}", options.context, kMaxContext);
  }
  if (options.threads < 0 || options.sequences < 1 || options.max_tokens < 1) {
    return Invalid("found {} threads, {} sequences, {} tokens a step, wanted 0, 1, 1 or more",
                   options.threads, options.sequences, options.max_tokens);
  }
  return {};
}

Result<Backend> MakeBackend(const Model& model, const BackendOptions& options) {
  MILLRACE_TRY_VOID(Validate(options));
  const NamedKvType& kv_type = *FindKvType(options.key_type);
  MILLRACE_TRY(const ExecutorLimits limits, Limits(model, options));
  if (options.on == "host") return MakeHost(model, options, limits, kv_type.host);
  if (options.on != "interpreter") return MakeSimulated(model, options, limits);
  return Backend{
      .executor = std::make_unique<InterpreterBackend>(model.graph(), kv_type.interpreter, limits),
      .plan = nullptr,
      .threads = 1};
}

}  // namespace millrace

#include "compiler/partition.h"

#include <algorithm>
#include <set>

#include "base/ceil_div.h"
#include "base/overloaded.h"
#include "graph/operands.h"

namespace millrace::compiler {
namespace {

std::int64_t WeightBytes(const Weight& weight) {
  return weight.rows * static_cast<std::int64_t>(
                           RowBytes(weight.dtype, static_cast<std::size_t>(weight.columns)));
}

std::int64_t InstallBytes(const Chip& chip) {
  return std::int64_t{2} * chip.mxm.planes_per_hemisphere * chip.mxm.install_streams *
         chip.mem.words * chip.vector_bytes;
}

}  // namespace

std::vector<std::int32_t> GroupSizes(const System& system) {
  const std::int32_t linked = system.levels.empty() || system.levels[0].kind == LevelKind::kChain
                                  ? 1
                                  : system.levels[0].count;
  std::vector<std::int32_t> sizes;
  for (std::int32_t size = 1; size <= linked; ++size) {
    if (linked % size == 0) sizes.push_back(size);
  }
  return sizes;
}

std::vector<Cut> Cuts(const Graph& graph, std::size_t most) {
  std::vector<std::size_t> last_use(graph.operations.size(), 0);
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    for (const ValueId input : Operands(graph.operations[i])) last_use[input.index()] = i;
  }
  last_use[graph.logits.index()] = graph.operations.size();
  std::vector<Cut> cuts;
  std::set<std::size_t> live;
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    // What a router chose is in registers, which are not handed over.
    const bool routed = std::any_of(live.begin(), live.end(), [&](std::size_t v) {
      return std::holds_alternative<Route>(graph.operations[v]);
    });
    if (!live.empty() && live.size() <= most && i > 1 && !routed) {
      Cut cut{.before = i};
      for (const std::size_t v : live) cut.values.push_back(ValueId{static_cast<std::int32_t>(v)});
      cuts.push_back(std::move(cut));
    }
    live.insert(i);
    std::erase_if(live, [&](std::size_t v) { return last_use[v] <= i; });
  }
  return cuts;
}

std::int64_t OperationBytes(const Graph& graph, const Operation& operation,
                            const StepShape& shape) {
  const auto bytes = [&](WeightId id) { return WeightBytes(graph.weight(id)); };
  return std::visit(
      Overloaded{[&](const Linear& op) { return bytes(op.weight); },
                 [&](const Experts& op) { return bytes(op.gate) + bytes(op.up) + bytes(op.down); },
                 [&](const Attention& op) {
                   const std::int64_t sequences = shape.shared_sequence ? 1 : shape.rows;
                   const std::int64_t words =
                       (op.head_dim + 159) / 160 + (op.value_dim + 159) / 160;
                   return sequences * shape.context * op.kv_heads * words * 320;
                 },
                 [](const auto&) { return std::int64_t{0}; }},
      operation);
}

// A reflected mixed-radix Gray code: from one group to the next exactly one index changes, by one.
std::int32_t FirstChip(const System& system, std::int32_t group, std::int32_t stage) {
  std::vector<std::int32_t> radix{1};
  if (!system.levels.empty()) radix[0] = system.levels[0].count / group;
  for (std::size_t l = 1; l < system.levels.size(); ++l) radix.push_back(system.levels[l].count);
  std::int32_t chip = 0, stride = group;
  for (const std::int32_t r : radix) {
    const bool backwards = stage / r % 2 != 0;
    const std::int32_t digit = backwards ? r - 1 - stage % r : stage % r;
    chip += digit * stride;
    stride *= r;
    stage /= r;
  }
  return chip;
}

Result<Partition> Divide(const Graph& graph, const System& system, const StepShape& shape,
                         std::int32_t group, double usable, std::size_t most_values) {
  const auto capacity =
      static_cast<std::int64_t>(usable * static_cast<double>(InstallBytes(system.chip)) * group);
  std::vector<Cut> cuts = Cuts(graph, most_values);
  cuts.push_back({graph.operations.size(), {graph.logits}});
  Partition partition{.group = group, .stages = {}};
  std::size_t first = 0, from = 0;
  std::int64_t held = 0, total = 0, largest = 0;
  for (const Cut& cut : cuts) {
    std::int64_t bytes = 0;
    for (std::size_t i = from; i < cut.before; ++i) {
      bytes += OperationBytes(graph, graph.operations[i], shape);
    }
    largest = std::max(largest, bytes);
    total += bytes;
    if (held > 0 && held + bytes > capacity) {
      partition.stages.push_back({first, from, 0});
      first = from;
      held = 0;
    }
    held += bytes;
    from = cut.before;
  }
  partition.stages.push_back({first, graph.operations.size(), 0});
  if (largest > capacity) {
    return Exhausted(
        "{}: a part of the model needs {} MB, a group of {} chips holds {} MB; a group of {} would "
        "do",
        system.name, largest / 1000000, group, capacity / 1000000,
        CeilDiv(largest, capacity / group));
  }
  const std::int32_t groups = system.chips() / group;
  if (static_cast<std::int32_t>(partition.stages.size()) > groups) {
    return Exhausted("{}: weights and KV are {} MB and do not fit {} chips; {} would do",
                     system.name, total / 1000000, system.chips(), partition.chips());
  }
  for (std::size_t s = 0; s < partition.stages.size(); ++s) {
    partition.stages[s].first_chip = FirstChip(system, group, static_cast<std::int32_t>(s));
  }
  return partition;
}

}  // namespace millrace::compiler

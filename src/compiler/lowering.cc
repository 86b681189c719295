#include "compiler/lowering.h"

#include <algorithm>

#include "base/check.h"
#include "graph/operands.h"
#include "numerics/reference.h"

namespace millrace::compiler {
namespace {

// Types whose blocks are 256 wide take steps of 256 elements, so that a step is a tile's k.
std::int32_t StepElements(const Graph& graph, const Chip& chip) {
  for (const Weight& weight : graph.weights) {
    if (BlockElements(weight.dtype) > 32) return 256;
  }
  return chip.vector_bytes / 4 * kGroupSlices;
}

// The last operation that reads each value.
std::vector<std::int32_t> LastUses(const Graph& graph) {
  std::vector<std::int32_t> last(graph.operations.size(), -1);
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    for (const ValueId operand : Operands(graph.operations[i])) {
      last[operand.index()] = static_cast<std::int32_t>(i);
    }
  }
  last[graph.logits.index()] = static_cast<std::int32_t>(graph.operations.size());
  return last;
}

}  // namespace

isa::RegisterIndex Registers::Get(const isa::LaunchRegister& wanted) {
  const auto known = std::find(all_.begin(), all_.end(), wanted);
  if (known == all_.end()) {
    all_.push_back(wanted);
    return static_cast<isa::RegisterIndex>(all_.size() - 1);
  }
  return static_cast<isa::RegisterIndex>(known - all_.begin());
}

isa::RegisterIndex Registers::AddRouted(std::int32_t row, std::int32_t count) {
  const auto first = static_cast<isa::RegisterIndex>(all_.size());
  for (std::int32_t i = 0; i < count; ++i) {
    all_.push_back({.kind = isa::LaunchRegister::Kind::kRouted, .row = row});
  }
  return first;
}

Lowering::Lowering(const Graph& graph, const GroupPlan& plan, const System& system,
                   std::vector<std::int32_t> chips, bool shape_only, const StepShape& shape,
                   Registers& registers)
    : graph_(&graph),
      plan_(&plan),
      system_(&system),
      chips_(std::move(chips)),
      group_first_chip_(chips_.empty() ? 0 : chips_[0]),
      shape_only_(shape_only),
      shape_(shape),
      registers_(&registers),
      floorplan_(system.chip),
      step_elements_(StepElements(graph, system.chip)),
      work_(4, system.chip.bank_words()),
      tiles_(floorplan_, kept_values()),
      constants_(floorplan_, kept_values()),
      last_use_(LastUses(graph)),
      planes_(static_cast<std::size_t>(floorplan_.planes())) {}

SectionBuilder& Lowering::section() {
  if (!section_) {
    section_.emplace(floorplan_, kept_code());
    section_->Occupy(drains_);
    drains_.clear();
  }
  return *section_;
}

std::uint8_t Lowering::NextStreams(std::uint32_t& turn) {
  const auto groups = static_cast<std::uint32_t>(floorplan_.chip().streams / kGroupSlices);
  return static_cast<std::uint8_t>(turn++ % groups * kGroupSlices);
}

Result<Tensor> Lowering::NewTensor(std::int64_t columns, const ValuePlan& plan, std::int32_t width,
                                   std::initializer_list<const Tensor*> avoid) {
  Tensor tensor{.layout = MakeLayout(columns, plan.parts, step_elements_),
                .rows = shape_.rows,
                .width = width,
                .spread = plan.spread,
                .shares = plan.shares};
  std::int32_t largest = 0;
  for (const Range& share : plan.shares) largest = std::max(largest, share.size());
  if (plan.spread == Spread::kParts) tensor.layout.parts = std::max(1, largest);
  std::int32_t ready_of_row = tensor.layout.steps();
  if (plan.spread == Spread::kLocal) {
    tensor.layout.part_elements = std::max(1, plan_->ElementsOf({0, largest}, 1 << 30).size());
    ready_of_row = tensor.layout.steps();
  } else if (plan.spread == Spread::kInPlace) {
    ready_of_row = 1;
    for (const Range& share : plan.shares) {
      if (share.size() == 0) continue;
      ready_of_row = std::max(ready_of_row, WordOf(share.end - 1) - WordOf(share.begin) + 1);
    }
  }
  tensor.ready.assign(static_cast<std::size_t>(tensor.rows * ready_of_row), 0);
  const std::int32_t words = tensor.rows * tensor.layout.steps();
  for (std::int32_t place = 0; place < 4; ++place) {
    const std::int32_t group = place / 2, bank = place % 2;
    const bool met = std::any_of(avoid.begin(), avoid.end(), [&](const Tensor* other) {
      return other != nullptr && other->group == group &&
             other->word / floorplan_.chip().bank_words() == bank;
    });
    if (met) continue;
    if (const auto word = work_.Allocate(place, words)) {
      tensor.group = group;
      tensor.word = *word + bank * floorplan_.chip().bank_words();
      return tensor;
    }
  }
  return Exhausted("{}: the work memory of a chip has no room for {} x {} activations",
                   system_->name, tensor.rows, columns);
}

void Lowering::Free(const Tensor& tensor) {
  const std::int32_t bank = tensor.word / floorplan_.chip().bank_words();
  work_.Free(tensor.group * 2 + bank, tensor.word - bank * floorplan_.chip().bank_words(),
             tensor.rows * tensor.layout.steps());
}

void Lowering::FreeDead(std::size_t operation) {
  for (auto it = values_.begin(); it != values_.end();) {
    if (last_use_[static_cast<std::size_t>(it->first)] > static_cast<std::int32_t>(operation)) {
      ++it;
      continue;
    }
    Free(it->second);
    for (int form = 0; form < 3; ++form) {
      const auto prepared = prepared_.find({it->first, form});
      if (prepared == prepared_.end()) continue;
      Free(prepared->second);
      prepared_.erase(prepared);
    }
    it = values_.erase(it);
  }
}

std::int32_t Lowering::FirstWord(const Tensor& tensor, std::int32_t member) const {
  if (tensor.spread != Spread::kInPlace) return 0;
  return WordOf(tensor.shares[static_cast<std::size_t>(member)].begin);
}

Result<Tensor*> Lowering::Reserve(ValueId id) {
  ValuePlan whole{.parts = plan_->value(id).parts};
  MILLRACE_TRY(Tensor tensor, NewTensor(graph_->columns[id.index()], whole, 4, {}));
  return &values_.insert_or_assign(id.value, std::move(tensor)).first->second;
}

Result<Tensor*> Lowering::ReserveLike(ValueId id, const Tensor& other) {
  ValuePlan plan = plan_->value(id);
  plan.parts = other.layout.parts;
  if (other.spread == Spread::kParts) plan.parts = plan_->value(id).parts;
  plan.spread = other.spread;
  plan.shares = other.shares;
  MILLRACE_TRY(Tensor tensor, NewTensor(graph_->columns[id.index()], plan, 4, {}));
  if (tensor.layout != other.layout) {
    return Unsupported("{}: %{} crosses stages in two layouts", system_->name, id.value);
  }
  return &values_.insert_or_assign(id.value, std::move(tensor)).first->second;
}

Result<void> Lowering::Run(std::size_t first, std::size_t end) {
  for (std::size_t i = first; i < end; ++i) {
    const ValueId id{static_cast<std::int32_t>(i)};
    MILLRACE_TRY_VOID(
        std::visit([&](const auto& op) { return Lower(op, id); }, graph_->operations[i]));
    FreeDead(i);
  }
  return {};
}

void Lowering::EndSectionAt(std::int64_t earliest, const std::string& name) {
  if (!section_ && drains_.empty() && earliest == 0) return;
  const std::int64_t length = std::max(earliest, section().table().end());
  SectionCode code{.name = name};
  for (std::int32_t m = 0; m < kept_code(); ++m) code.members.push_back(section().Instructions(m));
  section_.reset();
  code.length_cycles = static_cast<std::int32_t>(length);
  sections_.push_back(std::move(code));
  PassTime(length);
  work_.BeginSection();
}

// What was ready on a cycle of the section that ended is ready so much earlier in the next one.
void Lowering::PassTime(std::int64_t cycles) {
  const auto pass = [&](std::int64_t& ready) { ready = std::max<std::int64_t>(0, ready - cycles); };
  for (auto& [id, tensor] : values_) std::for_each(tensor.ready.begin(), tensor.ready.end(), pass);
  for (auto& [id, tensor] : prepared_) {
    std::for_each(tensor.ready.begin(), tensor.ready.end(), pass);
  }
  for (auto& [id, routed] : routed_) pass(routed.ready);
  for (PlaneState& plane : planes_) {
    for (int i = 0; i < 2; ++i) {
      pass(plane.buffer_free[i]);
      pass(plane.accumulators_free[i]);
    }
  }
}

std::vector<SectionCode> Lowering::TakeSections() { return std::move(sections_); }

}  // namespace millrace::compiler

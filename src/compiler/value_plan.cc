#include "compiler/value_plan.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "base/overloaded.h"
#include "graph/operands.h"

namespace millrace::compiler {
namespace {

std::int32_t Int(std::int64_t value) { return static_cast<std::int32_t>(value); }

bool IsElementwise(const Operation& operation) {
  return std::holds_alternative<GateMul>(operation) || std::holds_alternative<Add>(operation) ||
         std::holds_alternative<Scale>(operation) || std::holds_alternative<Softcap>(operation);
}

// Whether an operation makes of each element (or each head) one at the same place.
bool KeepsElements(const Graph& graph, const Operation& operation) {
  if (const auto* norm = std::get_if<RmsNorm>(&operation)) {
    return graph.columns[norm->input.index()] != graph.weight(norm->weight).columns;
  }
  return std::holds_alternative<Rope>(operation) || IsElementwise(operation);
}

// Into how many parts `operation` wants its input `value` cut; 0: it does not care.
std::int32_t WantedParts(const Graph& graph, const Operation& operation, ValueId value) {
  const std::int64_t columns = graph.columns[value.index()];
  return std::visit(
      Overloaded{[&](const Rope& op) { return Int(columns / op.head_dim); },
                 [&](const RmsNorm& op) { return Int(columns / graph.weight(op.weight).columns); },
                 [&](const Attention& op) { return value == op.query ? op.heads : op.kv_heads; },
                 [](const HeadSlice& op) { return op.heads; },
                 [](const HeadConcat& op) { return op.heads; },
                 [](const Linear& op) { return op.groups; }, [](const auto&) { return 0; }},
      operation);
}

}  // namespace

Layout MakeLayout(std::int64_t columns, std::int32_t parts, std::int32_t step_elements) {
  Layout layout{
      .parts = parts, .part_elements = Int(columns / parts), .step_elements = step_elements};
  if (parts > 1) layout.step_elements = std::min(step_elements, layout.part_elements);
  return layout;
}

GroupPlan::GroupPlan(const Graph& graph, std::int32_t members, std::int32_t step_elements,
                     std::int32_t word_elements)
    : members_(members),
      step_elements_(step_elements),
      word_elements_(word_elements),
      values_(graph.operations.size()) {
  PreferParts(graph);
  if (members > 1) SpreadValues(graph);
}

// From the last operation to the first, since what an elementwise operation wants is what its
// result is wanted as. Operations that keep the layout of their input pass it on.
void GroupPlan::PreferParts(const Graph& graph) {
  std::vector<std::int32_t> wanted(graph.operations.size(), 0);
  for (std::size_t i = graph.operations.size(); i-- > 0;) {
    const Operation& operation = graph.operations[i];
    for (const ValueId input : Operands(operation)) {
      std::int32_t parts = WantedParts(graph, operation, input);
      if (parts == 0 && IsElementwise(operation)) parts = wanted[i];
      if (parts > 1 || wanted[input.index()] == 0) wanted[input.index()] = parts;
    }
  }
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    const Operation& operation = graph.operations[i];
    const auto inputs = Operands(operation);
    ValuePlan& plan = values_[i];
    plan.parts = std::max(1, wanted[i]);
    if (std::holds_alternative<Rope>(operation) || std::holds_alternative<RmsNorm>(operation)) {
      plan.parts = std::max(1, WantedParts(graph, operation, inputs[0]));
    } else if (IsElementwise(operation)) {
      plan.parts = values_[inputs[0].index()].parts;
    } else if (const auto* slice = std::get_if<HeadSlice>(&operation)) {
      plan.parts = slice->heads;
    } else if (const auto* concat = std::get_if<HeadConcat>(&operation)) {
      plan.parts = concat->heads;
    } else if (const auto* linear = std::get_if<Linear>(&operation)) {
      if (linear->groups > 1 && plan.parts % linear->groups != 0) plan.parts = linear->groups;
    } else if (std::holds_alternative<Embed>(operation) ||
               std::holds_alternative<Experts>(operation) ||
               std::holds_alternative<Route>(operation)) {
      plan.parts = 1;
    }
  }
}

std::vector<HeadShare> GroupPlan::HeadShares(const Attention& attention, ValueId id) const {
  if (values_[id.index()].parts > 1) {
    return std::vector<HeadShare>(static_cast<std::size_t>(members_),
                                  {{0, attention.heads}, {0, attention.kv_heads}});
  }
  const std::int32_t group = attention.heads / attention.kv_heads;
  std::vector<HeadShare> shares;
  for (std::int32_t m = 0; m < members_; ++m) {
    const Range queries{attention.heads * m / members_, attention.heads * (m + 1) / members_};
    Range keys{queries.begin / group, queries.begin / group};
    if (queries.size() > 0) keys.end = (queries.end - 1) / group + 1;
    shares.push_back({queries, keys});
  }
  return shares;
}

std::vector<Range> GroupPlan::WordShares(std::int64_t columns) const {
  const std::int32_t steps = Int((columns + step_elements_ - 1) / step_elements_);
  // A step of other than four full words is divided only as a whole.
  const bool by_words = step_elements_ == 4 * word_elements_;
  const std::int32_t units =
      by_words ? Int((columns + word_elements_ - 1) / word_elements_) : steps;
  std::vector<Range> shares;
  for (std::int32_t m = 0; m < members_; ++m) {
    const std::int32_t unit = by_words ? 1 : 4;
    shares.push_back({units * m / members_ * unit, units * (m + 1) / members_ * unit});
  }
  return shares;
}

Range GroupPlan::ElementsOf(Range words, std::int64_t columns) const {
  const auto element = [&](std::int32_t word) {
    return std::min(Int(columns), word / 4 * step_elements_ + word % 4 * word_elements_);
  };
  return {element(words.begin), element(words.end)};
}

// Forward: what operations make of what their inputs are. A value that only attention will see,
// through operations on single heads, is divided by heads.
void GroupPlan::SpreadValues(const Graph& graph) {
  const std::size_t count = graph.operations.size();
  std::vector<std::optional<std::vector<Range>>> heads(count);  // the shares, if all uses allow it
  std::vector<bool> whole(count, false);                        // some use needs all of it
  for (std::size_t i = count; i-- > 0;) {
    const Operation& operation = graph.operations[i];
    const auto* attention = std::get_if<Attention>(&operation);
    const auto inputs = Operands(operation);
    for (const ValueId input : inputs) {
      const std::size_t v = input.index();
      if (attention != nullptr) {
        std::vector<Range> shares;
        for (const HeadShare& share :
             HeadShares(*attention, ValueId{static_cast<std::int32_t>(i)})) {
          shares.push_back(input == attention->query ? share.queries : share.keys);
        }
        if (!heads[v]) heads[v] = shares;
        if (*heads[v] != shares) whole[v] = true;
        continue;
      }
      const bool headwise =
          values_[v].parts > 1 && values_[i].parts == values_[v].parts && heads[i] && !whole[i] &&
          (std::holds_alternative<Rope>(operation) || std::holds_alternative<RmsNorm>(operation) ||
           IsElementwise(operation));
      if (headwise) {
        if (!heads[v]) heads[v] = heads[i];
        if (*heads[v] != *heads[i]) whole[v] = true;
        continue;
      }
      const bool stays_divided =
          IsElementwise(operation) && !std::holds_alternative<Add>(operation);
      if (!stays_divided || heads[i]) whole[v] = true;
    }
  }
  while (!SpreadForward(graph, heads, whole)) {
  }
}

void GroupPlan::PutInPlace(ValuePlan& plan, std::int64_t columns) const {
  plan.spread = Spread::kInPlace;
  for (Range& share : plan.shares) share = ElementsOf(share, columns);
}

// Returns false if an operation met inputs of different kinds, which must then become whole.
bool GroupPlan::SpreadForward(const Graph& graph,
                              const std::vector<std::optional<std::vector<Range>>>& heads,
                              std::vector<bool>& whole) {
  bool agreed = true;
  for (std::size_t i = 0; i < graph.operations.size(); ++i) {
    const Operation& operation = graph.operations[i];
    const bool needed_whole = whole[i] || i == graph.logits.index();
    const auto inputs = Operands(operation);
    ValuePlan& plan = values_[i];
    plan.spread = Spread::kWhole;
    plan.shares.clear();
    if (const auto* linear = std::get_if<Linear>(&operation)) {
      if (linear->groups != 1) continue;
      if (heads[i] && !whole[i]) {
        if (plan.parts == 1) continue;  // a single head: every chip computes it
        plan.spread = Spread::kParts;
        plan.shares = *heads[i];
      } else if (plan.parts == 1) {
        plan.spread = Spread::kLocal;
        plan.shares = WordShares(graph.columns[i]);
        if (needed_whole) PutInPlace(plan, graph.columns[i]);
      }
    } else if (KeepsElements(graph, operation)) {
      const ValuePlan& first = values_[inputs[0].index()];
      const bool same = std::all_of(inputs.begin(), inputs.end(), [&](ValueId v) {
        const ValuePlan& other = values_[v.index()];
        return other.spread == first.spread && other.shares == first.shares;
      });
      if (!same) {
        for (const ValueId v : inputs) {
          const Spread spread = values_[v.index()].spread;
          if (spread != Spread::kParts && spread != Spread::kLocal) continue;
          agreed = false;
          whole[v.index()] = true;
        }
      } else if (first.spread == Spread::kParts || first.spread == Spread::kLocal) {
        plan = {plan.parts, first.spread, first.shares};
        if (first.spread == Spread::kLocal && needed_whole) PutInPlace(plan, graph.columns[i]);
      }
    } else if (const auto* attention = std::get_if<Attention>(&operation); attention != nullptr) {
      if (plan.parts != 1) continue;
      plan.spread = Spread::kInPlace;
      for (const HeadShare& share : HeadShares(*attention, ValueId{static_cast<std::int32_t>(i)})) {
        plan.shares.push_back(
            {share.queries.begin * attention->value_dim, share.queries.end * attention->value_dim});
      }
    }
  }
  return agreed;
}

}  // namespace millrace::compiler

#include "graph/operands.h"

#include "base/overloaded.h"

namespace millrace {

std::vector<ValueId> Operands(const Operation& operation) {
  return std::visit(Overloaded{[](const Embed&) { return std::vector<ValueId>{}; },
                               [](const Attention& op) {
                                 return std::vector{op.query, op.key, op.value};
                               },
                               [](const GateMul& op) {
                                 return std::vector{op.gate, op.up};
                               },
                               [](const Add& op) {
                                 return std::vector{op.left, op.right};
                               },
                               [](const HeadConcat& op) {
                                 return std::vector{op.left, op.right};
                               },
                               [](const Route& op) { return std::vector{op.logits}; },
                               [](const Experts& op) {
                                 return std::vector{op.input, op.routes};
                               },
                               [](const auto& op) { return std::vector{op.input}; }},
                    operation);
}

}  // namespace millrace

#include "engine/launch_inputs.h"

#include "numerics/reference.h"

namespace millrace {

LaunchInputs::LaunchInputs(const Graph& graph, const isa::Program& program)
    : graph_(graph), program_(program), tensors_(program.inputs.size()) {
  for (const RopeTable& table : graph.rope_tables) {
    angles_.push_back(BuildRopeAngles(table, static_cast<std::size_t>(program.context)));
  }
}

sim::StepInputs LaunchInputs::For(std::span<const TokenId> tokens,
                                  std::span<const std::int32_t> positions) {
  const Weight& table = graph_.weight(std::get<Embed>(graph_.operations[0]).table);
  views_.clear();
  for (std::size_t i = 0; i < program_.inputs.size(); ++i) {
    const isa::ProgramInput& input = program_.inputs[i];
    const auto row = static_cast<std::size_t>(input.row);
    std::vector<float>& tensor = tensors_[i];
    if (input.kind == isa::ProgramInput::Kind::kEmbedding) {
      const auto columns = static_cast<std::size_t>(table.columns);
      tensor.resize(columns);
      reference::DequantiseRow(
          table.dtype, table.bytes.data() + tokens[row].index() * RowBytes(table.dtype, columns),
          tensor);
    } else {
      const RopeAngles& angles = angles_[static_cast<std::size_t>(input.table)];
      const auto first =
          static_cast<std::ptrdiff_t>(static_cast<std::size_t>(positions[row]) * angles.pairs);
      const auto end = first + static_cast<std::ptrdiff_t>(angles.pairs);
      tensor.assign(angles.cosine.begin() + first, angles.cosine.begin() + end);
      tensor.insert(tensor.end(), angles.sine.begin() + first, angles.sine.begin() + end);
    }
    views_.push_back(tensor);
  }
  return {positions, views_};
}

}  // namespace millrace

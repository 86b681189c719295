#include "compiler/constants.h"

#include <algorithm>
#include <cstring>

namespace millrace::compiler {

Constants::Constants(const Floorplan& plan, std::int32_t kept)
    : plan_(&plan), steps_(static_cast<std::size_t>(kept)) {}

Tensor Constants::Reserve(const Layout& layout) {
  Tensor tensor{.layout = layout, .group = kConstantGroup, .word = used_};
  tensor.ready.assign(static_cast<std::size_t>(layout.steps()), 0);
  used_ += layout.steps();
  return tensor;
}

const Tensor& Constants::Add(const std::string& name, const Layout& layout,
                             const std::vector<std::vector<float>>& values) {
  if (const auto known = known_.find(name); known != known_.end()) return known->second;
  const Tensor tensor = Reserve(layout);
  const auto step_bytes = static_cast<std::size_t>(kGroupSlices * plan_->chip().vector_bytes);
  for (std::size_t member = 0; member < steps_.size() && member < values.size(); ++member) {
    auto& bytes = steps_[member];
    bytes.resize(static_cast<std::size_t>(used_) * step_bytes);
    for (std::size_t e = 0; e < values[member].size(); ++e) {
      const auto part = static_cast<std::int32_t>(e) / layout.part_elements;
      const auto within = static_cast<std::int32_t>(e) % layout.part_elements;
      const std::int32_t step =
          tensor.word + part * layout.steps_per_part() + within / layout.step_elements;
      std::memcpy(bytes.data() + static_cast<std::size_t>(step) * step_bytes +
                      static_cast<std::size_t>(within % layout.step_elements) * sizeof(float),
                  &values[member][e], sizeof(float));
    }
  }
  return known_.emplace(name, tensor).first->second;
}

std::vector<isa::ImagePart> Constants::Image(std::int32_t member) const {
  std::vector<isa::ImagePart> parts;
  if (used_ == 0) return parts;
  const auto vector_bytes = static_cast<std::size_t>(plan_->chip().vector_bytes);
  const auto& steps = steps_[static_cast<std::size_t>(member)];
  for (std::int32_t i = 0; i < kGroupSlices; ++i) {
    isa::ImagePart part{.slice = {isa::UnitKind::kMem, isa::Hemisphere::kEast,
                                  static_cast<std::uint16_t>(kConstantGroup * kGroupSlices + i)},
                        .word = 0,
                        .words = used_,
                        .bytes = {}};
    for (std::size_t at = static_cast<std::size_t>(i) * vector_bytes; at < steps.size();
         at += static_cast<std::size_t>(kGroupSlices) * vector_bytes) {
      part.bytes.insert(part.bytes.end(), steps.begin() + static_cast<std::ptrdiff_t>(at),
                        steps.begin() + static_cast<std::ptrdiff_t>(at + vector_bytes));
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace millrace::compiler

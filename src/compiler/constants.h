// Binary32 constants of a group of chips (norm weights, biases, routers, zeros): steps of the
// constant slices, east of the VXM.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/floorplan.h"
#include "compiler/tensor.h"
#include "isa/program.h"

namespace millrace::compiler {

class Constants {
 public:
  Constants(const Floorplan& plan, std::int32_t kept);

  // `layout.steps()` steps whose elements are values[member] (for the members kept; [layout
  // elements] each, shorter ones are filled up with zeros). The same name is the same constant.
  const Tensor& Add(const std::string& name, const Layout& layout,
                    const std::vector<std::vector<float>>& values);
  // Steps for something that the host brings.
  Tensor Reserve(const Layout& layout);

  std::int32_t used() const { return used_; }
  std::vector<isa::ImagePart> Image(std::int32_t member) const;

 private:
  const Floorplan* plan_;
  std::int32_t used_ = 0;
  std::map<std::string, Tensor> known_;
  std::vector<std::vector<std::byte>> steps_;  // by member: four words a step
};

}  // namespace millrace::compiler

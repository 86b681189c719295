// Where things stand on a chip: the numbering of its resources, and which MEM slices hold what.
//
//     VXM | work slices: 3 groups of 4 | spare | install slices of plane 0 | of plane 1 | edge
//
// Work slices, next to the VXM, hold activations (groups 0 and 1) and constants (group 2); both
// hemispheres hold the same activations at the same addresses, so that an operation takes one
// operand from each side and every plane finds its input on its own. Install slices, next to the
// planes, hold weights and KV: slice i of a plane feeds stream i of its install port.
//
// A stream is two resources, near (up to the last work slice) and far (from the first install
// slice): what is written in work slices is taken there and leaves the far part to installs.
#pragma once

#include <cstdint>

#include "isa/instruction.h"
#include "machine/chip.h"

namespace millrace::compiler {

inline constexpr std::int32_t kGroupSlices = 4;  // a step of binary32 is four streams wide
inline constexpr std::int32_t kValueGroup = 0;
inline constexpr std::int32_t kInputGroup = 1;  // quantised activations, two streams wide
inline constexpr std::int32_t kConstantGroup = 2;
inline constexpr std::int32_t kWorkSlices = 3 * kGroupSlices;

class Floorplan {
 public:
  explicit Floorplan(const Chip& chip) : chip_(&chip) {}

  const Chip& chip() const { return *chip_; }
  std::int32_t planes() const { return 2 * chip_->mxm.planes_per_hemisphere; }
  // Planes of both hemispheres alternate: 0 west 0, 1 east 0, 2 west 1, 3 east 1.
  isa::Hemisphere plane_side(std::int32_t plane) const {
    return plane % 2 == 0 ? isa::Hemisphere::kWest : isa::Hemisphere::kEast;
  }
  std::int32_t plane_index(std::int32_t plane) const { return plane / 2; }
  std::int32_t install_slice(std::int32_t plane, std::int32_t i) const {
    return chip_->mem.per_hemisphere -
           (chip_->mxm.planes_per_hemisphere - plane_index(plane)) * chip_->mxm.install_streams + i;
  }
  std::int32_t install_base(std::int32_t plane) const {
    return plane_index(plane) * chip_->mxm.install_streams;
  }
  std::int32_t last_near_position() const { return chip_->slice_position(kWorkSlices - 1); }
  std::int32_t first_far_position() const { return last_near_position() + 1; }

  // ---- resources
  enum class MemPort { kIssue, kRead, kWrite, kBank0, kBank1 };
  enum class PlanePort { kIssue, kLoad, kPass, kEmit, kBuffer0, kBuffer1 };
  enum class Zone { kNear, kFar };

  std::int32_t mem(isa::Hemisphere side, std::int32_t slice, MemPort port) const {
    return (Index(side) * chip_->mem.per_hemisphere + slice) * 5 + static_cast<int>(port);
  }
  std::int32_t stream(isa::Hemisphere side, isa::Flow flow, std::int32_t stream, Zone zone) const {
    return first_stream() +
           ((Index(side) * 2 + static_cast<int>(flow)) * chip_->streams + stream) * 2 +
           static_cast<int>(zone);
  }
  std::int32_t plane(std::int32_t plane, PlanePort port) const {
    return first_plane() + plane * kPlanePorts + static_cast<int>(port);
  }
  std::int32_t chain(std::int32_t chain) const { return first_chain() + chain; }
  std::int32_t shift(isa::Hemisphere side) const { return first_shift() + Index(side); }
  std::int32_t send(std::int32_t link) const { return first_link() + 2 * link; }
  std::int32_t receive(std::int32_t link) const { return first_link() + 2 * link + 1; }
  std::int32_t resources() const { return first_link() + 2 * chip_->links.count; }

 private:
  static constexpr std::int32_t kPlanePorts = 6;
  static std::int32_t Index(isa::Hemisphere side) { return static_cast<std::int32_t>(side); }
  std::int32_t first_stream() const { return 2 * chip_->mem.per_hemisphere * 5; }
  std::int32_t first_plane() const { return first_stream() + 2 * 2 * chip_->streams * 2; }
  std::int32_t first_chain() const { return first_plane() + planes() * kPlanePorts; }
  std::int32_t first_shift() const { return first_chain() + chip_->vxm.chains; }
  std::int32_t first_link() const { return first_shift() + 2; }

  const Chip* chip_;
};

}  // namespace millrace::compiler

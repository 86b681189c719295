// From operations of the graph to tasks on a group of chips: one section after the other.
//
// Every operation takes its operands from work memory and leaves its result there; how each kind is
// done stands in lower_<kind>.cc. All chips of a group do the same thing on the same cycle, on
// their own share of the rows.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "compiler/constants.h"
#include "compiler/section_builder.h"
#include "compiler/tensor.h"
#include "compiler/tile_memory.h"
#include "compiler/value_plan.h"
#include "compiler/work_memory.h"
#include "graph/graph.h"
#include "isa/program.h"
#include "machine/system.h"

namespace millrace::compiler {

// What a program is compiled for.
struct StepShape {
  std::int32_t rows = 1;         // tokens of a step
  bool shared_sequence = false;  // they belong to one sequence (prefill)
  std::int32_t context = 0;      // positions of a sequence
};

// The registers of a program, made on demand.
class Registers {
 public:
  isa::RegisterIndex Get(const isa::LaunchRegister& wanted);
  isa::RegisterIndex AddRouted(std::int32_t row, std::int32_t count);  // the first of them
  const std::vector<isa::LaunchRegister>& all() const { return all_; }

 private:
  std::vector<isa::LaunchRegister> all_;
};

// A finished section of a group: instructions by member.
struct SectionCode {
  std::int32_t length_cycles = 0;
  isa::RegisterIndex repeats = isa::kNoRegister;
  std::string name = {};
  std::vector<std::vector<isa::Instruction>> members = {};
};

// One plane's state within a section.
struct PlaneState {
  std::int64_t buffer_free[2] = {0, 0};
  int next_buffer = 0;
  std::int64_t accumulators_free[2] = {0, 0};  // of the two sets that pieces alternate between
  int next_set = 0;
  std::int64_t chain_free = 0;  // when the sums of the piece in work can go on
  std::int32_t tiles = 0;       // placed so far: who has least gets the next piece
};

class Lowering {
 public:
  // chips: of the group. For a shape no instructions are kept, only their time.
  Lowering(const Graph& graph, const GroupPlan& plan, const System& system,
           std::vector<std::int32_t> chips, bool shape_only, const StepShape& shape,
           Registers& registers);

  // Operations [first, end) of the graph, all on this group. `inputs`: tensors that live already
  // (embedding or the hand-over of the group before).
  Result<void> Run(std::size_t first, std::size_t end);

  // A whole binary32 tensor of the work memory for value `id`, to be filled by somebody else.
  Result<Tensor*> Reserve(ValueId id);
  // A place for a value that comes from another group, divided as it was there.
  Result<Tensor*> ReserveLike(ValueId id, const Tensor& other);
  Tensor& value(ValueId id) { return values_.at(id.value); }
  // Makes the value whole on every chip.
  Result<void> MakeWhole(ValueId id);
  void GatherRows(Tensor& tensor, std::int32_t first_row, std::int32_t rows);
  // Closes the section in work, if it has anything.
  void FinishSection(const std::string& name) { EndSectionAt(0, name); }
  // The same, and not before cycle `earliest`.
  void EndSectionAt(std::int64_t earliest, const std::string& name);

  std::vector<SectionCode> TakeSections();
  TileMemory& tiles() { return tiles_; }
  Constants& constants() { return constants_; }
  const Floorplan& floorplan() const { return floorplan_; }
  // Rope tables whose rows the host brings: place by (table, row).
  const std::map<std::pair<std::int32_t, std::int32_t>, Tensor>& rope_inputs() const {
    return rope_inputs_;
  }

 private:
  // ---- lower_vector.cc: operations of the VXM
  struct Side {
    const Tensor* tensor = nullptr;
    isa::Hemisphere side = isa::Hemisphere::kWest;
  };
  // Steps that one VXM instruction takes.
  struct StepRun {
    std::int32_t first = 0;                          // of the row, in operands and result
    std::int32_t count = 0;                          // of the member with most
    std::int32_t elements = 0;                       // likewise
    std::vector<std::int32_t> member_elements = {};  // empty: all the same
  };
  std::vector<StepRun> RunsOf(const Tensor& tensor) const;
  // a, b: row `row` of each (a constant has one row); out: row `row`, or null. Returns the base.
  std::int64_t PlaceVector(isa::Vxm vxm, const Tensor* a, const Tensor* b, Tensor* out,
                           std::int32_t row, const StepRun& run, std::int64_t ready = 0);
  Result<void> Elementwise(isa::Vxm vxm, ValueId a, std::optional<ValueId> b, ValueId out);
  // A constant [columns] for a tensor like `like`: the same for every part of it if it is shorter.
  const Tensor& ConstantLike(const std::string& name, const Weight& weight, const Tensor& like);
  Result<void> Lower(const Embed& op, ValueId id);
  Result<void> Lower(const RmsNorm& op, ValueId id);
  Result<void> Lower(const Rope& op, ValueId id);
  Result<void> Lower(const GateMul& op, ValueId id);
  Result<void> Lower(const Add& op, ValueId id);
  Result<void> Lower(const Scale& op, ValueId id);
  Result<void> Lower(const Softcap& op, ValueId id);
  Result<void> Lower(const Route& op, ValueId id);

  // ---- lower_linear.cc, cut_pieces.cc, place_pieces.cc, place_output.cc, lower_dot.cc: matrices
  struct Piece;
  struct LinearJob;
  // x as passes take it: quantised, or in 16 bits, two words a step.
  Result<const Tensor*> PreparedInput(ValueId x, DType dtype);
  Result<Tensor> Prepare(const Tensor& x, DType dtype, std::int32_t first_row, std::int32_t rows);
  Result<Tensor> Multiply(LinearJob& job);
  Result<void> Lower(const Linear& op, ValueId id);
  Result<void> LowerDot(const Linear& op, ValueId id);
  std::vector<Piece> CutPieces(const LinearJob& job) const;
  std::vector<Piece> CutParts(const LinearJob& job) const;
  std::vector<Range> RowShares(const LinearJob& job) const;
  Piece CutPiece(const LinearJob& job, const std::vector<Range>& shares, std::int32_t local,
                 std::int32_t columns) const;
  struct TilePlan;
  struct TileWork;
  std::vector<TilePlan> TilesOf(const LinearJob& job, const Piece& piece) const;
  void FillTile(const LinearJob& job, const Piece& piece, const TilePlan& tile);
  void LoadTile(const LinearJob& job, TileWork& work);
  void PassTile(const LinearJob& job, const TileWork& work, Tensor& out);
  void PlacePieces(LinearJob& job, const std::vector<Piece>& pieces, Tensor& out);
  void PlaceOutput(const LinearJob& job, const Piece& piece, std::int32_t set, std::int64_t ready,
                   Tensor& out);

  // ---- lower_attention.cc, attention_loop.cc
  struct Unit;
  struct HeadPlan;
  Result<void> Lower(const Attention& op, ValueId id);
  Result<HeadPlan> PlanHeads(const Attention& op, ValueId id);
  std::int64_t WriteCache(const Attention& op, const HeadPlan& plan, std::int32_t row);
  std::int64_t WriteHead(const Tensor& from, std::int32_t row, const Unit& unit,
                         std::span<const std::int32_t> planes, std::span<const std::int32_t> bases,
                         isa::RegisterIndex position);
  std::int64_t BeginSoftmax(const Attention& op, const HeadPlan& plan, std::int32_t row);
  Result<void> Loop(const Attention& op, HeadPlan& plan, const Tensor& query, std::int32_t row);
  Task UnitTask(const Attention& op, const HeadPlan& plan, Unit& unit, const Tensor& query,
                std::int32_t row, std::int32_t chain);
  void FinishHeads(const Attention& op, const HeadPlan& plan, std::int32_t row, Tensor& out);
  // The first accumulator that matrices leave to attention.
  std::int32_t attention_accumulators() const { return std::min(2 * shape_.rows, 64); }
  std::int32_t accumulator_sets() const { return shape_.rows <= 32 ? 2 : 1; }

  // ---- lower_move.cc
  Result<void> Lower(const HeadSlice& op, ValueId id);
  Result<void> Lower(const HeadConcat& op, ValueId id);
  Result<void> MoveElements(const Tensor& from, std::int32_t from_part, std::int32_t from_element,
                            Tensor& to, std::int32_t to_part, std::int32_t to_element,
                            std::int32_t count, std::int32_t row);
  Result<void> Relayout(ValueId id, std::int32_t parts);

  // ---- lower_experts.cc
  struct ExpertTiles {
    std::vector<std::int32_t> gate, up, down;
  };
  Result<void> Lower(const Experts& op, ValueId id);
  Result<Tensor> GatedExpert(const Experts& op, LinearJob& job, ExpertTiles& tiles);
  ValuePlan PlanOfRows(std::int64_t columns, Spread spread) const;

  // A place for a value of `columns`, in slices and banks that none of `avoid` is in, so that an
  // instruction can read those while it writes this.
  Result<Tensor> NewTensor(std::int64_t columns, const ValuePlan& plan, std::int32_t width,
                           std::initializer_list<const Tensor*> avoid);
  void Free(const Tensor& tensor);
  void FreeDead(std::size_t operation);
  void PassTime(std::int64_t cycles);
  // The word of a row at which member m's share of an in-place tensor begins.
  std::int32_t FirstWord(const Tensor& tensor, std::int32_t member) const;
  std::int32_t WordOf(std::int32_t element) const {
    return element / step_elements_ * 4 + element % step_elements_ / word_elements();
  }
  std::int32_t members() const { return plan_->members(); }
  // Chips of the group whose instructions are kept: of a shape the first, which stands for all.
  std::int32_t kept_code() const { return shape_only_ ? 1 : members(); }
  // Those whose weights are kept: of a shape none.
  std::int32_t kept_values() const { return shape_only_ ? 0 : members(); }
  std::int32_t word_elements() const { return floorplan_.chip().vector_bytes / 4; }
  std::int32_t step_elements() const { return step_elements_; }
  // The first of four streams; turns through all groups, so that tasks near each other differ.
  std::uint8_t NextInward() { return NextStreams(inward_turn_); }
  std::uint8_t NextOutward() { return NextStreams(outward_turn_); }
  std::uint8_t NextStreams(std::uint32_t& turn);
  SectionBuilder& section();

  const Graph* graph_;
  const GroupPlan* plan_;
  const System* system_;
  std::vector<std::int32_t> chips_;
  std::int32_t group_first_chip_ = 0;
  bool shape_only_ = false;
  StepShape shape_;
  Registers* registers_;
  Floorplan floorplan_;
  std::int32_t step_elements_;
  WorkMemory work_;
  TileMemory tiles_;
  Constants constants_;
  std::map<std::int32_t, Tensor> values_;                    // by ValueId
  std::map<std::pair<std::int32_t, int>, Tensor> prepared_;  // by ValueId and form
  std::map<std::pair<std::int32_t, std::int32_t>, Tensor> rope_inputs_;
  std::vector<std::int32_t> last_use_;  // by ValueId: operation
  std::optional<SectionBuilder> section_;
  std::vector<PlaneState> planes_;
  std::int32_t next_state_ = 0;
  std::int32_t attention_turn_ = 0;
  std::uint32_t inward_turn_ = 0, outward_turn_ = 0;
  // What a route chose for a row: registers with the experts, states with their weights.
  struct Routed {
    isa::RegisterIndex experts = 0;
    std::int32_t states = 0, chosen = 0;
    std::int64_t ready = 0;
  };
  std::map<std::pair<std::int32_t, std::int32_t>, Routed> routed_;  // by ValueId and row
  // What loops behind the end of which the section begins still occupy.
  std::vector<Usage> drains_;
  std::vector<SectionCode> sections_;
};

}  // namespace millrace::compiler

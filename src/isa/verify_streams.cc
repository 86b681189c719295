// Family 3: streams.
//
// A vector on an inward stream at position p on cycle t is at p - 1 on t + 1: t + p never changes,
// nor does t - p of an outward one. So every use of a stream lies on one such diagonal, and the
// uses of a diagonal, sorted by position along the flow, decide everything: a vector is there from
// where it is driven to where it is taken, or to the end. At one position a drive comes first, so
// that a read there sees it, and a take last: nothing else can be driven where a vector is taken.
#include <algorithm>
#include <limits>

#include "isa/streams.h"
#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

// One step of a use: sorted by diagonal, then along the flow, then drive, read, take.
struct Point {
  std::uint64_t order = 0;
  std::uint32_t issue = 0;
  StreamUse::Kind kind() const { return static_cast<StreamUse::Kind>(order & 3); }
};

constexpr int kKindBits = 2, kPositionBits = 18;

class StreamChecker {
 public:
  StreamChecker(const ChipRun& run, FirstFault& faults)
      : run_(run), faults_(faults), points_(static_cast<std::size_t>(4 * run.chip.streams)) {}

  void Check() {
    std::vector<StreamUse> uses;
    for (std::size_t i = 0; i < run_.issues.size(); ++i) {
      uses.clear();
      StreamUses(run_.chip, run_.issues[i], uses);
      for (const StreamUse& use : uses) Add(use, static_cast<std::uint32_t>(i));
    }
    for (std::size_t s = 0; s < points_.size(); ++s) CheckStream(s);
  }

 private:
  void Add(const StreamUse& use, std::uint32_t issue) {
    if (use.stream >= run_.chip.streams) {  // the second stream of a pass: only its tile says so
      faults_.Report(Rule::kOperand, run_.issues[issue].instruction->unit, run_.issues[issue].cycle,
                     "found stream {}, the chip has {}", use.stream, run_.chip.streams);
      return;
    }
    const std::int64_t edge = run_.chip.edge();
    const bool inward = use.flow == Flow::kInward;
    const std::int64_t along = inward ? edge - use.position : use.position;
    const std::int64_t diagonal = use.cycle - along + edge;
    auto& points = points_[StreamIndex(use)];
    for (std::int64_t i = 0; i < use.steps.count; ++i) {
      const auto moved = static_cast<std::uint64_t>(diagonal + i * use.steps.interval);
      points.push_back(
          {(((moved << kPositionBits) | static_cast<std::uint64_t>(along)) << kKindBits) |
               static_cast<std::uint64_t>(use.kind),
           issue});
    }
  }

  std::size_t StreamIndex(const StreamUse& use) const {
    const auto way = static_cast<std::size_t>(use.side) * 2 + static_cast<std::size_t>(use.flow);
    return way * static_cast<std::size_t>(run_.chip.streams) + static_cast<std::size_t>(use.stream);
  }

  void CheckStream(std::size_t stream) {
    auto& points = points_[stream];
    std::sort(points.begin(), points.end(),
              [](const Point& a, const Point& b) { return a.order < b.order; });
    std::uint64_t diagonal = std::numeric_limits<std::uint64_t>::max();
    const Point* vector = nullptr;  // the drive of the vector that is on its way
    for (const Point& point : points) {
      if (const std::uint64_t d = point.order >> (kPositionBits + kKindBits); d != diagonal) {
        diagonal = d;
        vector = nullptr;
      }
      switch (point.kind()) {
        case StreamUse::Kind::kDrive:
          if (vector != nullptr) ReportConflict(point, *vector, stream);
          vector = &point;
          break;
        case StreamUse::Kind::kRead:
          if (vector == nullptr) ReportEmpty(point, stream);
          break;
        case StreamUse::Kind::kTake:
          if (vector == nullptr) ReportEmpty(point, stream);
          vector = nullptr;
          break;
      }
    }
    points = {};
  }

  std::int64_t Along(const Point& point) const {
    return static_cast<std::int64_t>((point.order >> kKindBits) & ((1U << kPositionBits) - 1));
  }
  std::int64_t CycleOf(const Point& point) const {
    return static_cast<std::int64_t>(point.order >> (kPositionBits + kKindBits)) + Along(point) -
           run_.chip.edge();
  }
  const Unit& UnitOf(const Point& point) const {
    return run_.issues[point.issue].instruction->unit;
  }
  // "stream east outward 3 at position 7".
  std::string Where(const Point& point, std::size_t stream) const {
    const auto streams = static_cast<std::size_t>(run_.chip.streams);
    const bool inward = stream / streams % 2 == 0;
    return fmt::format("stream {} {} {} at position {}", stream / streams < 2 ? "west" : "east",
                       inward ? "inward" : "outward", stream % streams,
                       inward ? run_.chip.edge() - Along(point) : Along(point));
  }
  void ReportConflict(const Point& point, const Point& vector, std::size_t stream) {
    faults_.Report(Rule::kStream, UnitOf(point), CycleOf(point),
                   "found a vector of {} (cycle {}) on {}, wanted none to drive another there",
                   Print(UnitOf(vector)), CycleOf(vector), Where(point, stream));
  }
  void ReportEmpty(const Point& point, std::size_t stream) {
    faults_.Report(Rule::kStream, UnitOf(point), CycleOf(point), "found {} empty, wanted a vector",
                   Where(point, stream));
  }

  const ChipRun& run_;
  FirstFault& faults_;
  std::vector<std::vector<Point>> points_;  // by stream
};

}  // namespace

void CheckStreams(const ChipRun& run, FirstFault& faults) { StreamChecker(run, faults).Check(); }

}  // namespace millrace::isa

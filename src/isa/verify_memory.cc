// Families 2 and 6: the ports, banks and addresses of memory, and words that are read.
//
// A slice reads one word and writes one word a cycle, in different banks. A word may be read if the
// image or the host wrote it, or a write whose latency is over; while a write to it is under way it
// may not. Words that have bytes in the image are the same for every step: nothing writes them.
#include <algorithm>
#include <limits>

#include "isa/streams.h"
#include "isa/verify_rules.h"

namespace millrace::isa {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kBefore = std::numeric_limits<std::int64_t>::min();

struct MemoryStep {
  std::int64_t cycle = 0;
  std::int32_t word = 0;
  bool write = false;
  bool keeps = true;  // reads, and writes that take place
};

// The words that the host writes or reads of a tensor [first, first + count) at `place`.
template <typename Visit>
void ForEachWord(const Chip& chip, const TensorPlace& place, std::int64_t first, std::int64_t count,
                 bool whole_steps, Visit visit) {
  const std::int64_t per_vector = chip.vector_bytes / 4;
  for (std::int64_t step = first / place.step_elements; step * place.step_elements < first + count;
       ++step) {
    const std::int64_t begin = step * place.step_elements;
    const std::int64_t elements =
        whole_steps ? place.step_elements
                    : std::min<std::int64_t>(place.step_elements, first + count - begin);
    for (std::int64_t v = 0; v * per_vector < elements; ++v) {
      if (!whole_steps && begin + (v + 1) * per_vector <= first) continue;
      visit(static_cast<std::int32_t>(place.slice + v),
            static_cast<std::int32_t>(place.word + step));
    }
  }
}

class SliceChecker {
 public:
  SliceChecker(const ChipRun& run, const Unit& unit, FirstFault& faults)
      : run_(run), unit_(unit), faults_(faults) {
    const auto words = static_cast<std::size_t>(run.chip.mem.words);
    readable_.assign(words, kNever);
    constant_.assign(words, false);
    FillFromImage();
    FillFromHost();
  }

  void Check(std::span<const Issue> issues) {
    std::vector<MemoryStep> steps;
    for (const Issue& issue : issues) AddSteps(issue, steps);
    std::stable_sort(steps.begin(), steps.end(), [](const MemoryStep& a, const MemoryStep& b) {
      return a.cycle != b.cycle ? a.cycle < b.cycle : a.write < b.write;
    });
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (i > 0 && steps[i - 1].cycle == steps[i].cycle) CheckTogether(steps[i - 1], steps[i]);
      if (!steps[i].keeps) continue;
      steps[i].write ? WriteWord(steps[i]) : ReadWord(steps[i]);
    }
    CheckOutputs();
  }

 private:
  void FillFromImage() {
    const ChipProgram& chip = run_.program.chips[static_cast<std::size_t>(run_.number)];
    for (const ImagePart& part : chip.image) {
      if (part.slice != unit_) continue;
      std::fill_n(readable_.begin() + part.word, part.words, kBefore);
      std::fill_n(constant_.begin() + part.word,
                  Vectors(run_.chip, static_cast<std::int64_t>(part.bytes.size()), 1), true);
    }
  }

  void FillFromHost() {
    for (const ProgramInput& input : run_.program.inputs) {
      if (input.place.chip != run_.number || input.place.side != unit_.side) continue;
      const std::int64_t count = input.kind == ProgramInput::Kind::kEmbedding
                                     ? run_.program.hidden
                                     : input.place.step_elements;
      ForEachWord(run_.chip, input.place, 0, count, true, [&](auto slice, auto word) {
        if (slice == unit_.index) readable_[static_cast<std::size_t>(word)] = kBefore;
      });
    }
  }

  void AddSteps(const Issue& issue, std::vector<MemoryStep>& steps) {
    const Action& action = issue.instruction->action;
    const auto* read = std::get_if<Read>(&action);
    const auto* write = std::get_if<Write>(&action);
    const Address& address = read != nullptr ? read->address : write->address;
    const std::int64_t stride = read != nullptr ? read->stride : write->stride;
    const Steps of = StepsOf(run_.chip, *issue.instruction);
    const bool keeps = write == nullptr || (TakesPlace(write->condition, run_.registers) &&
                                            write->end_byte > write->first_byte);
    const std::int64_t first = WordOf(address, issue, run_.registers);
    const std::int64_t last = first + (of.count - 1) * stride;
    if (keeps && (std::min(first, last) < 0 || std::max(first, last) >= run_.chip.mem.words)) {
      faults_.Report(Rule::kMemoryPort, unit_, issue.cycle,
                     "found words {} to {}, the slice has {}", first, last, run_.chip.mem.words);
      return;
    }
    for (std::int64_t i = 0; i < of.count; ++i) {
      steps.push_back({issue.cycle + i * of.interval,
                       keeps ? static_cast<std::int32_t>(first + i * stride) : 0, write != nullptr,
                       keeps});
    }
  }

  // Two steps on one cycle.
  void CheckTogether(const MemoryStep& a, const MemoryStep& b) {
    if (a.write == b.write) {
      faults_.Report(Rule::kMemoryPort, unit_, a.cycle, "found two {}, wanted one a cycle",
                     a.write ? "writes" : "reads");
      return;
    }
    const std::int32_t bank = run_.chip.bank_words();
    if (a.keeps && b.keeps && a.word / bank == b.word / bank) {
      faults_.Report(Rule::kMemoryPort, unit_, a.cycle,
                     "found a read of word {} and a write of word {}, both in bank {}", a.word,
                     b.word, a.word / bank);
    }
  }

  void WriteWord(const MemoryStep& step) {
    const auto word = static_cast<std::size_t>(step.word);
    if (constant_[word]) {
      faults_.Report(Rule::kMemory, unit_, step.cycle,
                     "found a write of word {}, which the image fills for every step", step.word);
    }
    readable_[word] = step.cycle + run_.chip.mem.write_latency_cycles;
  }

  void ReadWord(const MemoryStep& step) {
    const std::int64_t readable = readable_[static_cast<std::size_t>(step.word)];
    if (readable <= step.cycle) return;
    faults_.Report(Rule::kMemory, unit_, step.cycle, "found word {} {}, wanted a value", step.word,
                   readable == kNever ? std::string("never written")
                                      : fmt::format("readable on cycle {}", readable));
  }

  void CheckOutputs() {
    for (const ProgramOutput& output : run_.program.outputs) {
      const TensorPlace& place = output.place;
      if (place.chip != run_.number || place.side != unit_.side) continue;
      ForEachWord(run_.chip, place, output.first, output.count, false, [&](auto slice, auto word) {
        if (slice != unit_.index) return;
        if (readable_[static_cast<std::size_t>(word)] <= run_.end_cycle) return;
        faults_.Report(Rule::kMemory, unit_, run_.end_cycle,
                       "found word {} never written, wanted logits of row {}", word, output.row);
      });
    }
  }

  const ChipRun& run_;
  Unit unit_;
  FirstFault& faults_;
  std::vector<std::int64_t> readable_;  // by word: the first cycle of a read
  std::vector<bool> constant_;          // by word: has bytes in the image
};

}  // namespace

void CheckMemory(const ChipRun& run, FirstFault& faults) {
  std::span<const Issue> issues = run.Of(UnitKind::kMem);
  for (const Hemisphere side : {Hemisphere::kWest, Hemisphere::kEast}) {
    for (std::int32_t s = 0; s < run.chip.mem.per_hemisphere; ++s) {
      const Unit unit{UnitKind::kMem, side, static_cast<std::uint16_t>(s)};
      const bool works = !issues.empty() && issues.front().instruction->unit == unit;
      SliceChecker(run, unit, faults).Check(works ? TakeUnit(issues) : std::span<const Issue>());
    }
  }
}

}  // namespace millrace::isa

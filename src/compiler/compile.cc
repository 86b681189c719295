#include "compiler/compile.h"

#include <algorithm>
#include <map>
#include <memory>

#include "base/check.h"
#include "base/overloaded.h"
#include "compiler/lower_bound.h"

namespace millrace::compiler {
namespace {

using isa::Flow;
using isa::Hemisphere;

bool IsShape(const Graph& graph) {
  return std::any_of(graph.weights.begin(), graph.weights.end(),
                     [](const Weight& weight) { return weight.bytes.empty(); });
}

// One stage after the other into one program.
class ProgramBuilder {
 public:
  ProgramBuilder(const Graph& graph, const System& system, const CompileOptions& options,
                 const Partition& partition)
      : graph_(graph),
        system_(system),
        options_(options),
        partition_(partition),
        shape_only_(IsShape(graph)),
        step_(graph, system),
        plan_(graph, partition.group, step_.step_elements, step_.word_elements) {}

  Result<isa::Program> Build();
  std::int32_t install_words_used() const { return install_words_used_; }

 private:
  struct Steps {
    Steps(const Graph& graph, const System& system)
        : word_elements(system.chip.vector_bytes / 4), step_elements(4 * word_elements) {
      for (const Weight& weight : graph.weights) {
        if (BlockElements(weight.dtype) > 32) step_elements = 256;
      }
    }
    std::int32_t word_elements, step_elements;
  };

  std::vector<std::int32_t> KeptChips(const Stage& stage) const;
  void Append(const Stage& stage, std::vector<SectionCode> sections);
  Result<void> HandOver(const Stage& from, Lowering& sender, const Stage& to, Lowering& receiver,
                        const Cut& cut);
  // One word of a value on its way to the next group.
  struct Word {
    const Tensor* source = nullptr;
    const Tensor* target = nullptr;
    std::int32_t row = 0, step = 0, word = 0, turn = 0;
  };
  bool Has(const Tensor& tensor, std::int32_t member, std::int32_t step, std::int32_t word) const;
  std::int64_t SendWord(SectionBuilder& builder, const Word& word, const Stage& from,
                        const Stage& to);
  void Inputs(const Stage& stage, Lowering& lowering, const Tensor* embedding);
  void Outputs(const Stage& stage, Lowering& lowering);

  const Graph& graph_;
  const System& system_;
  const CompileOptions& options_;
  const Partition& partition_;
  bool shape_only_;
  Steps step_;
  GroupPlan plan_;
  Registers registers_;
  isa::Program program_;
  std::int32_t install_words_used_ = 0;
};

std::vector<std::int32_t> ProgramBuilder::KeptChips(const Stage& stage) const {
  std::vector<std::int32_t> chips;
  for (std::int32_t m = 0; m < partition_.group; ++m) chips.push_back(stage.first_chip + m);
  return chips;
}

void ProgramBuilder::Append(const Stage& stage, std::vector<SectionCode> sections) {
  for (SectionCode& code : sections) {
    const auto section = static_cast<std::int32_t>(program_.sections.size());
    program_.sections.push_back({code.length_cycles, code.repeats, code.name});
    for (std::size_t m = 0; m < code.members.size(); ++m) {
      if (code.members[m].empty()) continue;
      const auto block = static_cast<std::int32_t>(program_.blocks.size());
      program_.blocks.push_back({code.name, std::move(code.members[m])});
      program_.chips[static_cast<std::size_t>(stage.first_chip) + m].calls.push_back(
          {section, block, {0}});
    }
  }
}

// Every chip sends what it has of the values to the chip with its number in the next group.
Result<void> ProgramBuilder::HandOver(const Stage& from, Lowering& sender, const Stage& to,
                                      Lowering& receiver, const Cut& cut) {
  if (cut.values.size() == 1) MILLRACE_TRY_VOID(sender.MakeWhole(cut.values[0]));
  sender.FinishSection(fmt::format("before operation {}", cut.before));
  Append(from, sender.TakeSections());
  const std::int32_t g = partition_.group;
  const std::int32_t kept = shape_only_ ? g + 1 : 2 * g;  // of both groups; of a shape 0 and g
  SectionBuilder builder(sender.floorplan(), kept);
  std::int64_t ready = 0;
  std::int32_t turn = 0;
  for (const ValueId id : cut.values) {
    const Tensor& source = sender.value(id);
    MILLRACE_TRY(Tensor * target, receiver.ReserveLike(id, source));
    for (std::int32_t row = 0; row < source.rows; ++row) {
      for (std::int32_t step = 0; step < source.layout.steps(); ++step) {
        const std::int32_t words =
            (source.layout.elements_of(step) + step_.word_elements - 1) / step_.word_elements;
        for (std::int32_t w = 0; w < words; ++w, ++turn) {
          ready =
              std::max(ready, SendWord(builder, {&source, target, row, step, w, turn}, from, to));
        }
      }
    }
  }
  const auto section = static_cast<std::int32_t>(program_.sections.size());
  program_.sections.push_back({static_cast<std::int32_t>(std::max(ready, builder.table().end())),
                               isa::kNoRegister,
                               fmt::format("hand over to operation {}", cut.before)});
  for (std::int32_t m = 0; m < kept; ++m) {
    if (shape_only_ && m % g != 0) continue;  // the first of each group stands for all
    auto instructions = builder.Instructions(m);
    if (instructions.empty()) continue;
    const auto block = static_cast<std::int32_t>(program_.blocks.size());
    program_.blocks.push_back({program_.sections.back().name, std::move(instructions)});
    const std::int32_t at = m < g ? from.first_chip + m : to.first_chip + m - g;
    program_.chips[static_cast<std::size_t>(at)].calls.push_back({section, block, {0}});
  }
  return {};
}

// The members that have word `word` of a row.
bool ProgramBuilder::Has(const Tensor& tensor, std::int32_t member, std::int32_t step,
                         std::int32_t word) const {
  if (tensor.spread == Spread::kWhole) return true;
  const Range share = tensor.shares[static_cast<std::size_t>(member)];
  const std::int32_t index = step * 4 + word;
  const auto word_of = [&](std::int32_t element) {
    return element / step_.step_elements * 4 + element % step_.step_elements / step_.word_elements;
  };
  switch (tensor.spread) {
    case Spread::kWhole:
      return true;
    case Spread::kParts:
      return step / tensor.layout.steps_per_part() < share.size();
    case Spread::kLocal:
      return index < share.size();
    case Spread::kInPlace:
      return share.size() > 0 && index >= word_of(share.begin) && index <= word_of(share.end - 1);
  }
  return false;
}

// Returns when the word can be read.
std::int64_t ProgramBuilder::SendWord(SectionBuilder& builder, const Word& word, const Stage& from,
                                      const Stage& to) {
  const Chip& chip = system_.chip;
  const Floorplan plan(chip);
  const std::int32_t g = partition_.group;
  std::int32_t readable = 0;
  std::vector<Task> tasks;
  for (std::int32_t variant = 0; variant < 4; ++variant) {
    Task task(plan);
    const auto stream = static_cast<std::uint8_t>((word.turn * 4 + variant) % chip.streams);
    const Hemisphere side = variant % 2 == 0 ? Hemisphere::kWest : Hemisphere::kEast;
    for (std::int32_t m = 0; m < g; ++m) {
      if (!Has(*word.source, m, word.step, word.word)) continue;
      const auto links = system_.LinksBetween(from.first_chip + m, to.first_chip + m);
      const auto back = system_.LinksBetween(to.first_chip + m, from.first_chip + m);
      MILLRACE_CHECK(links && back);
      task.SetMember(m);
      task.Read(side, word.source->group * kGroupSlices + word.word,
                {.address = {.base = word.source->address(word.row, word.step)},
                 .stream = stream,
                 .flow = Flow::kOutward},
                chip.edge(), 0);
      const std::int32_t link = word.turn % links->count;
      task.Send(links->first + link, link, {.side = side, .stream = stream}, 0);
      task.SetMember(g + m);
      task.Receive(back->first + link, link, {.to = isa::ResultSides::kBoth, .stream = stream},
                   links->latency_cycles);
      for (const Hemisphere at : {Hemisphere::kWest, Hemisphere::kEast}) {
        const isa::Write write{.address = {.base = word.target->address(word.row, word.step)},
                               .stream = stream,
                               .flow = Flow::kInward,
                               .end_byte = static_cast<std::uint16_t>(chip.vector_bytes)};
        readable = std::max(readable, task.Write(at, word.target->group * kGroupSlices + word.word,
                                                 write, chip.edge(), links->latency_cycles));
      }
    }
    if (!task.usages().empty()) tasks.push_back(std::move(task));
  }
  if (tasks.empty()) return 0;
  const std::int64_t at = chip.mem.read_latency_cycles + chip.edge();
  std::int64_t source_ready = 0;
  for (const std::int64_t cycle : word.source->ready) source_ready = std::max(source_ready, cycle);
  return builder.PlaceEarliest(tasks, source_ready + at).base + readable;
}

void ProgramBuilder::Inputs(const Stage& stage, Lowering& lowering, const Tensor* embedding) {
  for (std::int32_t m = 0; m < partition_.group; ++m) {
    const std::int32_t chip = stage.first_chip + m;
    for (std::int32_t row = 0; embedding != nullptr && row < options_.rows; ++row) {
      for (const Hemisphere side : {Hemisphere::kWest, Hemisphere::kEast}) {
        program_.inputs.push_back(
            {.kind = isa::ProgramInput::Kind::kEmbedding,
             .row = row,
             .place = {chip, side, embedding->group * kGroupSlices, embedding->address(row, 0),
                       embedding->layout.step_elements}});
      }
    }
    for (const auto& [key, tensor] : lowering.rope_inputs()) {
      program_.inputs.push_back({.kind = isa::ProgramInput::Kind::kRope,
                                 .row = key.second,
                                 .table = key.first,
                                 .place = {chip, Hemisphere::kEast, kConstantGroup * kGroupSlices,
                                           tensor.address(0, 0), tensor.layout.step_elements}});
    }
  }
}

void ProgramBuilder::Outputs(const Stage& stage, Lowering& lowering) {
  const Tensor& logits = lowering.value(graph_.logits);
  for (std::int32_t row = 0; row < options_.rows; ++row) {
    for (std::int32_t m = 0; m < partition_.group; ++m) {
      Range share{0, static_cast<std::int32_t>(logits.layout.elements())};
      if (logits.spread == Spread::kInPlace) share = logits.shares[static_cast<std::size_t>(m)];
      if (logits.spread == Spread::kWhole && m > 0) break;
      if (share.size() == 0) continue;
      program_.outputs.push_back(
          {.row = row,
           .first = share.begin,
           .count = share.size(),
           .place = {stage.first_chip + m, Hemisphere::kWest, logits.group * kGroupSlices,
                     logits.address(row, 0), logits.layout.step_elements}});
    }
  }
}

Result<isa::Program> ProgramBuilder::Build() {
  program_.model = options_.model;
  program_.machine = system_.name;
  program_.model_fingerprint = options_.model_fingerprint;
  program_.machine_fingerprint = options_.machine_fingerprint;
  program_.rows = options_.rows;
  program_.shared_sequence = options_.shared_sequence;
  program_.context = options_.context;
  program_.vocabulary = graph_.columns[graph_.logits.index()];
  program_.hidden = static_cast<std::int32_t>(graph_.columns[0]);
  program_.shape_only = shape_only_;
  program_.chips.resize(static_cast<std::size_t>(system_.chips()));
  const StepShape shape{options_.rows, options_.shared_sequence, options_.context};
  std::unique_ptr<Lowering> before;
  const std::vector<Cut> cuts = Cuts(graph_, graph_.operations.size());
  for (std::size_t s = 0; s < partition_.stages.size(); ++s) {
    const Stage& stage = partition_.stages[s];
    auto lowering = std::make_unique<Lowering>(graph_, plan_, system_, KeptChips(stage),
                                               shape_only_, shape, registers_);
    const Tensor* embedding = nullptr;
    if (s == 0) {
      MILLRACE_TRY(Tensor * place, lowering->Reserve(ValueId{0}));
      embedding = place;
    } else {
      const auto cut = std::find_if(cuts.begin(), cuts.end(),
                                    [&](const Cut& c) { return c.before == stage.first; });
      MILLRACE_CHECK(cut != cuts.end());
      MILLRACE_TRY_VOID(HandOver(partition_.stages[s - 1], *before, stage, *lowering, *cut));
    }
    std::optional<Tensor> kept_embedding;
    if (embedding != nullptr) kept_embedding = *embedding;
    MILLRACE_TRY_VOID(lowering->Run(stage.first, stage.end));
    if (s + 1 == partition_.stages.size()) {
      const Tensor& logits = lowering->value(graph_.logits);
      std::int64_t ready = 0;
      for (const std::int64_t cycle : logits.ready) ready = std::max(ready, cycle);
      Outputs(stage, *lowering);
      lowering->EndSectionAt(ready, "logits");
      Append(stage, lowering->TakeSections());
    }
    Inputs(stage, *lowering, kept_embedding ? &*kept_embedding : nullptr);
    if (lowering->tiles().missing_words() > 0) {
      return Exhausted("{}: {} words more than the {} of a slice are needed; more chips would do",
                       system_.name, lowering->tiles().missing_words(), system_.chip.mem.words);
    }
    if (lowering->constants().used() > system_.chip.mem.words) {
      return Exhausted("{}: constants need {} words of a slice, it has {}", system_.name,
                       lowering->constants().used(), system_.chip.mem.words);
    }
    for (std::int32_t p = 0; p < lowering->floorplan().planes(); ++p) {
      install_words_used_ = std::max(install_words_used_, lowering->tiles().used(p));
    }
    if (shape_only_) {
      program_.chips[static_cast<std::size_t>(stage.first_chip)].image =
          lowering->tiles().Outline();
    }
    for (std::int32_t m = 0; m < (shape_only_ ? 0 : partition_.group); ++m) {
      auto& image = program_.chips[static_cast<std::size_t>(stage.first_chip + m)].image;
      image = lowering->tiles().Image(m);
      for (auto& part : lowering->constants().Image(m)) image.push_back(std::move(part));
    }
    before = std::move(lowering);
  }
  program_.registers = registers_.all();
  return std::move(program_);
}

// The same program as if nothing had been computed before: for a position.
std::int64_t CyclesAt(const isa::Program& program, std::int32_t position) {
  const std::vector<std::int32_t> positions(static_cast<std::size_t>(program.rows), position);
  return isa::SectionStarts(program, isa::RegistersAt(program, positions)).back();
}

Report MakeReport(const Graph& graph, const System& system, const CompileOptions& options,
                  const Partition& partition, const isa::Program& program) {
  Report report{.clock_hz = system.chip.clock_hz,
                .chips = partition.chips(),
                .group = partition.group,
                .stages = static_cast<std::int32_t>(partition.stages.size())};
  for (const isa::Section& section : program.sections) {
    if (section.repeats == isa::kNoRegister) {
      report.fixed_cycles += section.length_cycles;
      continue;
    }
    const std::int32_t window = program.registers[static_cast<std::size_t>(section.repeats)].window;
    (window == 0 ? report.cycles_per_block : report.windowed_cycles[window]) +=
        section.length_cycles;
  }
  report.position = std::min(options.context - 1, options.position < 0 ? 255 : options.position);
  report.cycles = CyclesAt(program, report.position);
  report.lower_bound_cycles =
      LowerBound(graph, system, partition.group, static_cast<std::int32_t>(partition.stages.size()),
                 options.rows, report.position);
  for (const Weight& weight : graph.weights) {
    report.weight_bytes +=
        weight.rows *
        static_cast<std::int64_t>(RowBytes(weight.dtype, static_cast<std::size_t>(weight.columns)));
  }
  return report;
}

struct Fitted {
  Partition partition;
  isa::Program program;
  std::int32_t install_words_used = 0;
};

// The fullest stages that are not too full.
Result<Fitted> Fit(const Graph& graph, const System& system, const CompileOptions& options,
                   std::int32_t group) {
  const StepShape shape{options.rows, options.shared_sequence, options.context};
  std::optional<Error> refusal;
  for (const std::size_t most_values : {std::size_t{1}, std::size_t{4}}) {
    for (const double usable : {0.97, 0.92, 0.86, 0.78, 0.65, 0.5, 0.35}) {
      auto partition = Divide(graph, system, shape, group, usable, most_values);
      if (!partition.ok()) {
        refusal = partition.error();  // it says how many chips would do
        break;
      }
      ProgramBuilder builder(graph, system, options, *partition);
      auto program = builder.Build();
      if (program.ok()) {
        return Fitted{*partition, std::move(program).value(), builder.install_words_used()};
      }
      refusal = program.error();
      if (refusal->code != ErrorCode::kExhausted) return *refusal;
    }
  }
  return *refusal;
}

}  // namespace

Result<Compiled> Compile(const Graph& graph, const System& system, const CompileOptions& options) {
  std::vector<std::int32_t> sizes = GroupSizes(system);
  if (options.group > 0) sizes = {options.group};
  std::optional<Compiled> best;
  std::vector<Candidate> candidates;
  std::optional<Error> refusal;
  for (const std::int32_t group : sizes) {
    Candidate candidate{.group = group};
    auto fitted = Fit(graph, system, options, group);
    if (!fitted.ok()) {
      candidate.refusal = fitted.error().message;
      refusal = fitted.error();
      candidates.push_back(candidate);
      continue;
    }
    const Partition& partition = fitted->partition;
    candidate.stages = static_cast<std::int32_t>(partition.stages.size());
    candidate.chips = partition.chips();
    Report report = MakeReport(graph, system, options, partition, fitted->program);
    report.install_words = system.chip.mem.words;
    report.install_words_used = fitted->install_words_used;
    candidate.cycles = report.cycles;
    candidates.push_back(candidate);
    if (!best || report.cycles < best->report.cycles) {
      best = Compiled{std::move(fitted->program), partition, report, {}};
    }
  }
  if (!best) return *refusal;
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    return std::make_pair(!a.refusal.empty(), a.cycles) <
           std::make_pair(!b.refusal.empty(), b.cycles);
  });
  for (const Candidate& candidate : candidates) {
    if (candidate.group != best->partition.group) best->runners_up.push_back(candidate);
  }
  return std::move(*best);
}

}  // namespace millrace::compiler

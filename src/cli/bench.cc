// millrace bench: llama-bench's flags and columns, and beside them what this machine would allow.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/bandwidth.h"
#include "cli/bench_text.h"
#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "engine/measurement.h"

namespace millrace {
namespace {

struct BenchOptions {
  std::string model, format = "md";
  std::vector<std::int32_t> prompts{512}, generated{128}, depths{0}, threads;
  int repetitions = 5;
  BackendOptions backend;
  ProposerOptions proposer;
  std::string text_file;

  std::int32_t generated_most() const {
    return *std::max_element(generated.begin(), generated.end());
  }
};

// One row of the report.
struct BenchRow {
  Measurement measurement;
  int threads = 1;
  std::string level;              // of the host's kernels
  double bytes_per_token = 0;     // in the middle of the run
  double multiply_adds = 0;       // a token
  double bandwidth_gb_per_s = 0;  // measured for a working set of bytes_per_token, before the run

  double gb_per_s() const { return bytes_per_token * measurement.mean_tokens_per_s() / 1e9; }
  double bandwidth_percent() const {  // 0 if it was not measured
    return bandwidth_gb_per_s > 0 ? 100 * gb_per_s() / bandwidth_gb_per_s : 0;
  }
  bool decodes() const { return measurement.workload.generated > 0; }
};

struct ModelSummary {
  std::string file, type;
  std::uint64_t bytes = 0, parameters = 0;
};

ModelSummary Summarise(const Model& model, const std::string& path) {
  ModelSummary summary{.file = path, .type = "", .bytes = 0, .parameters = 0};
  std::map<DType, std::uint64_t> bytes_of;
  for (const Tensor& tensor : model.checkpoint().tensors()) {
    summary.bytes += tensor.bytes.size();
    summary.parameters += static_cast<std::uint64_t>(tensor.rows() * tensor.columns());
    bytes_of[tensor.dtype] += tensor.bytes.size();
  }
  const auto most =
      std::max_element(bytes_of.begin(), bytes_of.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  summary.type = fmt::format("{} {:.1f}M {}", model.config().architecture,
                             static_cast<double>(summary.parameters) / 1e6, Name(most->first));
  return summary;
}

std::vector<Workload> Workloads(const BenchOptions& options) {
  std::vector<Workload> workloads;
  for (const std::int32_t depth : options.depths) {
    for (const std::int32_t prompt : options.prompts) {
      if (prompt > 0) workloads.push_back({.prompt = prompt, .generated = 0, .depth = depth});
    }
    for (const std::int32_t generated : options.generated) {
      if (generated > 0) workloads.push_back({.prompt = 0, .generated = generated, .depth = depth});
    }
  }
  return workloads;
}

BenchRow RunOne(const Backend& backend, const Workload& workload, int repetitions) {
  BenchRow row;
  row.threads = backend.threads;
  if (backend.plan != nullptr) {
    const std::int64_t middle = workload.depth + workload.tokens() / 2 + 1;
    row.level = Name(backend.plan->kernels().level);
    row.bytes_per_token = backend.plan->bytes_per_token(middle);
    row.multiply_adds = backend.plan->multiply_adds_per_token(middle);
    // Threads that take turns on a CPU would measure nothing.
    if (workload.generated > 0 && backend.threads <= AvailableCpus()) {
      Team team(backend.threads);
      const auto bandwidth =
          MeasureReadBandwidth(team, static_cast<std::size_t>(row.bytes_per_token));
      if (bandwidth.ok()) row.bandwidth_gb_per_s = bandwidth->best_gb_per_s;
    }
  }
  row.measurement = Measure(*backend.executor, workload, repetitions);
  return row;
}

std::string Dump(const nlohmann::ordered_json& json, int indent = -1) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::ordered_json ToJson(const BenchRow& row, const ModelSummary& model,
                              const BenchOptions& options) {
  const Measurement& m = row.measurement;
  std::vector<std::int64_t> samples_ns;
  std::vector<double> samples_ts;
  for (const double s : m.run_s) {
    samples_ns.push_back(std::llround(s * 1e9));
    samples_ts.push_back(m.workload.tokens() / s);
  }
  nlohmann::ordered_json json = {{"model_filename", model.file},
                                 {"model_type", model.type},
                                 {"model_size", model.bytes},
                                 {"model_n_params", model.parameters},
                                 {"backends", options.backend.on},
                                 {"cpu_level", row.level},
                                 {"n_batch", options.backend.max_tokens},
                                 {"n_threads", row.threads},
                                 {"type_k", options.backend.key_type},
                                 {"type_v", options.backend.value_type},
                                 {"n_prompt", m.workload.prompt},
                                 {"n_gen", m.workload.generated},
                                 {"n_depth", m.workload.depth},
                                 {"avg_ts", m.mean_tokens_per_s()},
                                 {"stddev_ts", m.deviation_tokens_per_s()},
                                 {"median_ts", m.median_tokens_per_s()},
                                 {"samples_ns", samples_ns},
                                 {"samples_ts", samples_ts},
                                 {"multiply_adds_per_token", row.multiply_adds}};
  if (!row.decodes()) return json;
  json["bytes_per_token"] = row.bytes_per_token;
  json["gb_per_s"] = row.gb_per_s();
  json["bandwidth_gb_per_s"] = row.bandwidth_gb_per_s;
  json["bandwidth_percent"] = row.bandwidth_percent();
  json["token_p50_us"] = m.token_percentile_s(0.5) * 1e6;
  json["token_p99_us"] = m.token_percentile_s(0.99) * 1e6;
  json["token_max_us"] = m.token_percentile_s(1.0) * 1e6;
  return json;
}

std::vector<std::string> Cells(const BenchRow& row, const ModelSummary& model,
                               const BenchOptions& options) {
  const Measurement& m = row.measurement;
  std::vector<std::string> cells = {
      model.type,
      fmt::format("{:.2f} MiB", static_cast<double>(model.bytes) / (1 << 20)),
      fmt::format("{:.2f} M", static_cast<double>(model.parameters) / 1e6),
      options.backend.on,
      fmt::format("{}", row.threads),
      m.workload.name(),
      fmt::format("{:.2f} ± {:.2f}", m.mean_tokens_per_s(), m.deviation_tokens_per_s())};
  if (row.decodes()) {
    const bool known = row.bandwidth_gb_per_s > 0;
    cells.push_back(row.bytes_per_token > 0 ? fmt::format("{:.1f}", row.gb_per_s()) : "");
    cells.push_back(
        known ? fmt::format("{:.0f} % of {:.0f}", row.bandwidth_percent(), row.bandwidth_gb_per_s)
              : "");
    for (const double share : {0.5, 0.99, 1.0}) {
      cells.push_back(fmt::format("{:.1f}", m.token_percentile_s(share) * 1e6));
    }
  } else {
    cells.resize(cells.size() + 5);
  }
  return cells;
}

nlohmann::ordered_json ToJson(const TextRow& row, const ModelSummary& model,
                              const BenchOptions& options) {
  const TextMeasurement& m = row.measurement;
  return {{"model_filename", model.file},
          {"model_type", model.type},
          {"model_size", model.bytes},
          {"model_n_params", model.parameters},
          {"backends", options.backend.on},
          {"n_threads", row.threads},
          {"type_k", options.backend.key_type},
          {"type_v", options.backend.value_type},
          {"n_prompt", 0},
          {"n_gen", m.generated},
          {"test", row.test},
          {"draft_filename", options.proposer.draft_model},
          {"n_draft_max", options.proposer.speculation.most},
          {"median_ts", m.guessed_tokens_per_s()},
          {"plain_median_ts", m.plain_tokens_per_s()},
          {"speedup", m.ratio()},
          {"n_guessed", m.counts.proposed_tokens},
          {"n_accepted", m.counts.accepted_tokens}};
}

// The columns of a row with guesses, which follow those of all rows.
const std::vector<std::string> kGuessColumns = {"accepted", "t/s without", "ratio"};

std::vector<std::string> Cells(const TextRow& row, const ModelSummary& model,
                               const BenchOptions& options, std::size_t columns) {
  const TextMeasurement& m = row.measurement;
  std::vector<std::string> cells = {
      model.type,
      fmt::format("{:.2f} MiB", static_cast<double>(model.bytes) / (1 << 20)),
      fmt::format("{:.2f} M", static_cast<double>(model.parameters) / 1e6),
      options.backend.on,
      fmt::format("{}", row.threads),
      row.test,
      fmt::format("{:.2f}", m.guessed_tokens_per_s())};
  cells.resize(columns - kGuessColumns.size());
  cells.push_back(fmt::format("{}/{}", m.counts.accepted_tokens, m.counts.proposed_tokens));
  cells.push_back(fmt::format("{:.2f}", m.plain_tokens_per_s()));
  cells.push_back(fmt::format("{:.2f}", m.ratio()));
  return cells;
}

std::vector<std::string> Columns(const BenchOptions& options) {
  std::vector<std::string> columns = {"model",        "size",   "params", "backend",
                                      "threads",      "test",   "t/s",    "GB/s",
                                      "of bandwidth", "p50 us", "p99 us", "max us"};
  if (options.proposer.wanted())
    columns.insert(columns.end(), kGuessColumns.begin(), kGuessColumns.end());
  return columns;
}

std::string CsvCell(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return Dump(value);
  std::string cell;
  for (const auto& element : value) cell += (cell.empty() ? "" : " ") + CsvCell(element);
  return cell;
}

// Everything of a row on one line a program can read; lists are separated by spaces.
Table CsvTable(const std::vector<nlohmann::ordered_json>& rows) {
  std::vector<std::string> columns;
  for (const auto& row : rows) {
    for (const auto& [key, value] : row.items()) {
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
    }
  }
  Table table(columns);
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (const std::string& column : columns) {
      cells.push_back(row.contains(column) ? CsvCell(row[column]) : "");
    }
    table.Add(std::move(cells));
  }
  return table;
}

class Report {
 public:
  Report(const BenchOptions& options, ModelSummary model)
      : options_(options), model_(std::move(model)), table_(Columns(options)) {}

  Result<void> Add(const BenchRow& row) {
    std::vector<std::string> cells = Cells(row, model_, options_);
    cells.resize(Columns(options_).size());
    return Add(std::move(cells), ToJson(row, model_, options_));
  }
  Result<void> Add(const TextRow& row) {
    return Add(Cells(row, model_, options_, Columns(options_).size()),
               ToJson(row, model_, options_));
  }

  Result<void> Finish() const {
    if (options_.format == "md") return Put(table_.Markdown());
    if (options_.format == "csv") return Put(CsvTable(rows_).Csv());
    if (options_.format == "json") return Put(Dump(rows_, 2) + "\n");
    return {};
  }

 private:
  Result<void> Add(std::vector<std::string> cells, nlohmann::ordered_json json) {
    table_.Add(std::move(cells));
    rows_.push_back(std::move(json));
    if (options_.format != "jsonl") return {};
    MILLRACE_TRY_VOID(Put(Dump(rows_.back()) + "\n"));
    return FlushOutput();
  }

  const BenchOptions& options_;
  ModelSummary model_;
  Table table_;
  std::vector<nlohmann::ordered_json> rows_;
};

Result<void> MeasureTexts(const Model& model, const Backend& backend, const BenchOptions& options,
                          const std::vector<BenchText>& texts, Progress& progress, Report& report) {
  for (const std::int32_t generated : options.generated) {
    for (const BenchText& text : texts) {
      if (generated < 2) continue;
      progress.Update(fmt::format("guessing, text {}, threads {}", text.name, backend.threads));
      MILLRACE_TRY(const TextRow row, RunText(model, backend, options.backend, options.proposer,
                                              text, generated, options.repetitions));
      progress.Wipe();
      MILLRACE_TRY_VOID(report.Add(row));
    }
  }
  return {};
}

Result<void> Execute(BenchOptions& options, const std::vector<Workload>& workloads) {
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  Progress progress(fmt::format("loading {}", Printable(path)));
  for (const Workload& workload : workloads) {
    options.backend.context = std::max(options.backend.context, workload.depth + workload.tokens());
  }
  MILLRACE_TRY(const Model model, Model::Load(path, options.backend.context));
  if (options.threads.empty()) options.threads = {0};
  std::vector<BenchText> texts;
  if (options.proposer.wanted()) {
    if (!model.tokenizer().ok()) return model.tokenizer().error();
    MILLRACE_TRY(texts, BenchTexts(*model.tokenizer(), options.text_file));
    const std::int32_t positions = PositionsFor(texts, options.generated_most());
    options.backend.context = std::max(options.backend.context, positions);
  }
  Report report(options, Summarise(model, path));
  for (const std::int32_t threads : options.threads) {
    options.backend.threads = threads;
    MILLRACE_TRY(const Backend backend, MakeBackend(model, options.backend));
    for (const Workload& workload : workloads) {
      progress.Update(fmt::format("measuring {}, threads {}", workload.name(), backend.threads));
      const BenchRow row = RunOne(backend, workload, options.repetitions);
      progress.Wipe();
      MILLRACE_TRY_VOID(report.Add(row));
    }
    MILLRACE_TRY_VOID(MeasureTexts(model, backend, options, texts, progress, report));
  }
  progress.Wipe();
  return report.Finish();
}

}  // namespace

int Bench(const Arguments& arguments) {
  constexpr std::int64_t kMostTokens = 1 << 20;
  BenchOptions options;
  VerbApp app("bench", "[-m FILE] [options]",
              "Times prefill (pp) and decode (tg) as llama-bench does: random tokens, no sampling");
  AddModelOption(app, options.model);
  AddNumbers(app, "-p,--n-prompt", options.prompts, 0, kMostTokens, "prompt tokens, a list");
  AddNumbers(app, "-n,--n-gen", options.generated, 0, kMostTokens, "decoded tokens, a list");
  AddNumbers(app, "-d,--n-depth", options.depths, 0, kMostTokens,
             "tokens in the cache before, a list");
  app.add_option("-r,--repetitions", options.repetitions, "measured runs of each")
      ->type_name("N")
      ->check(Whole(1, 100000));
  app.add_option("-b,--batch-size", options.backend.max_tokens, "prompt tokens a step")
      ->type_name("N")
      ->check(Whole(1, 65536));
  app.add_option("-o,--output", options.format, "md, csv, json or jsonl")
      ->type_name("FORMAT")
      ->check(OneOf({"md", "csv", "json", "jsonl"}));
  AddNumbers(app, "-t,--threads", options.threads, 0, kMaxThreads,
             "threads, a list; 0 (and without -t): one for each CPU");
  AddPlaceOptions(app, options.backend);
  AddProposerOptions(app, options.proposer);
  app.add_option("-f,--file", options.text_file,
                 "text that -md and --lookup are measured on; without it a tale")
      ->type_name("FILE");
  if (const auto status = Parse(app, arguments)) return *status;
  if (const auto valid = Validate(options.backend); !valid.ok()) return Misuse(app, valid.error());
  if (const auto valid = Validate(options.proposer, options.backend); !valid.ok())
    return Misuse(app, valid.error());
  MakeRoom(options.proposer, options.backend);
  const std::vector<Workload> workloads = Workloads(options);
  if (workloads.empty())
    return Misuse(app, Invalid("-p and -n: found only 0, wanted something to measure"));
  const auto result = Execute(options, workloads);
  return result.ok() ? 0 : Fail(app, result.error());
}

}  // namespace millrace

// millrace bench: llama-bench's flags and columns, and beside them what this machine would allow.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/bandwidth.h"
#include "cli/options.h"
#include "cli/table.h"
#include "engine/measurement.h"

namespace millrace {
namespace {

struct BenchOptions {
  std::string model, format = "md";
  std::vector<std::int32_t> prompts{512}, generated{128}, depths{0}, threads;
  int repetitions = 5;
  BackendOptions backend;
};

// One row of the report.
struct BenchRow {
  Measurement measurement;
  int threads = 1;
  double bytes_per_token = 0;     // in the middle of the run
  double multiply_adds = 0;       // a token
  double bandwidth_gb_per_s = 0;  // measured for a working set of bytes_per_token, before the run

  double gb_per_s() const { return bytes_per_token * measurement.mean_tokens_per_s() / 1e9; }
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
    row.bytes_per_token = backend.plan->bytes_per_token(middle);
    row.multiply_adds = backend.plan->multiply_adds_per_token(middle);
    if (workload.generated > 0) {
      Team team(backend.threads);
      const auto bandwidth =
          MeasureReadBandwidth(team, static_cast<std::size_t>(row.bytes_per_token));
      if (bandwidth.ok()) row.bandwidth_gb_per_s = bandwidth->median_gb_per_s;
    }
  }
  row.measurement = Measure(*backend.executor, workload, repetitions);
  return row;
}

nlohmann::ordered_json ToJson(const BenchRow& row, const ModelSummary& model,
                              const BenchOptions& options) {
  const Measurement& m = row.measurement;
  std::vector<double> samples_ns, samples_ts;
  for (const double s : m.run_s) {
    samples_ns.push_back(s * 1e9);
    samples_ts.push_back(m.workload.tokens() / s);
  }
  nlohmann::ordered_json json = {{"model_filename", model.file},
                                 {"model_type", model.type},
                                 {"model_size", model.bytes},
                                 {"model_n_params", model.parameters},
                                 {"backends", options.backend.on},
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
  json["bandwidth_percent"] =
      row.bandwidth_gb_per_s > 0 ? 100 * row.gb_per_s() / row.bandwidth_gb_per_s : 0.0;
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
    cells.push_back(known ? fmt::format("{:.1f}", row.gb_per_s()) : "");
    cells.push_back(known ? fmt::format("{:.0f} % of {:.0f}",
                                        100 * row.gb_per_s() / row.bandwidth_gb_per_s,
                                        row.bandwidth_gb_per_s)
                          : "");
    for (const double share : {0.5, 0.99, 1.0}) {
      cells.push_back(fmt::format("{:.0f}", m.token_percentile_s(share) * 1e6));
    }
  } else {
    cells.resize(cells.size() + 5);
  }
  return cells;
}

const std::vector<std::string> kColumns = {"model",        "size",   "params", "backend",
                                           "threads",      "test",   "t/s",    "GB/s",
                                           "of bandwidth", "p50 us", "p99 us", "max us"};

void Print(const std::vector<BenchRow>& rows, const ModelSummary& model,
           const BenchOptions& options) {
  if (options.format == "json" || options.format == "jsonl") {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const BenchRow& row : rows) {
      all.push_back(ToJson(row, model, options));
      if (options.format == "jsonl") fmt::print("{}\n", all.back().dump());
    }
    if (options.format == "json") fmt::print("{}\n", all.dump(2));
    return;
  }
  Table table(kColumns);
  for (const BenchRow& row : rows) table.Add(Cells(row, model, options));
  fmt::print("{}", options.format == "csv" ? table.Csv() : table.Markdown());
}

Result<void> Execute(BenchOptions& options) {
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  MILLRACE_TRY(const Model model, Model::Load(path));
  const std::vector<Workload> workloads = Workloads(options);
  if (workloads.empty()) return Invalid("-p and -n are both 0: nothing to measure");
  std::int32_t context = 0;
  for (const Workload& workload : workloads)
    context = std::max(context, workload.depth + workload.tokens());
  options.backend.context = context;
  std::vector<BenchRow> rows;
  if (options.threads.empty()) options.threads = {0};
  for (const std::int32_t threads : options.threads) {
    options.backend.threads = threads;
    MILLRACE_TRY(const Backend backend, MakeBackend(model, options.backend));
    for (const Workload& workload : workloads)
      rows.push_back(RunOne(backend, workload, options.repetitions));
  }
  Print(rows, Summarise(model, path), options);
  return {};
}

}  // namespace

int Bench(const Arguments& arguments) {
  BenchOptions options;
  CLI::App app("Times prefill (pp) and decode (tg) as llama-bench does", "bench");
  app.option_defaults()->always_capture_default();
  AddModelOption(app, options.model);
  const auto tokens = CLI::Range(0, 1 << 20);
  app.add_option("-p,--n-prompt", options.prompts, "prompt tokens, a list")
      ->delimiter(',')
      ->check(tokens);
  app.add_option("-n,--n-gen", options.generated, "decoded tokens, a list")
      ->delimiter(',')
      ->check(tokens);
  app.add_option("-d,--n-depth", options.depths, "tokens in the cache before, a list")
      ->delimiter(',')
      ->check(tokens);
  app.add_option("-r,--repetitions", options.repetitions, "measured runs")
      ->check(CLI::Range(1, 100000));
  app.add_option("-b,--batch-size", options.backend.max_tokens, "prompt tokens a step")
      ->check(CLI::Range(1, 65536));
  app.add_option("-o,--output", options.format, "md, csv, json or jsonl")
      ->check(CLI::IsMember({"md", "csv", "json", "jsonl"}));
  AddBackendOptions(app, options.backend);
  app.remove_option(app.get_option("--threads"));
  app.add_option("-t,--threads", options.threads, "threads, a list; 0: one a core")
      ->delimiter(',')
      ->check(CLI::Range(0, 1024));
  if (const auto status = Parse(app, arguments)) return *status;
  if (const auto result = Execute(options); !result.ok()) return Fail(app, result.error());
  return 0;
}

}  // namespace millrace

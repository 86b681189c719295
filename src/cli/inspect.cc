// millrace inspect: what is in a model, and what a token of it costs on this machine.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/options.h"
#include "cli/table.h"
#include "graph/print.h"

namespace millrace {
namespace {

struct InspectOptions {
  std::string model, format = "md";
  bool tensors = false, graph = false;
  BackendOptions backend;
};

std::string Describe(const MetadataScalar& scalar) {
  if (const auto* text = std::get_if<std::string_view>(&scalar)) {
    return text->size() > 60 ? fmt::format("{}... ({} bytes)", text->substr(0, 40), text->size())
                             : std::string(*text);
  }
  return std::visit([](const auto& value) { return fmt::format("{}", value); }, scalar);
}

std::string Describe(const MetadataValue& value) {
  if (const auto* array = std::get_if<MetadataArray>(&value))
    return fmt::format("[{} elements]", array->size());
  return Describe(std::get<MetadataScalar>(value));
}

void PrintMetadata(const Checkpoint& checkpoint) {
  Table table({"key", "value"});
  for (const auto& [key, value] : checkpoint.metadata())
    table.Add({std::string(key), Describe(value)});
  fmt::print("{}\n", table.Markdown());
}

void PrintTensors(const Checkpoint& checkpoint, bool each) {
  Table table(each ? std::vector<std::string>{"tensor", "type", "shape", "bytes"}
                   : std::vector<std::string>{"type", "tensors", "parameters", "bytes"});
  struct Sum {
    std::int64_t tensors = 0, parameters = 0;
    std::size_t bytes = 0;
  };
  std::map<DType, Sum> sums;
  for (const Tensor& tensor : checkpoint.tensors()) {
    if (each) {
      table.Add({std::string(tensor.name), std::string(Name(tensor.dtype)),
                 fmt::format("{} x {}", tensor.rows(), tensor.columns()),
                 fmt::format("{}", tensor.bytes.size())});
    }
    Sum& sum = sums[tensor.dtype];
    ++sum.tensors;
    sum.parameters += tensor.rows() * tensor.columns();
    sum.bytes += tensor.bytes.size();
  }
  for (const auto& [dtype, sum] : sums) {
    if (each) break;
    table.Add({std::string(Name(dtype)), fmt::format("{}", sum.tensors),
               fmt::format("{}", sum.parameters), fmt::format("{}", sum.bytes)});
  }
  fmt::print("{}\n", table.Markdown());
}

void PrintPlan(const HostPlan& plan) {
  const double mega = 1e6;
  fmt::print("Host plan: {}, {} threads, KV cache {}\n\n", Name(plan.kernels().level),
             plan.options().threads, plan.options().kv_type == KvType::kF16 ? "F16" : "F32");
  Table memory({"memory", "MB"});
  memory.Add(
      {"packed weights", fmt::format("{:.2f}", static_cast<double>(plan.weight_bytes()) / mega)});
  memory.Add({fmt::format("KV cache of {} positions", plan.options().context),
              fmt::format("{:.2f}", static_cast<double>(plan.kv_bytes()) / mega)});
  memory.Add({fmt::format("activations of {} tokens, tables", plan.options().max_tokens),
              fmt::format("{:.2f}", static_cast<double>(plan.activation_bytes()) / mega)});
  fmt::print("{}\n", memory.Markdown());
  Table table({"a token at position", "bytes read", "multiply-adds", "bytes a multiply-add"});
  for (std::int64_t position = 1; position <= plan.options().context; position *= 8) {
    const double bytes = plan.bytes_per_token(position),
                 work = plan.multiply_adds_per_token(position);
    table.Add({fmt::format("{}", position), fmt::format("{:.0f}", bytes),
               fmt::format("{:.0f}", work), fmt::format("{:.3f}", bytes / work)});
  }
  fmt::print("{}", table.Markdown());
}

nlohmann::ordered_json ToJson(const Model& model, const HostPlan& plan) {
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const Tensor& tensor : model.checkpoint().tensors()) {
    tensors.push_back({{"name", std::string(tensor.name)},
                       {"type", std::string(Name(tensor.dtype))},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes.size()}});
  }
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();
  for (const auto& [key, value] : model.checkpoint().metadata())
    metadata[std::string(key)] = Describe(value);
  return {{"file", model.checkpoint().name()},
          {"metadata", metadata},
          {"tensors", tensors},
          {"plan",
           {{"level", std::string(Name(plan.kernels().level))},
            {"threads", plan.options().threads},
            {"context", plan.options().context},
            {"weight_bytes", plan.weight_bytes()},
            {"kv_bytes", plan.kv_bytes()},
            {"activation_bytes", plan.activation_bytes()},
            {"bytes_per_token", plan.bytes_per_token(1)},
            {"multiply_adds_per_token", plan.multiply_adds_per_token(1)}}}};
}

Result<void> Execute(const InspectOptions& options) {
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  MILLRACE_TRY(const Model model, Model::Load(path));
  if (options.graph) {
    fmt::print("{}", Print(model.graph()));
    return {};
  }
  MILLRACE_TRY(const Backend backend, MakeBackend(model, options.backend));
  if (backend.plan == nullptr)
    return Unsupported("--on {}: has no plan to inspect", options.backend.on);
  if (options.format == "json") {
    fmt::print(
        "{}\n",
        ToJson(model, *backend.plan).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return {};
  }
  fmt::print("{}: {} bytes, {} tensors\n\n", path, model.checkpoint().file_bytes(),
             model.checkpoint().tensors().size());
  PrintMetadata(model.checkpoint());
  PrintTensors(model.checkpoint(), options.tensors);
  PrintPlan(*backend.plan);
  return {};
}

}  // namespace

int Inspect(const Arguments& arguments) {
  InspectOptions options;
  CLI::App app("What is in a model, and what a token of it costs on this machine", "inspect");
  app.option_defaults()->always_capture_default();
  app.add_option("FILE,-m,--model", options.model,
                 "GGUF file; without it the model that comes with millrace");
  app.add_flag("--tensors", options.tensors, "list every tensor");
  app.add_flag("--graph", options.graph, "print the operations, and nothing else");
  app.add_option("-c,--ctx-size", options.backend.context,
                 "context in tokens; 0: the model's, at most 4096")
      ->check(CLI::Range(0, 1 << 24));
  app.add_option("-o,--output", options.format, "md or json")->check(CLI::IsMember({"md", "json"}));
  AddBackendOptions(app, options.backend);
  if (const auto status = Parse(app, arguments)) return *status;
  if (const auto result = Execute(options); !result.ok()) return Fail(app, result.error());
  return 0;
}

}  // namespace millrace

#include "model/graph_builder.h"

#include <cstring>

#include "base/overloaded.h"
#include "graph/verify.h"

namespace millrace {
namespace {

// Trailing dimensions of 1 say nothing.
std::vector<std::int64_t> Significant(std::vector<std::int64_t> shape) {
  while (shape.size() > 1 && shape.back() == 1) shape.pop_back();
  return shape;
}

// A range of a tensor's bytes, of which a shape has none.
std::span<const std::byte> Part(const Tensor& tensor, std::size_t begin, std::size_t count) {
  return tensor.bytes.empty() ? tensor.bytes : tensor.bytes.subspan(begin, count);
}

// The type that a file would have a tensor in: norms, biases and routers in F32, matrices as the
// shape says or, if their columns are no whole blocks of it, in a type of smaller ones.
DType TypeOf(std::string_view name, std::int64_t columns, DType matrices) {
  const bool is_vector = !name.ends_with(".weight") || name.ends_with("_norm.weight") ||
                         name.ends_with("_sinks.weight") || name.ends_with(".ffn_gate_inp.weight");
  if (is_vector) return DType::kF32;
  for (const DType dtype : {matrices, DType::kQ8_0}) {
    if (static_cast<std::size_t>(columns) % BlockElements(dtype) == 0) return dtype;
  }
  return DType::kF16;
}

}  // namespace

bool GraphBuilder::Has(std::string_view name) const {
  return checkpoint_.Find(name) != nullptr ||
         (checkpoint_.shape() != nullptr && checkpoint_.shape()->Has(name));
}

Result<const Tensor*> GraphBuilder::Make(std::string_view name, std::vector<std::int64_t> wanted) {
  constexpr double kMostBytes = 1e15;
  const auto found = made_.find(name);
  if (found != made_.end()) return &found->second;
  const DType dtype = TypeOf(name, wanted[0], checkpoint_.shape()->matrices);
  double bytes = 4;
  for (const std::int64_t count : wanted) bytes *= static_cast<double>(count);
  made_bytes_ += bytes;
  if (made_bytes_ > kMostBytes) {
    return Unsupported("{}: found more than {} bytes of weights at tensor {}, wanted fewer",
                       checkpoint_.name(), kMostBytes, name);
  }
  const auto at = made_.emplace(std::string(name), Tensor{{}, dtype, std::move(wanted), {}}).first;
  at->second.name = at->first;
  return &at->second;
}

Result<const Tensor*> GraphBuilder::Find(std::string_view name, std::vector<std::int64_t> wanted) {
  const Tensor* tensor = checkpoint_.Find(name);
  if (tensor == nullptr && checkpoint_.shape() != nullptr) return Make(name, std::move(wanted));
  if (tensor == nullptr) {
    return Invalid("{}: tensor {} is missing, wanted with shape [{}]", checkpoint_.name(), name,
                   fmt::join(wanted, ", "));
  }
  if (Significant(tensor->shape) != Significant(wanted)) {
    return Invalid("{}: tensor {} has shape [{}], wanted [{}]", checkpoint_.name(), name,
                   fmt::join(tensor->shape, ", "), fmt::join(wanted, ", "));
  }
  used_.emplace(name);
  return tensor;
}

Result<const Tensor*> GraphBuilder::FindF32(std::string_view name,
                                            std::vector<std::int64_t> wanted) {
  MILLRACE_TRY(const Tensor* tensor, Find(name, std::move(wanted)));
  if (tensor->dtype != DType::kF32) {
    return Unsupported("{}: tensor {} has type {}, supported: F32", checkpoint_.name(), name,
                       Name(tensor->dtype));
  }
  return tensor;
}

WeightId GraphBuilder::Add(Weight weight) {
  const WeightId next{static_cast<std::int32_t>(graph_.weights.size())};
  const auto [at, is_new] = added_.emplace(weight.name, next);
  if (is_new) graph_.weights.push_back(std::move(weight));
  return at->second;
}

Result<WeightId> GraphBuilder::Matrix(std::string_view name, std::int64_t rows,
                                      std::int64_t columns) {
  MILLRACE_TRY(const Tensor* tensor, Find(name, {columns, rows}));
  return Add({std::string(name), tensor->dtype, rows, columns, tensor->bytes});
}

Result<WeightId> GraphBuilder::Rows(std::string_view name, std::int64_t rows, std::int64_t columns,
                                    std::int64_t begin, std::int64_t count) {
  MILLRACE_TRY(const Tensor* tensor, Find(name, {columns, rows}));
  const std::size_t row_bytes = RowBytes(tensor->dtype, static_cast<std::size_t>(columns));
  return Add({fmt::format("{}@{}+{}", name, begin, count), tensor->dtype, count, columns,
              Part(*tensor, static_cast<std::size_t>(begin) * row_bytes,
                   static_cast<std::size_t>(count) * row_bytes)});
}

Result<WeightId> GraphBuilder::Stack(std::string_view name, std::int64_t experts, std::int64_t rows,
                                     std::int64_t columns) {
  MILLRACE_TRY(const Tensor* tensor, Find(name, {columns, rows, experts}));
  return Add({std::string(name), tensor->dtype, experts * rows, columns, tensor->bytes});
}

Result<WeightId> GraphBuilder::Vector(std::string_view name, std::int64_t size) {
  MILLRACE_TRY(const Tensor* tensor, FindF32(name, {size}));
  return Add({std::string(name), DType::kF32, 1, size, tensor->bytes});
}

Result<WeightId> GraphBuilder::Elements(std::string_view name, std::int64_t size,
                                        std::int64_t begin, std::int64_t count) {
  MILLRACE_TRY(const Tensor* tensor, FindF32(name, {size}));
  return Add({fmt::format("{}@{}+{}", name, begin, count), DType::kF32, 1, count,
              Part(*tensor, static_cast<std::size_t>(begin) * sizeof(float),
                   static_cast<std::size_t>(count) * sizeof(float))});
}

Result<WeightId> GraphBuilder::StackedVector(std::string_view name, std::int64_t experts,
                                             std::int64_t size) {
  MILLRACE_TRY(const Tensor* tensor, FindF32(name, {size, experts}));
  return Add({std::string(name), DType::kF32, 1, experts * size, tensor->bytes});
}

Result<std::vector<float>> GraphBuilder::Values(std::string_view name, std::int64_t size) {
  MILLRACE_TRY(const Tensor* tensor, FindF32(name, {size}));
  std::vector<float> values(static_cast<std::size_t>(size));
  std::memcpy(values.data(), tensor->bytes.data(), tensor->bytes.size());
  return values;
}

void GraphBuilder::LeaveOut(std::string_view prefix) {
  for (const Tensor& tensor : checkpoint_.tensors()) {
    if (tensor.name.starts_with(prefix)) used_.emplace(tensor.name);
  }
}

RopeTableId GraphBuilder::Append(RopeTable table) {
  graph_.rope_tables.push_back(std::move(table));
  return RopeTableId{static_cast<std::int32_t>(graph_.rope_tables.size() - 1)};
}

ValueId GraphBuilder::Append(const Operation& operation) {
  const std::int64_t columns =
      std::visit(Overloaded{
                     [&](const Embed& op) { return graph_.weight(op.table).columns; },
                     [&](const RmsNorm& op) { return ColumnsOf(op.input); },
                     [&](const Linear& op) { return graph_.weight(op.weight).rows; },
                     [&](const Rope& op) { return ColumnsOf(op.input); },
                     [&](const Attention& op) { return std::int64_t{op.heads} * op.value_dim; },
                     [&](const GateMul& op) { return ColumnsOf(op.gate); },
                     [&](const millrace::Add& op) { return ColumnsOf(op.left); },
                     [&](const Scale& op) { return ColumnsOf(op.input); },
                     [&](const Softcap& op) { return ColumnsOf(op.input); },
                     [&](const HeadSlice& op) { return std::int64_t{op.heads} * op.size; },
                     [&](const HeadConcat& op) { return ColumnsOf(op.left) + ColumnsOf(op.right); },
                     [&](const Route& op) { return ColumnsOf(op.logits); },
                     [&](const Experts& op) { return ColumnsOf(op.input); },
                 },
                 operation);
  graph_.operations.push_back(operation);
  graph_.columns.push_back(columns);
  return ValueId{static_cast<std::int32_t>(graph_.operations.size() - 1)};
}

Result<Graph> GraphBuilder::Finish(ValueId logits) && {
  for (const Tensor& tensor : checkpoint_.tensors()) {
    if (!used_.contains(tensor.name)) {
      return Unsupported(
          "{}: tensor {} has no part in this architecture, as far as it is supported",
          checkpoint_.name(), tensor.name);
    }
  }
  graph_.logits = logits;
  const Result<void> verified = Verify(graph_);
  if (!verified.ok()) return Invalid("{}: {}", checkpoint_.name(), verified.error().message);
  return std::move(graph_);
}

}  // namespace millrace

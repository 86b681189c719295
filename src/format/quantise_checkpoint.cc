#include "format/quantise_checkpoint.h"

#include <cmath>
#include <cstring>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/team.h"
#include "format/gguf_types.h"
#include "format/gguf_value.h"
#include "numerics/quantise_closely.h"
#include "numerics/reference.h"

namespace millrace {
namespace {

constexpr std::uint32_t kQuantizationVersion = 2;  // of ggml's block layouts

bool IsLeftOut(std::string_view key) {
  return key == gguf::kAlignmentKey || key.starts_with("split.");
}

void SetMetadata(const Checkpoint& checkpoint, const QuantiseOptions& options, GgufWriter& writer) {
  std::map<std::string, GgufValue> keys;
  for (const auto& [key, value] : checkpoint.metadata()) {
    if (!IsLeftOut(key)) keys[std::string(key)] = ToGgufValue(value);
  }
  for (const auto& [key, value] : options.keys) keys[key] = value;
  keys["general.file_type"] = options.recipe.file_type;
  keys["general.quantization_version"] = kQuantizationVersion;
  for (auto& [key, value] : keys) writer.Set(key, std::move(value));
}

// Row by row: read, write in the new type, read again to see the error.
class RowConversion {
 public:
  RowConversion(const Tensor& from, DType to) : from_(from), to_(to) {
    const auto columns = static_cast<std::size_t>(from.columns());
    values_.resize(columns);
    back_.resize(columns);
  }

  void Run(std::int64_t row, std::span<std::byte> out, double& error, double& weight) {
    const std::size_t row_bytes = RowBytes(from_.dtype, values_.size());
    const std::byte* in = from_.bytes.data() + static_cast<std::size_t>(row) * row_bytes;
    reference::DequantiseRow(from_.dtype, in, values_);
    QuantiseRowClosely(to_, values_, out);
    reference::DequantiseRow(to_, out.data(), back_);
    error = weight = 0;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const double value = values_[i], off = back_[i] - value;
      error += off * off;
      weight += value * value;
    }
  }

 private:
  const Tensor& from_;
  DType to_;
  std::vector<float> values_, back_;
};

class Conversion {
 public:
  Conversion(const Checkpoint& checkpoint, const QuantiseOptions& options,
             std::span<const TypeChoice> choices)
      : checkpoint_(checkpoint), options_(options), team_(options.threads) {
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const Tensor& tensor = checkpoint.tensors()[i];
      const auto weights = static_cast<std::uint64_t>(tensor.rows() * tensor.columns());
      done_.push_back({.name = std::string(tensor.name),
                       .from = tensor.dtype,
                       .to = choices[i].dtype,
                       .wanted = choices[i].wanted,
                       .weights = weights,
                       .bytes_before = tensor.bytes.size(),
                       .bytes_after = 0});
      weights_total_ += weights;
    }
  }

  Result<void> Check() const {
    for (const QuantisedTensor& tensor : done_) {
      if (tensor.from != tensor.to && IsQuantised(tensor.from) && !options_.allow_requantize) {
        return Invalid(
            "{}: tensor {} is {} already, wanted F32, F16 or BF16; "
            "--allow-requantize takes it all the same, with the errors of both",
            checkpoint_.name(), tensor.name, Name(tensor.from));
      }
    }
    return {};
  }

  Result<void> Fill(const GgufRows& rows) {
    const Tensor& from = checkpoint_.tensors()[rows.tensor];
    QuantisedTensor& tensor = done_[rows.tensor];
    if (tensor.from == tensor.to) {
      Copy(from, rows);
    } else {
      MILLRACE_TRY_VOID(Convert(from, rows, tensor));
    }
    tensor.bytes_after += rows.bytes.size();
    weights_done_ += static_cast<std::uint64_t>(rows.row_count * from.columns());
    if (options_.progress) options_.progress(weights_done_, weights_total_);
    return {};
  }

  std::vector<QuantisedTensor> Finish() && { return std::move(done_); }

 private:
  static void Copy(const Tensor& from, const GgufRows& rows) {
    const std::size_t row_bytes = rows.bytes.size() / static_cast<std::size_t>(rows.row_count);
    std::memcpy(rows.bytes.data(),
                from.bytes.data() + static_cast<std::size_t>(rows.first_row) * row_bytes,
                rows.bytes.size());
  }

  // Thread t of the team takes every row that is t modulo their number.
  Result<void> Convert(const Tensor& from, const GgufRows& rows, QuantisedTensor& tensor) {
    const auto count = static_cast<std::size_t>(rows.row_count);
    const std::size_t row_bytes = rows.bytes.size() / count;
    std::vector<double> errors(count), weights(count);
    std::vector<RowConversion> conversions(static_cast<std::size_t>(team_.threads()),
                                           RowConversion(from, tensor.to));
    team_.Run([&](int thread) {
      RowConversion& conversion = conversions[static_cast<std::size_t>(thread)];
      for (std::size_t row = static_cast<std::size_t>(thread); row < count;
           row += conversions.size()) {
        conversion.Run(rows.first_row + static_cast<std::int64_t>(row),
                       rows.bytes.subspan(row * row_bytes, row_bytes), errors[row], weights[row]);
      }
    });
    for (std::size_t row = 0; row < count; ++row) {
      if (!std::isfinite(errors[row])) {
        return Invalid("{}: tensor {}, row {}: holds a number that {} cannot hold",
                       checkpoint_.name(), tensor.name,
                       rows.first_row + static_cast<std::int64_t>(row), Name(tensor.to));
      }
      tensor.squared_error += errors[row];
      tensor.squared_weight += weights[row];
    }
    return {};
  }

  const Checkpoint& checkpoint_;
  const QuantiseOptions& options_;
  Team team_;
  std::vector<QuantisedTensor> done_;
  std::uint64_t weights_done_ = 0, weights_total_ = 0;
};

}  // namespace

Result<std::vector<QuantisedTensor>> QuantiseCheckpoint(const Checkpoint& checkpoint,
                                                        const std::string& path,
                                                        const QuantiseOptions& options) {
  MILLRACE_TRY(const auto choices, ChooseTypes(checkpoint, options.recipe));
  GgufWriter writer;
  SetMetadata(checkpoint, options, writer);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Tensor& tensor = checkpoint.tensors()[i];
    writer.AddTensor({std::string(tensor.name), choices[i].dtype, tensor.shape});
  }
  Conversion conversion(checkpoint, options, choices);
  MILLRACE_TRY_VOID(conversion.Check());
  MILLRACE_TRY_VOID(
      writer.Write(path, [&](const GgufRows& rows) { return conversion.Fill(rows); }));
  return std::move(conversion).Finish();
}

}  // namespace millrace

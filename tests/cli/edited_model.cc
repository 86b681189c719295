#include "edited_model.h"

#include <cstring>

#include "format/checkpoint.h"

namespace millrace {
namespace {

std::string Text(std::string_view text) { return std::string(text); }

GgufValue ToGguf(const MetadataScalar& scalar) {
  if (const auto* number = std::get_if<std::uint64_t>(&scalar))
    return static_cast<std::uint32_t>(*number);
  if (const auto* number = std::get_if<std::int64_t>(&scalar))
    return static_cast<std::int32_t>(*number);
  if (const auto* number = std::get_if<double>(&scalar)) return static_cast<float>(*number);
  if (const auto* choice = std::get_if<bool>(&scalar)) return *choice;
  return Text(std::get<std::string_view>(scalar));
}

// Arrays of text, of floats, or of integers.
GgufValue ToGguf(const MetadataArray& array) {
  std::vector<std::string> texts;
  std::vector<float> floats;
  std::vector<std::int32_t> integers;
  array.All([&](const MetadataScalar& scalar) {
    const GgufValue value = ToGguf(scalar);
    if (const auto* text = std::get_if<std::string>(&value)) texts.push_back(*text);
    if (const auto* number = std::get_if<float>(&value)) floats.push_back(*number);
    if (const auto* number = std::get_if<std::int32_t>(&value)) integers.push_back(*number);
    return true;
  });
  if (!texts.empty()) return texts;
  if (!floats.empty()) return floats;
  return integers;
}

}  // namespace

EditedModel EditedModel::Load(const std::string& path) {
  const Checkpoint file = Checkpoint::Load(path).value();
  EditedModel model;
  for (const auto& [key, value] : file.metadata()) {
    model.metadata[Text(key)] =
        std::visit([](const auto& either) { return ToGguf(either); }, value);
  }
  for (const Tensor& tensor : file.tensors()) {
    model.parts.push_back({.tensor = {Text(tensor.name), tensor.dtype, tensor.shape},
                           .bytes = std::string(reinterpret_cast<const char*>(tensor.bytes.data()),
                                                tensor.bytes.size())});
  }
  return model;
}

EditedModel::Part& EditedModel::Find(const std::string& name) {
  for (Part& part : parts) {
    if (part.tensor.name == name) return part;
  }
  MILLRACE_CHECK(false);
  return parts.front();
}

void EditedModel::Erase(const std::string& name) {
  std::erase_if(parts, [&](const Part& part) { return part.tensor.name == name; });
}

void EditedModel::Reshape(const std::string& name, std::vector<std::int64_t> shape) {
  Part& part = Find(name);
  part.tensor.shape = std::move(shape);
  part.bytes.assign(part.tensor.data_bytes(), '\0');
}

std::string EditedModel::Write(const std::string& path) const {
  GgufWriter writer;
  for (const auto& [key, value] : metadata) writer.Set(key, value);
  for (const Part& part : parts) writer.AddTensor(part.tensor);
  const auto written = writer.Write(path, [&](const GgufRows& rows) -> Result<void> {
    const Part& part = parts[rows.tensor];
    const std::size_t offset = static_cast<std::size_t>(rows.first_row) * part.tensor.row_bytes();
    std::memcpy(rows.bytes.data(), part.bytes.data() + offset, rows.bytes.size());
    return {};
  });
  MILLRACE_CHECK(written.ok());
  return path;
}

}  // namespace millrace

// A model file in parts, to be changed and written again.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "format/gguf_writer.h"

namespace millrace {

struct EditedModel {
  struct Part {
    GgufTensor tensor;
    std::string bytes;  // tensor.data_bytes() of them
  };
  std::map<std::string, GgufValue> metadata;
  std::vector<Part> parts;

  // All of a GGUF file.
  static EditedModel Load(const std::string& path);

  Part& Find(const std::string& name);
  void Erase(const std::string& name);
  // Gives a tensor this shape, and zeros.
  void Reshape(const std::string& name, std::vector<std::int64_t> shape);

  // Returns `path`.
  std::string Write(const std::string& path) const;
};

}  // namespace millrace

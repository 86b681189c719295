// What turns the tensors of a Hugging Face directory into those of its GGUF file: tables of names
// and changes, and what a change works on. A family of architectures is one file, hf_FAMILY.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/checkpoint_builder.h"
#include "format/hf_keys.h"
#include "format/hf_object.h"
#include "format/safetensors.h"

namespace millrace {

// A tensor of the directory, and where it goes.
struct HfSource {
  const SafetensorsTensor& tensor;
  std::string target;        // its name in GGUF
  std::string layer;         // "blk.3", empty outside of layers
  std::uint32_t expert = 0;  // of "experts.{}"
};

class HfConversion;
using HfChange = Result<void> (*)(HfConversion& conversion, const HfSource& source);

// Names that begin with a dot are those of every layer: ".self_attn.q_proj.weight" stands for
// model.layers.N.self_attn.q_proj.weight, ".attn_q.weight" for blk.N.attn_q.weight. ".experts.{}."
// stands for every expert. Changes are in format/hf_changes.h, or the family's own.
struct HfRule {
  std::string_view from, to;
  HfChange change;
};

struct HfFamily {
  std::string_view name;          // in config.json's "architectures"
  std::string_view architecture;  // general.architecture
  HfDefaults defaults;
  std::span<const HfRule> rules;  // these, else the shared ones (format/hf_families.h)
  // Sets the keys that this family alone has, adds tensors that are computed.
  Result<void> (*complete)(HfConversion& conversion);
  bool multimodal = false;    // the text model is a part of it: config.json's text_config
  bool extra_layers = false;  // there may be layers beyond the count, which no token passes
};

class HfConversion {
 public:
  // `config` is config.json, or its part about text, and outlives this. `tensors` view files that
  // the builder owns.
  HfConversion(const HfFamily& family, HfObject config, std::vector<SafetensorsTensor> tensors,
               CheckpointBuilder builder);

  // Sets the keys, converts the tensors. kUnsupported for a tensor that no rule names.
  Result<void> Run();
  Result<Checkpoint> Finish() &&;

  // For families and changes.
  const HfObject& config() const { return config_; }
  const HfRope& rope() const { return rope_; }
  const HfSizes& sizes() const { return sizes_; }
  HfKeys& keys() { return keys_; }
  const std::string& name() const { return builder_.checkpoint().name(); }  // the directory

  // Null if the directory has none of that name.
  const SafetensorsTensor* Find(std::string_view name) const;

  std::span<std::byte> Allocate(std::size_t size_bytes) { return builder_.Allocate(size_bytes); }

  // Adds a tensor; `shape` is outermost first, `bytes` live as long as the checkpoint. Norms,
  // biases and what else GGUF has in F32 become that; bytes that are not aligned are copied.
  // kInvalid for a shape that GGUF cannot have, for a name that occurs twice.
  Result<void> Add(const std::string& name, DType dtype, std::span<const std::int64_t> shape,
                   std::span<const std::byte> bytes);

  // Adds part `index` of a tensor that is `count` equal parts, in a new outermost dimension.
  Result<void> AddPart(const std::string& name, std::uint32_t index, std::uint32_t count,
                       const SafetensorsTensor& part);

 private:
  using Parts = std::vector<const SafetensorsTensor*>;  // null: not seen yet

  Result<void> Convert(const SafetensorsTensor& tensor);
  Result<void> AddStacks();
  Result<void> AddStack(const std::string& target, const Parts& parts);

  const HfFamily& family_;
  HfObject config_;
  HfRope rope_;
  HfSizes sizes_;
  HfKeys keys_;
  std::vector<SafetensorsTensor> tensors_;
  std::map<std::string_view, const SafetensorsTensor*> by_name_;
  std::map<std::string, Parts> stacks_;
  CheckpointBuilder builder_;
};

}  // namespace millrace

// config.json as GGUF metadata: the keys that every architecture has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "format/gguf_writer.h"
#include "format/hf_object.h"

namespace millrace {

// The metadata of the model to be. A key that is set again has the last value.
class HfKeys {
 public:
  explicit HfKeys(std::string_view architecture) : architecture_(architecture) {}

  void Set(std::string_view key, GgufValue value);    // ARCHITECTURE.key
  void SetFloat(std::string_view key, double value);  // the same, as float32
  void SetPlain(std::string key, GgufValue value);    // key as it is
  GgufWriter Writer() const;

 private:
  std::string architecture_;
  std::map<std::string, GgufValue> values_;
};

// The rotation of positions, in layers that attend to everything. Configurations have its numbers
// at several places, by the age of the library that wrote them.
struct HfRope {
  std::optional<HfObject> scaling;     // what configures `type`
  std::string type;                    // "default", "linear", "yarn", "llama3", "longrope", ...
  double base = 0;                     // rope_theta
  std::optional<double> sliding_base;  // the same in layers with a sliding window
};

// What transformers takes for keys that config.json does not have.
struct HfDefaults {
  double norm_eps = 1e-6;
  double rope_base = 10000;
  std::uint32_t context = 2048;
  // 0: the key must be there; as many as heads; hidden size / heads
  std::uint32_t heads = 0, kv_heads = 0, head_dim = 0;
};

// The numbers of a model that its conversion needs, each at least 1 but `experts`.
struct HfSizes {
  std::uint32_t layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::uint32_t experts = 0;  // 0: none
};

// `config` is config.json, or its part about text. kInvalid for a value of the wrong type.
Result<HfRope> ReadHfRope(const HfObject& config, const HfDefaults& defaults);

// Sets the keys of a scaled rotation, where it is not scaled, linear or YaRN; kUnsupported for
// others.
Result<void> SetRopeScaling(const HfObject& config, const HfRope& rope, HfKeys& keys);

// Sets sizes, norm, rotation (without its scaling) and experts. The errors are those of HfObject.
Result<HfSizes> SetSharedKeys(const HfObject& config, const HfRope& rope,
                              const HfDefaults& defaults, HfKeys& keys);

}  // namespace millrace
